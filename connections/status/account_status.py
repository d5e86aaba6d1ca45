"""How an account stands: one answer for pages, API, Auth-IBOM, exports and filters.

A row holds what was decided or reported about an account. What follows from that, from its use,
from the setting of its connection and from freezes is derived here, so that nothing has to be
flipped when time passes. Pure Python: the replay of a log asks the same function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from connections.idle_access.idle_and_hours_setting_types import OWNER, Setting, span

if TYPE_CHECKING:
    from connections.auth_ibom.inventory_records import Account
    from connections.models import ConnectedAccount

EXPIRES_SOON: Final = timedelta(days=7)
EVERYTHING: Final = "*"


class Code(StrEnum):
    """Every way an account can stand, the one that decides most first."""

    REVOKED = "revoked"
    GONE = "gone"
    REVOCATION_PENDING = "revocation_pending"
    FROZEN = "frozen"
    SUSPENDED = "suspended"
    NEEDS_RECONNECT = "needs_reconnect"
    ASLEEP = "asleep"
    EXPIRING = "expiring"
    CONNECTED = "connected"

    @property
    def label(self) -> str:
        """In words."""
        return _LABELS[self]


_LABELS: Final = {
    Code.REVOKED: "revoked",
    Code.GONE: "gone at Auth0",
    Code.REVOCATION_PENDING: "revocation in progress",
    Code.FROZEN: "frozen",
    Code.SUSPENDED: "suspended",
    Code.NEEDS_RECONNECT: "needs reconnect",
    Code.ASLEEP: "paused",
    Code.EXPIRING: "expiring within 7 days",
    Code.CONNECTED: "connected",
}
ENDED: Final = (Code.REVOKED, Code.GONE, Code.REVOCATION_PENDING)
"""Nothing else is asked about these: neither freezes nor sleep concern them."""
USABLE: Final = frozenset({Code.CONNECTED, Code.EXPIRING})
"""Agents get its tokens."""


type Known = ConnectedAccount | Account
"""What is known of an account: a row of the inventory, or what a log contains."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze in force."""

    since: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """What holds for many accounts at once.

    Attributes:
        settings: just-in-time settings by connection.
        frozen: `(kind, name)` of a freeze; that of an agent freezes no account.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    frozen: Mapping[tuple[str, str], Frozen] = field(default_factory=dict)

    @property
    def frozen_agents(self) -> frozenset[str]:
        """Names of agents that get no token of any account."""
        return frozenset(name for kind, name in self.frozen if kind == "agent")


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands at a moment.

    Attributes:
        since: when it began to; None where that is unknown.
        reason: in words, without a full stop; may be empty.
        opens: when a connection that is outside its hours opens again.
        wake: what wakes an account that was not used: `use` or `owner`.
    """

    code: Code
    since: datetime | None
    reason: str = ""
    opens: datetime | None = None
    wake: str = ""

    @property
    def usable(self) -> bool:
        """Whether agents get its tokens."""
        return self.code in USABLE


def of(account: Known, ground: Ground, now: datetime) -> Standing:
    """How an account stands at `now`, why, and since when."""
    kept = Code(account.state)
    if kept in ENDED:
        return _as_kept(account)
    if frozen := _frozen(account, ground):
        return frozen
    if kept != Code.CONNECTED:
        return _as_kept(account)
    if account.expires_at is not None and account.expires_at <= now:
        return Standing(
            Code.NEEDS_RECONNECT, account.expires_at, "the provider's grant has expired"
        )
    setting = ground.settings.get(account.connection)
    if setting is not None and (asleep := _asleep(account, setting, now)):
        return asleep
    return _expiring(account, now) or _as_kept(account)


def _as_kept(account: Known) -> Standing:
    return Standing(Code(account.state), account.state_since, account.state_reason)


_FREEZES: Final = (
    ("service", EVERYTHING, "everything is frozen"),
    ("service", "", "the service is frozen"),
    ("person", "", "its owner is frozen"),
)


def _frozen(account: Known, ground: Ground) -> Standing | None:
    for kind, name, words in _FREEZES:
        named = name or (account.connection if kind == "service" else account.sub)
        if freeze := ground.frozen.get((kind, named)):
            reason = f"{words}: {freeze.reason}" if freeze.reason else words
            return Standing(Code.FROZEN, freeze.since, reason)
    return None


def _asleep(account: Known, setting: Setting, now: datetime) -> Standing | None:
    if setting.hours is not None and not setting.hours.is_open(now):
        return Standing(
            Code.ASLEEP,
            setting.hours.closed_since(now),
            "outside its working hours",
            setting.hours.opens_next(now),
        )
    since = idle_since(account, setting)
    if since is None or since > now or setting.idle_h is None:
        return None
    return Standing(Code.ASLEEP, since, f"not used for {span(setting.idle_h)}", wake=setting.wake)


def idle_since(account: Known, setting: Setting) -> datetime | None:
    """When an account falls, or fell, asleep unless it is used; None where it never does.

    Waking, connecting and resuming count as use: each begins a new state. So does the day on which
    another application got a token from Auth0, but where its owner has to wake it: else somebody
    else's use, past the broker, would wake it without them.
    """
    moments = [account.last_used_at, account.watched_since, account.state_since]
    if setting.wake != OWNER:
        moments.append(account.elsewhere_since)
    last = max((moment for moment in moments if moment is not None), default=None)
    return None if setting.idle is None or last is None else last + setting.idle


def _expiring(account: Known, now: datetime) -> Standing | None:
    ends = account.expires_at
    if ends is None or ends - EXPIRES_SOON > now:
        return None
    return Standing(
        Code.EXPIRING, ends - EXPIRES_SOON, f"the provider's grant expires on {ends:%-d %b %Y}"
    )
