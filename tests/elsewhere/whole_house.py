"""A portal and its worker, told by environment of a provider that has everything, and its people.

Portal, worker and provider are processes; people are browsers without JavaScript, over HTTP.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import psycopg

from scripts.processes import worker_command
from tests.connections.broker_house import House, house_of
from tests.support.stack import eventually
from tests.support.tenant import CHECKOUT
from tests.support.vault import VaultElsewhere

ADMINS = ("amir", "anya")
OWNERS = ("mia", "nina", "omar", "olga", "rita", "sven", "tara", "pia", "quin", "rhea", "uma")
CAST: dict[str, list[str]] = {who: ["admin"] for who in ADMINS} | {who: [] for who in OWNERS}
SUBS = {who: f"samlp|acme|{who}@acme.example" for who in CAST}
PUSH, TOKEN = "POST /bc-authorize", "POST /oauth/token"
HTML = {"status": 200, "raw": "<html>a hotel</html>"}
SLOW: dict[str, Any] = {"wait_s": 9}
"""The work is done, and its answer comes a second after the portal stopped waiting for it."""


def limited(seconds: int, by: str = "Retry-After") -> dict[str, Any]:
    """429 that says how long to wait, or when the limit resets."""
    body = {"error": "too_many_requests"}
    return {"status": 429, "body": body, "headers": {by: str(seconds)}}


@dataclass
class Person:
    """Somebody's browser: it follows redirects, also those of a page (`Refresh`)."""

    url: str
    issuer: str
    who: str
    http: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=60, trust_env=False, follow_redirects=False)
    )

    @property
    def sub(self) -> str:
        """Their subject at the provider."""
        return SUBS[self.who]

    def sign_in(self) -> httpx.Response:
        """At the provider, and with it in the portal."""
        self.http.get(f"{self.issuer}become", params={"sub": self.sub})
        return self.get("/oidc/authenticate/")

    def get(self, path: str) -> httpx.Response:
        """A page, wherever it leads."""
        return self._arrived(self.http.get(urljoin(self.url, path)))

    def submit(self, page: str, path: str = "", **fields: str) -> httpx.Response:
        """Fill in a form of a page and send it to `path`, else to the page."""
        shown = self.http.get(urljoin(self.url, page))
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', shown.text)
        assert token, (shown.status_code, shown.headers, shown.text[:400])
        given = {"csrfmiddlewaretoken": token[1]} | fields
        return self._arrived(self.http.post(urljoin(self.url, path or page), data=given))

    def _arrived(self, page: httpx.Response) -> httpx.Response:
        for _ in range(20):
            onwards = page.headers.get("location") if page.is_redirect else ""
            onwards = onwards or page.headers.get("refresh", "").partition("url=")[2]
            if not onwards:
                assert page.status_code < 500, page.text[:600]
                return page
            page = self.http.get(urljoin(str(page.url), unescape(onwards)))
        raise AssertionError(f"going in circles: {page.url}")


