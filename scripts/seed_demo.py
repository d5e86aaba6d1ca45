"""Sixty decisions that really happen: people sign in, decide over /v1 and answer on phones.

A visitor's first screen should show the product, so the first start runs this against the stack:
every decision goes through the real pipeline and every approval through the local tenant's HTTP.
Only the standard library and no code of ours beyond the environment: it acts from outside.
"""

from __future__ import annotations

import http.cookiejar
import json
import random
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import unescape
from typing import Any

from portal.env import env, kept_secret
from scripts.demo_environment_setup import INSTANCES, ports

PEOPLE = ("operator", "operator2", "member1")
DECISIONS = 60
_PATIENCE_S = 90


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision: who asks for what, and what the asked person will do."""

    who: str
    verb: str
    kind: str
    name: str
    severity: str
    reason: str
    answer: str  # approve | deny | ignore
    instance: str  # always a DEMO gateway


_THINGS = (
    ("skill", "clipboard-sync", "reads the clipboard of every window"),
    ("skill", "csv-cleaner", "reviewed: local files only"),
    ("skill", "meeting-notes", "sends transcripts to an outside host"),
    ("skill", "invoice-relay", "forwards invoices to a paste site"),
    ("skill", "calendar-digest", "scopes match its manifest"),
    ("skill", "repo-janitor", "deletes branches without asking"),
    ("skill", "ticket-triage", "reviewed with its owner"),
    ("skill", "browser-autofill", "stores card numbers in plain text"),
    ("mcp", "shadow-fs", "serves the whole home folder"),
    ("mcp", "postgres-readonly", "reviewed: read only, one schema"),
    ("mcp", "slack-export", "exports private channels"),
    ("mcp", "weather", "no credentials, public data"),
    ("mcp", "k8s-admin", "cluster-admin token in its image"),
    ("plugin", "fastdb", "loads code from a mutable tag"),
    ("plugin", "pdf-tools", "signed by its vendor"),
    ("plugin", "prompt-cache", "keeps prompts for 90 days"),
    ("tool", "shell.exec", "not on shared machines"),
    ("tool", "http.fetch", "allowed to internal hosts only"),
)


def plans(seed: int = 7) -> list[Plan]:
    """The sixty, in an order that mixes people, verbs and endings; the same every time."""
    choose = random.Random(seed)  # noqa: S311  # sample data, not a secret
    made = []
    for n in range(DECISIONS):
        kind, name, reason = _THINGS[n % len(_THINGS)]
        generation = n // len(_THINGS)
        unique = name if generation == 0 else f"{name}-{generation + 1}"
        severity = ("LOW", "HIGH", "CRITICAL", "MEDIUM", "HIGH")[n % 5]
        verb = "allow" if re.match("reviewed|signed|scopes|no cred|allowed", reason) else "block"
        answer = choose.choices(("approve", "deny", "ignore"), (13, 4, 3))[0]
        who = PEOPLE[choose.randrange(2)]
        where = INSTANCES[n % len(INSTANCES)]
        made.append(Plan(who, f"{kind}.{verb}", kind, unique, severity, reason, answer, where))
    return made


# Who, over which connection, by which component of which agent, with which scopes.
_USES = (
    ("operator", "slack", "standup-bot", "cursor", "channels:read"),
    ("operator", "github", "github-mcp", "codex", "read:user repo"),
    ("member1", "google-oauth2", "calendar-sync", "claudecode", "openid email"),
    ("member1", "github", "github-mcp", "codex", "read:user"),
)


def allows() -> list[Plan]:
    """The allows without which the broker gives these components nothing."""
    components = sorted({component for _, _, component, _, _ in _USES})
    reason, instance = "reads what its manifest names", INSTANCES[0]
    return [
        Plan("operator", "mcp.allow", "mcp", name, "HIGH", reason, "approve", instance)
        for name in components
    ]


class Person:
    """Somebody with a browser at the tenant and a command line at the portal."""

    def __init__(self, name: str) -> None:
        self.email = f"{name}@acme.example"
        jar = http.cookiejar.CookieJar()
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self.sub = ""
        self.token = ""

    def sign_in(self) -> None:
        """The device flow: start, sign in at the tenant, confirm the code, collect the tokens."""
        started = self._form(
            "oauth/device/code",
            client_id=env.AUTH0_CLI_CLIENT_ID,
            scope="openid profile email offline_access",
            audience=env.AUTH0_API_AUDIENCE,
        )
        page = self._open(started["verification_uri_complete"])
        if 'name="sub"' in page.text:
            page = self._submit(page, sub=_sub_of(page.text, self.email), mfa="on")
        self._submit(page, action="confirm")
        time.sleep(started["interval"])
        tokens = self._form(
            "oauth/token",
            grant_type="urn:ietf:params:oauth:grant-type:device_code",
            device_code=started["device_code"],
            client_id=env.AUTH0_CLI_CLIENT_ID,
        )
        self.token = tokens["access_token"]
        self.sub = self.call("POST", "session", {"id_token": tokens["id_token"]})["sub"]

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """One call of `/v1`."""
        request = urllib.request.Request(  # noqa: S310
            f"{env.portal_url}/v1/{path}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
        return found

    def _form(self, path: str, **fields: str) -> dict[str, Any]:
        data = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(env.issuer + path, data, timeout=30) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
        return found

    def _open(self, url: str, data: bytes | None = None, referer: str = "") -> Page:
        headers = {"Referer": referer, "Origin": env.issuer.rstrip("/")} if referer else {}
        request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310
        with self._browser.open(request, timeout=30) as answer:
            return Page(answer.url, answer.read().decode())

    def _submit(self, page: Page, **fields: str) -> Page:
        action, hidden = page.form()
        data = urllib.parse.urlencode(hidden | fields).encode()
        return self._open(urllib.parse.urljoin(page.url, action), data, page.url)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the tenant."""

    url: str
    text: str

    def form(self) -> tuple[str, dict[str, str]]:
        """Where its main form posts to, and the hidden fields of that form."""
        inside = self.text.partition("<main")[2] or self.text
        form = re.search(r'<form method="post" action="([^"]*)".*?</form>', inside, re.DOTALL)
        if form is None:
            raise RuntimeError(f"no form on {self.url}")
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0])
        return unescape(form[1]), {name: unescape(value) for name, value in hidden}


