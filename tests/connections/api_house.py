"""A running portal whose API and command line are called by people with tokens of their own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.connections.broker_house import ROLES, House, house_of
from tests.support.companion import Companion
from tests.support.forking import COMMAND_LINE
from tests.support.tenant import CHECKOUT

ADMIN: Final = "auth0|0000000000000000000000ad"
ADMIN2: Final = "auth0|0000000000000000000000a2"
AUDITOR: Final = "auth0|0000000000000000000000au"
OPERATOR: Final = "auth0|0000000000000000000000ee"
MIA: Final = "auth0|00000000000000000000001a"
MILO: Final = "auth0|00000000000000000000002b"
PEOPLE: Final = {
    ADMIN: ("Amir Admin", "admin"),
    ADMIN2: ("Anya Admin", "admin"),
    AUDITOR: ("Ada Auditor", "auditor"),
    OPERATOR: ("Olu Operator", "operator"),
    MIA: ("Mia Member", ""),
    MILO: ("Milo Member", ""),
}
NOT_THERE: Final = "5b0e2d9e-6f0a-4c43-9f6c-0a1b2c3d4e5f"

NOTHING = """
from approvals.models import Approval, Effect
from audit.models import QuarantinedRow
from accounts.models import SeenRefusal
for kind in (Approval, Effect, Allowance, ReviewItem, Review, ConnectedAccount, ReconcileRun,
             QuarantinedRow, SeenRefusal):
    kind.objects.all().delete()
"""
"""Leaves events alone."""
_BEGIN = """
from datetime import timedelta
from django.conf import settings
from approvals import clock, people_and_roles
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from audit.clock import uuid7
from connections.models import *
now = clock.now()
iss = settings.ENV.issuer

def person(sub, *roles):
    return Actor(iss=iss, sub=sub, roles=frozenset(roles), via="web")

def account(sub, connection="github", *scopes, **more):
    given = {"auth0_id": f"cac_{uuid7().hex}", "label": f"{sub[-2:]}-{connection}"} | more
    return ConnectedAccount.objects.create(
        iss=iss, sub=sub, connection=connection, scopes=list(scopes or ("repo",)), state_since=now,
        source="management", seen_at=now, watched_since=now - timedelta(days=9), **given)
"""


@dataclass
class ApiHouse(House):
    """What people send, and what they get."""

    worker: Companion | None = None

    def runs(self, program: str) -> Any:
        """Run a program with the portal's settings, as its worker would; the JSON it printed.

        It finds `now`, `iss`, `person(sub, *roles)` and `account(sub, connection, *scopes)`.
        """
        if self.worker is None:
            self.worker = Companion(self.env)
        return json.loads(self.worker.execute(_BEGIN + program) or "null")

    def knows_everybody(self) -> None:
        """All of `PEOPLE` have signed in once."""
        told = [(sub, name, role) for sub, (name, role) in PEOPLE.items()]
        self.runs(
            f"for sub, name, role in {told!r}:\n"
            "    people_and_roles.note_person(iss=iss, sub=sub, name=name, email='', "
            "roles=[role] if role else [])\n"
        )

    def said(
        self, method: str, path: str, who: str = "", body: Any = None, key: str = "", **more: Any
    ) -> Any:
        """The answer to somebody; to nobody without a subject. `more` are claims of the token."""
        role = PEOPLE[who][1] if who else ""
        claims = {ROLES: [role] if role else []} | more
        headers = {"Idempotency-Key": key} if key else {}
        if who:
            headers["Authorization"] = f"Bearer {self.vault.token(who, 'ata-cli', **claims)}"
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=60)

    def refusal(self, method: str, path: str, who: str = "", body: Any = None, **more: Any) -> Any:
        """Status and code of a refusal, which is a problem document."""
        answer = self.said(method, path, who, body, **more)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        return answer.status_code, answer.json()["code"]

    def stale(self, method: str, path: str, who: str, body: Any = None) -> Any:
        """The refusal of a token whose time is over."""
        return self.refusal(method, path, who, body, exp=int(time.time()) - 600)

    def ata(self, home: Path, who: str, words: str, code: int = 0) -> Any:
        """Type it as somebody; what it printed as JSON."""
        done = self.typed(home, who, f"{words} --json")
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def typed(self, home: Path, who: str, words: str) -> subprocess.CompletedProcess[str]:
        """Type it as somebody."""
        role = PEOPLE[who][1]
        return COMMAND_LINE.run(
            ["-m", "ata", *words.split()],
            cwd=CHECKOUT,
            env=self.session(who, home, *([role] if role else [])),
        )


@contextmanager
def api_house(folder: Path) -> Iterator[ApiHouse]:
    """All of it, with everybody known."""
    with house_of(ApiHouse, folder) as started:
        try:
            started.knows_everybody()
            yield started
        finally:
            if started.worker is not None:
                started.worker.end()
