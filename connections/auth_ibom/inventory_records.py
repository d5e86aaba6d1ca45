"""What an inventory is, wherever it was read from: rows of today or entries of the log.

Pure Python: the replay of a log needs no database and no Django.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from connections.status.account_status import Standing

ERASED = "(erased)"
"""Stands for a personal value whose opening was destroyed."""


@dataclass(frozen=True, slots=True)
class Used:
    """How often one agent used an account through one component; both names are asserted."""

    agent: str
    skill: str
    count: int
    last: datetime


@dataclass(slots=True)
class Account:
    """One connected account; empty texts and None are what is not known."""

    id: str
    connection: str
    auth0_id: str = ""
    iss: str = ""
    sub: str = ""
    email: str = ""
    named: str = ""
    scopes: tuple[str, ...] = ()
    state: str = "connected"
    state_since: datetime | None = None
    state_reason: str = ""
    connected_at: datetime | None = None
    expires_at: datetime | None = None
    source: str = "management"
    seen_at: datetime | None = None
    watched_since: datetime | None = None
    last_used_at: datetime | None = None
    uses: dict[tuple[str, str], Used] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)  # application -> last UTC day, past us
    reasons: dict[str, str] = field(default_factory=dict, compare=False)  # of its states, by since

    @property
    def users(self) -> list[Used]:
        """Who used it, newest first."""
        return sorted(self.uses.values(), key=lambda use: use.last, reverse=True)

    @property
    def elsewhere_since(self) -> datetime | None:
        """When the last day began on which another application used it, past our broker."""
        last = max(self.seen.values(), default=None)
        return None if last is None else datetime.combine(date.fromisoformat(last), time(), UTC)

    def turn(self, state: str, since: datetime, reason: str) -> None:
        """Have a state since then; one that is returned to keeps the reason that it had."""
        if (state, since) == (self.state, self.state_since):
            return
        self.state, self.state_since = state, since
        self.state_reason = self.reasons.setdefault(since.isoformat(), reason)

    def stand(self, standing: Standing) -> None:
        """From now on say how it stands, instead of what was decided about it."""
        self.state, self.state_since = str(standing.code), standing.since
        self.state_reason = standing.reason


@dataclass(frozen=True, slots=True)
class Access:
    """A consent or a refresh token of an application at Auth0 itself."""

    id: str
    kind: str  # grant, refresh_token
    auth0_id: str
    client_id: str
    state_since: datetime
    first_seen: datetime
    seen_at: datetime  # when Auth0 listed it last, or an event told of it
    client_name: str = ""
    iss: str = ""
    sub: str = ""
    email: str = ""
    audiences: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    state: str = "live"  # live, revoking, gone
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    use_known: bool = True  # False: where it was reported, uses are not reported


@dataclass(frozen=True, slots=True)
class Declared:
    """A manifest in force: each connection with the scopes that may be asked of it."""

    kind: str
    name: str
    digest: str
    declared_at: datetime
    needs: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided on one account in an access review."""

    account: str
    choice: str  # keep, reduce, revoke; empty where nobody decided
    reason: str = ""
    at: datetime | None = None
    own: bool = False  # the owner decided, on their own account
    event: str = ""
    index: int | None = None


@dataclass(slots=True)
class Reviewed:
    """An access review with what was decided in it; `closed` is None while it goes on."""

    id: str
    title: str = ""
    decisions: dict[str, Decision] = field(default_factory=dict)
    accounts: int = 0
    undecided: int = 0
    closed: datetime | None = None
    result_sha256: str = ""
    event: str = ""
    index: int | None = None


def text(value: object) -> str:
    """A personal value; what else stands in its place is the mark of an erasure."""
    return value if isinstance(value, str) else ERASED if value else ""


def moment(value: str) -> datetime:
    """A time as entries write it (RFC 3339)."""
    return datetime.fromisoformat(value)


def owner(data: Mapping[str, Any]) -> tuple[str | None, str, str] | None:
    """Issuer (None where it was erased), subject and e-mail of whose it is; None where the event
    does not say."""
    if "owner" not in data:
        return None
    owner = data["owner"]
    if isinstance(owner, Mapping) and "sub" in owner:
        return text(owner.get("iss")), text(owner.get("sub")), text(owner.get("email"))
    return None, ERASED, ERASED