def _sub_of(page: str, email: str) -> str:
    for button in re.findall(
        r'<button[^>]*name="sub" value="([^"]+)".*?</button>', page, re.DOTALL
    ):
        whole = page[page.index(f'value="{button}"') :]
        if email in whole[: whole.index("</button>")]:
            return unescape(button)
    raise RuntimeError(f"{email} is not offered on the sign-in page")


class Phones:
    """Every phone at once, by the tenant's own form endpoints and its loopback control token."""

    def __init__(self) -> None:
        self._token = kept_secret(env.VAR_DIR, "TENANT_CONTROL_TOKEN")

    def answer(self, sub: str, code: str, verdict: str) -> bool:
        """Approve or deny the request that shows `code` on this phone, once it is there."""
        for _ in range(60):
            consent = self._find(sub, code)
            if consent:
                return self._post(f"phone/{urllib.parse.quote(sub, safe='')}/{consent}/{verdict}")
            time.sleep(0.25)
        return False

    def _find(self, sub: str, code: str) -> str:
        page = self._get(f"phone/{urllib.parse.quote(sub, safe='')}/feed")
        for part in page.split("<article")[1:]:
            card = part.partition("</article>")[0]  # what follows the last one is no question
            if code in card and (found := re.search(r'action="[^"]*/([^/"]+)/approve"', card)):
                return found[1]
        return ""

    def _get(self, path: str) -> str:
        request = urllib.request.Request(  # noqa: S310
            env.issuer + path, headers={"Tenant-Control-Token": self._token}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return str(answer.read().decode())

    def _post(self, path: str) -> bool:
        request = urllib.request.Request(  # noqa: S310
            env.issuer + path, data=b"", headers={"Tenant-Control-Token": self._token}
        )
        try:
            with urllib.request.urlopen(request, timeout=30):  # noqa: S310
                return True
        except urllib.error.HTTPError as refused:
            return refused.code == 409  # already answered


def run() -> dict[str, int]:
    """Take the decisions, answer the approvals, wait until each has ended; counts by outcome."""
    people = {name: Person(name) for name in PEOPLE}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(Person.sign_in, people.values()))
        phones = Phones()
        # What nobody will answer goes first: it expires while the rest is being answered. The pool
        # bounds how many wait at once, so that a slow machine does not let the others expire too.
        ordered = sorted(plans(), key=lambda plan: plan.answer != "ignore")
        waiting = pool.map(lambda plan: _carry_out(people[plan.who], phones, plan), ordered)
        approvals = [approval for approval in waiting if approval]
        allowed = [_carry_out(people["operator"], phones, plan) for plan in allows()]
    refused = {*_endings(people["operator"], [one for one in allowed if one])} - {"approved"}
    if refused:
        raise RuntimeError(f"the servers of the sample world were not allowed: {refused}")
    use_connections(people)
    stage_findings()
    outcomes = {"committed": DECISIONS - len(approvals)}
    for outcome in _endings(people["operator"], approvals):
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def use_connections(people: dict[str, Person]) -> None:
    """Agents act for people: real exchanges at the broker; the tokens are dropped at once."""
    for name, connection, component, agent, scopes in _USES:
        person = people[name]
        _wait_for_inventory(person, connection)
        person.call(
            "GET",
            f"auth/token?connection={connection}",
            headers={"ATA-Skill": f"mcp:{component}", "ATA-Agent": agent, "ATA-Scopes": scopes},
        )


