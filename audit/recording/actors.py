"""Who acted, on what, for whom, and what proves it: the values every recorder passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from audit.ledger.format.commitment import subject_key

READERS: Final = frozenset({"auditor", "operator", "admin"})
"""Roles that read events of others; anybody else reads their own."""


@dataclass(frozen=True, slots=True)
class EvidenceRef:
    """A body in the evidence store. `digest` is the hex SHA-256 of the body."""

    kind: str  # one of audit.evidence.storage.KINDS
    digest: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A person as the issuer knows them; `(iss, sub)` is the identity, the rest is display."""

    iss: str
    sub: str
    name: str = ""
    email: str = ""

    @property
    def key(self) -> str:
        """Under which key this person's openings and evidence are kept; empty when nobody."""
        return subject_key(self.iss, self.sub)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, and by which way in. `evidence` is that of the actor's sign-in (human level H1).

    `via` is one of web, api, cli, phone, task, import, tenant, broker. `roles_issued_at` is when
    the token with these roles was issued; None where the directory of people decides on them.
    `fresh`: the issuer vouches for a sign-in of the last ten minutes with a second factor.
    """

    iss: str
    sub: str
    name: str = ""
    email: str = ""
    roles: frozenset[str] = frozenset()
    via: str = "web"
    session: str = ""
    request: str = ""
    ip: str = ""
    agent: str = ""
    evidence: tuple[EvidenceRef, ...] = field(default=())
    roles_issued_at: datetime | None = field(default=None, compare=False)
    fresh: bool = field(default=False, compare=False)

    @property
    def key(self) -> str:
        """Under which key this person's openings and evidence are kept; empty when nobody."""
        return subject_key(self.iss, self.sub)


@dataclass(frozen=True, slots=True)
class Target:
    """The thing acted on; `instance` names the gateway it lives on, empty = not on one."""

    kind: str
    name: str
    instance: str = ""


SYSTEM = Actor(iss="", sub="", name="Auth0-ATA", via="task")
