"""Issuers that the same tests are held to: ours for one machine, a stranger, and any other by name.

With `STEP_UP_ELSEWHERE=file.toml` a further issuer is used, such as a real Auth0 tenant:

    issuer = "https://tenant.example.auth0.com/"
    client_id = "…"            # web application with the CIBA grant
    client_secret = "…"
    mgmt_client_id = "…"       # reads tenant logs; leave out and denials stay inferred
    mgmt_client_secret = "…"
    approval_audience = "https://ata.local/approvals"
    api_audience = "https://ata.local/api"
    cli_client_id = "…"
    [people.operator]          # and operator2, admin, auditor, member1
    sub = "auth0|…"
    api = "access token for the API by the web application"
    cli = "access token for the API by the command line's client"

The people need phones: the test says on the terminal who has to answer what, and waits.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from approvals import auth0_clients
from audit.recording.actors import Actor
from tests.approvals.people_of import Phones
from tests.attacks.sign_in.forging import Forge
from tests.attacks.sign_in.provider import CLIENT, ROLES, SECRET
from tests.attacks.step_up.provider import APPROVALS, PhoneProvider
from tests.audit.calling import caller
from tests.connections.visitor import device_token
from tests.support.sign_in import API, SUBS

FILE = os.environ.get("STEP_UP_ELSEWHERE", "")
PLACES = ("the local tenant", "a stranger", *(["elsewhere"] if FILE else []))
_HAS = {"operator": "operator", "operator2": "operator", "auditor": "auditor", "admin": "admin"}
_tokens: dict[tuple[str, str, str], str] = {}


@dataclass
class Place:
    """An issuer, its people and their phones."""

    issuer: str
    subs: dict[str, str] = field(default_factory=lambda: dict(SUBS))

    def who_of(self, sub: str) -> str:
        """The name in the cast of a subject."""
        return next(who for who, known in self.subs.items() if known == sub)

    def who(self, actor: Actor) -> str:
        """The name in the cast of somebody who acts."""
        return self.who_of(actor.sub)

    def token(self, who: str, client: str) -> str:
        """An access token for our API, by the `api` or the `cli` client; kept for the run."""
        key = (self.issuer, who, client)
        if key not in _tokens:
            _tokens[key] = self.fresh_token(who, client)
        return _tokens[key]

    def fresh_token(self, who: str, client: str) -> str:
        """The same, from the issuer."""
        raise NotImplementedError

    def answer(self, who: str, code: str, word: str) -> None:
        """Say `approve` or `deny` on the phone that shows `code`."""
        raise NotImplementedError

    def session(self, who: str, portal: str) -> dict[str, str]:
        """The environment of a command line on which that person is signed in."""
        path = Path(tempfile.gettempdir()) / f"ata-session-{os.getpid()}-{who}.json"
        held = {
            "portal": portal,
            "issuer": self.issuer,
            "client_id": "ata-cli",
            "audience": API,
            "token_endpoint": f"{self.issuer}oauth/token",
            "revocation_endpoint": "",
            "expires_at": time.time() + 3600,
            "access_token": self.token(who, "cli"),
            "refresh_token": "",
        }
        path.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_text(json.dumps(held))
        return {"ATA_SESSION": str(path), "ATA_PORTAL": portal}


@dataclass
class Ours(Place):
    """The local tenant."""

    phones: Phones | None = None

    def fresh_token(self, who: str, client: str) -> str:
        """By a real sign-in, or a real device flow."""
        assert self.phones is not None
        if client == "cli":
            return device_token(self.phones.tenant, who)
        return caller(self.phones.tenant, who).token

    def answer(self, who: str, code: str, word: str) -> None:
        """On its phone page."""
        assert self.phones is not None
        self.phones.answer(who, code, word)


@dataclass
class Stranger(Place):
    """A provider that shares no code with the local tenant."""

    provider: PhoneProvider = field(default_factory=PhoneProvider)

    def fresh_token(self, who: str, client: str) -> str:
        """Signed by its key."""
        now = int(time.time())
        good = {
            "iss": self.issuer,
            "sub": self.subs[who],
            "aud": API,
            "azp": "ata-cli" if client == "cli" else CLIENT,
            "iat": now,
            "exp": now + 7200,
            ROLES: [_HAS[who]] if who in _HAS else [],
        }
        return str(Forge(good, key=self.provider.key).token())

    def answer(self, who: str, code: str, word: str) -> None:
        """On the phone that the test holds."""
        self.provider.answer(code, word)


@dataclass
class Elsewhere(Place):
    """Any issuer that a file names."""

    held: dict[str, Any] = field(default_factory=dict)

    def fresh_token(self, who: str, client: str) -> str:
        """As the file has it."""
        return str(self.held["people"][who][client])

    def answer(self, who: str, code: str, word: str) -> None:
        """Ask whoever sits here, and give them time."""
        print(f"\nOn the phone of {who}: {word} {code}", file=sys.stderr, flush=True)
        time.sleep(20)


def place(request: pytest.FixtureRequest, settings: Any) -> Iterator[Place]:
    """The place that a test's parameter names, as the issuer of the portal for its length."""
    match request.param:
        case "the local tenant":
            phones: Phones = request.getfixturevalue("phones")
            yield Ours(phones.tenant.issuer, phones=phones)
            return
        case "a stranger":
            provider: PhoneProvider = request.getfixturevalue("strange_provider")
            env = {
                "AUTH0_ISSUER": provider.issuer,
                "AUTH0_CLIENT_ID": CLIENT,
                "AUTH0_CLIENT_SECRET": SECRET,
                "AUTH0_APPROVAL_AUDIENCE": APPROVALS,
                "AUTH0_MGMT_CLIENT_SECRET": SECRET,
                "AUTH0_ROLES_CLAIM": ROLES,
            }
            found: Place = Stranger(provider.issuer, provider=provider)
        case _:
            held = tomllib.loads(Path(FILE).read_text())
            subs = {who: person["sub"] for who, person in held["people"].items()}
            env = {f"AUTH0_{k.upper()}": v for k, v in held.items() if isinstance(v, str)}
            found = Elsewhere(held["issuer"], subs, held)
    settings.ENV = settings.ENV.model_copy(update=env)
    for cached in (auth0_clients.auth0, auth0_clients.outbound):
        cached.cache_clear()
    yield found
    for cached in (auth0_clients.auth0, auth0_clients.outbound):
        cached.cache_clear()