def _wait_for_inventory(person: Person, connection: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        known = person.call("GET", "connections")["items"]
        if any(one["connection"] == connection for one in known):
            return
        time.sleep(0.5)
    raise RuntimeError(f"{person.email}'s {connection} did not appear in the inventory")


def stage_findings() -> None:
    """Two findings that wait for a decision; the CRITICAL ones are a visitor's to stage."""
    gateway = f"http://127.0.0.1:{ports(env)['edge-1']}"
    for kind, name, severity in (
        ("mcp", "shadow-proxy", "HIGH"),
        ("plugin", "tab-counter", "MEDIUM"),
    ):
        form = {"target_type": kind, "target_name": name, "severity": severity}
        request = urllib.request.Request(  # noqa: S310
            f"{gateway}/demo/stage", urllib.parse.urlencode(form).encode(), {"Origin": gateway}
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


def _carry_out(person: Person, phones: Phones, plan: Plan) -> str:
    """Decide, and answer on the phone that is asked; the approval's id, empty when committed."""
    body = {
        "verb": plan.verb,
        "target": {"kind": plan.kind, "name": plan.name, "instance": plan.instance},
        "reason": f"DEMO: {plan.reason}" if env.DEMO else plan.reason,
        "severity": plan.severity,
        "params": {"new": True},  # no scan knows what the sample world decides about
    }
    answer = person.call("POST", "decisions", body)
    approval = str(answer.get("approval_id", ""))
    if approval and plan.answer != "ignore":
        found = person.call("GET", f"approvals/{approval}")
        phones.answer(found["asked_sub"], found["binding_message"], plan.answer)
        while person.call("GET", f"approvals/{approval}")["status"] == "pending":
            time.sleep(0.5)
    return approval


def _endings(person: Person, approvals: list[str]) -> Iterator[str]:
    until = time.monotonic() + _PATIENCE_S
    for approval in approvals:
        found = person.call("GET", f"approvals/{approval}")
        while found["status"] != "closed" and time.monotonic() < until:
            time.sleep(0.5)
            found = person.call("GET", f"approvals/{approval}")
        yield found["outcome"] or "still waiting"


if __name__ == "__main__":
    counts = run()
    print(", ".join(f"{n} {what}" for what, n in sorted(counts.items())))  # noqa: T201
    sys.exit(0)
