"""How a grant fits what manifests declare: scopes that are too many, and scopes that lack.

Asked once for each grant (a set of scopes at a connection), however many accounts hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Min, Q

from connections.models import ConnectedAccount, ManifestNeed, State
from connections.scopes import containment

IDLE = timedelta(days=90)
LIVE = (State.CONNECTED, State.NEEDS_RECONNECT, State.SUSPENDED)
"""States of an account that an agent could use, now or after somebody's one act."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A grant compared with what manifests need of its connection."""

    excess: tuple[str, ...]  # no manifest declares them, or a scope that holds them; sorted
    missing: tuple[str, ...]  # some manifest declares them; sorted


def declared_scopes() -> dict[str, set[str]]:
    """The scopes that manifests declare, by connection."""
    declared: dict[str, set[str]] = {}
    for connection, names in ManifestNeed.objects.values_list("connection", "scopes"):
        declared.setdefault(connection, set()).update(names)
    return declared


def fit(connection: str, granted: Iterable[str], declared: Mapping[str, set[str]]) -> Fit:
    """How the scopes of an account fit; what one scope includes counts as granted."""
    wanted, have = declared.get(connection, set()), list(granted)
    return Fit(
        containment.beyond(connection, have, wanted),
        containment.beyond(connection, wanted, have),
    )


def idle_before(now: datetime) -> datetime:
    """The midnight (UTC) before which a last use makes an account idle."""
    return datetime.combine((now - IDLE).astimezone(UTC).date(), time(), UTC)


def tracking_began(now: datetime) -> date | None:
    """The day on which the first account was watched, where it is less than 90 days ago."""
    first = ConnectedAccount.objects.aggregate(first=Min("watched_since"))["first"]
    return first.astimezone(UTC).date() if first and first >= idle_before(now) else None


def is_idle(account: ConnectedAccount, now: datetime) -> bool:
    """Not seen in use for 90 days; silence before we watched says nothing."""
    return account.state in LIVE and quiet_since(account) < idle_before(now)


def quiet_since(account: ConnectedAccount) -> datetime:
    """The last use, from any source; without one, when we began to watch."""
    uses = [at for at in (account.last_used_at, account.elsewhere_since) if at is not None]
    return max(uses, default=account.watched_since)


def idle_where(cut: datetime) -> Q:
    """The condition of not being seen in use since a midnight (UTC)."""
    before = Q(elsewhere_on__lt=cut.date())
    silent = before | Q(elsewhere_on=None, watched_since__lt=cut)
    used = Q(used_on__lt=cut.date()) & (before | Q(elsewhere_on=None))
    return used | Q(used_on=None) & silent