@dataclass
class WholeHouse(House):
    """The house with a worker and people in browsers."""

    people: dict[str, Person] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The portal as browsers know it."""
        return f"http://localhost:{urlsplit(self.url).port}"

    def visitor(self, who: str) -> Person:
        """Their browser, signed in."""
        if who not in self.people:
            self.people[who] = Person(self.address, self.vault.issuer, who)
            assert self.people[who].sign_in().status_code == 200
        return self.people[who]

    def connects(self, who: str, connection: str, login: str) -> httpx.Response:
        """A person connects an account in their browser; the page that it ends on."""
        self.vault.tell(next_login={SUBS[who]: login})
        return self.visitor(who).submit(f"/connections/connect/{connection}/")

    def breaks(self, at: str, *faults: dict[str, Any], having: str = "") -> None:
        """The next calls that fit get these, one each."""
        self.vault.tell(breaks=[{"at": at, "having": having, **fault} for fault in faults])

    def all_broke(self) -> bool:
        """Whether each fault that was told happened."""
        return not self.vault.tell()["breaks"]

    def calls(self, at: str, since: float = 0.0) -> list[float]:
        """When the provider was called so."""
        return [when for when, what in self.vault.tell()["calls"]
                if re.fullmatch(at, what) and when >= since]  # fmt: skip

    def in_vault(self, who: str) -> list[dict[str, Any]]:
        """What the provider itself holds of a person."""
        return list(self.vault.tell()["accounts"].get(SUBS[who], []))

    def pushes(self, who: str, since: float = 0.0) -> list[dict[str, Any]]:
        """What came to a person's phone."""
        return [push for push in self.vault.tell()["pushes"]
                if push["sub"] == SUBS[who] and push["begun"] >= since]  # fmt: skip

    def answered(self, pk: str, who: str, said: str = "approve", **fault: Any) -> None:
        """A person answers their newest push of an approval, whose collection meets a fault."""
        push = self.pushed(pk, who)
        given = [{"at": TOKEN, "having": push["id"], **fault}] if fault else []
        self.vault.tell(answer={push["code"]: said}, breaks=given)

    def pushed(self, pk: str, who: str) -> dict[str, Any]:
        """The push of an approval that a person has, once it is there."""
        found = eventually(lambda: self.push(who, self.code(pk)), f"a push to {who}")
        assert found
        return found

    def push(self, who: str, code: str) -> dict[str, Any] | None:
        """The push that shows a code."""
        return next((p for p in self.pushes(who) if p["code"] == code), None)

    def asked(self, pk: str) -> str:
        """Who is asked now."""
        sub = self.approval(pk)["asked_sub"]
        return next(who for who, known in SUBS.items() if known == sub)

    def pending(self) -> list[dict[str, Any]]:
        """Approvals that wait."""
        path = "/v1/approvals?status=pending"
        return list(self.api("GET", path, "auth0|au", "auditor")["items"])

    def approval(self, pk: str) -> dict[str, Any]:
        """An approval as an auditor sees it."""
        return dict(self.api("GET", f"/v1/approvals/{pk}", "auth0|au", "auditor"))

    def code(self, pk: str) -> str:
        """The code that both screens show, once it was pushed."""
        return str(self.approval(pk)["binding_message"])

    def closed(self, pk: str) -> dict[str, Any]:
        """The same when it is over."""
        return eventually(
            lambda: (found := self.approval(pk))["status"] == "closed" and found, f"end of {pk}"
        )

    def asks_as(self, who: str, role: str, verb: str, kind: str, name: str, **params: Any) -> str:
        """A decision that waits; the id of its approval."""
        said = {"verb": verb, "target": {"kind": kind, "name": name}, "reason": "a test"}
        given = self.api("POST", "/v1/decisions", SUBS[who], role, said | {"params": params})
        return str(given["approval_id"])

    def told(self, action: str, **about: str) -> list[dict[str, Any]]:
        """Events of an action, newest first."""
        return self.events(action=action, **about)

    def rotates(self, **told: Any) -> None:
        """A new signing key, which the portal knows then; its worker has to find it by itself.

        Whoever shows the portal a token may have to wait: it looks for keys each five seconds.
        `told` is what else the provider is told in that moment.
        """
        self.vault.tell(rotate_keys=f"key-{time.time()}", **told)
        eventually(lambda: self._takes(self.vault.token(SUBS["amir"])), "the new key is known")

    def _takes(self, token: str) -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{self.url}/v1/whoami", headers=headers, timeout=60).is_success

    def state(self, who: str, connection: str = "github") -> str:
        """How the newest account of a person on a connection stands; empty where there is none."""
        found = [a for a in self.accounts_of(SUBS[who]) if a["connection"] == connection]
        return str(found[-1]["state"]) if found else ""

    def account(self, who: str, connection: str = "github") -> str:
        """The id of the one account of a person on a connection."""
        (found,) = [a for a in self.accounts_of(SUBS[who]) if a["connection"] == connection]
        return str(found["id"])

    def unused_for(self, hours: int, connection: str) -> None:
        """As if nobody had used such accounts for so long, which only a clock could really do."""
        long_ago = datetime.now(UTC) - timedelta(hours=hours)
        columns = ("last_used_at", "watched_since", "state_since")
        self.write(
            f"UPDATE connections_connectedaccount SET {', '.join(f'{c} = %s' for c in columns)}"
            " WHERE connection = %s",
            *[long_ago] * len(columns),
            connection,
        )

    def write(self, statement: str, *values: Any) -> None:
        """Write into the portal's database beside it."""
        address = self.env["DATABASE_URL"]
        if address.startswith("sqlite:"):
            path = self.folder / "portal.sqlite3"
            with closing(sqlite3.connect(path, timeout=60)) as opened, opened:
                plain = [v if isinstance(v, str) else f"{v:%Y-%m-%d %H:%M:%S.%f}" for v in values]
                opened.execute(statement.replace("%s", "?"), plain)
            return
        with psycopg.connect(address) as server:
            server.execute(statement.encode(), values)


@contextmanager
def whole_house(folder: Path) -> Iterator[WholeHouse]:
    """Start all of it; everybody is signed in."""
    elsewhere = VaultElsewhere(module="tests.support.whole_provider")
    told = {"PUSHES_PER_MINUTE": "1000"}
    styled = ["collectstatic", "--noinput", "--verbosity=0"]
    with house_of(WholeHouse, folder, elsewhere, told, [styled]) as place:
        cast = {
            SUBS[who]: {"name": f"{who.title()} Elsewhere", "roles": roles, "phone": True}
            for who, roles in CAST.items()
        }
        place.vault.tell(people=cast)
        with (folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                worker_command(), cwd=CHECKOUT, env=place.env, stdout=log, stderr=log
            )
        try:
            for who in ADMINS:
                place.visitor(who)  # others' requests may be put to them
            offered = place.visitor("mia")
            eventually(
                lambda: offered.get("/connections/connect/dropbox/").status_code == 200,
                "what can be connected is known",
            )
            yield place
        finally:
            for person in place.people.values():
                person.http.close()
            worker.terminate()
            worker.wait(60)
