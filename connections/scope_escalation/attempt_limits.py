"""Counting tries beyond a manifest: by person and component, within the last hour."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F

from approvals.errors import Refused
from approvals.pipeline.intent import digest
from audit.ledger.format.allowed_field_values import severity_rank
from connections.broker.component_checks import Component
from connections.models import Attempts, ConnectedAccount, Escalation
from connections.scopes import catalogue

WINDOW_S: Final = 3600
ASKS_PER_HOUR: Final = 3
"""New requests an hour that one component may cause in one person's name."""
ASKS_PER_PERSON: Final = 10
"""The same of all components together: who is asked too often stops reading."""
GRAVE_FROM: Final = 3
CRITICAL_FROM: Final = 5
_KEPT: Final = 50


@dataclass(frozen=True, slots=True)
class Noted:
    """One try, counted. `within_hour` counts it too; at most 50 are distinguished."""

    row: Escalation
    within_hour: int
    severity: str


class TooManyAsks(Refused):
    """Enough people were asked for this hour."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "asked_too_often",
            f"The portal asks people about a component {ASKS_PER_HOUR} times an hour at most, and "
            f"about all components of one person {ASKS_PER_PERSON} times, so no one is asked now. "
            f"Ask again in {retry_after_s} seconds.",
        )
        self.retry_after_s = retry_after_s


def note(
    account: ConnectedAccount,
    component: Component,
    wanted: Collection[str],
    agent: str,
    now: datetime,
) -> Noted:
    """Count a try; the same thing tried again is the same row."""
    with transaction.atomic():
        watch = _watch(account, component)
        watch.tries = [*_recent(watch.tries, now), now.timestamp()][-_KEPT:]
        watch.save(update_fields=["tries"])
        row = _row(account, component, wanted, agent, now)
    count = len(watch.tries)
    return Noted(row, count, severity(count, account.connection, wanted))


def severity(within_hour: int, connection: str, wanted: Collection[str]) -> str:
    """How grave a try is: more so when it is one of many, or when what it wants is risky."""
    often = "MEDIUM"
    if within_hour >= GRAVE_FROM:
        often = "CRITICAL" if within_hour >= CRITICAL_FROM else "HIGH"
    risky = "HIGH" if catalogue.any_risky(connection, wanted) else "MEDIUM"
    return max(often, risky, key=severity_rank)


def count_ask(account: ConnectedAccount, component: Component, now: datetime) -> None:
    """Count a new request, inside the transaction that makes it.

    Raises:
        TooManyAsks: this component, or all of this person's, caused enough of them within the hour.
    """
    watch = _watch(account, component)
    check_asks(account, component, now)
    watch.asks = [*_recent(watch.asks, now), now.timestamp()]
    watch.save(update_fields=["asks"])


def check_asks(account: ConnectedAccount, component: Component, now: datetime) -> None:
    """Refuse where a new request would be one too many; counts nothing.

    Raises:
        TooManyAsks: this component, or all of this person's, caused enough of them within the hour.
    """
    all_ = Attempts.objects.filter(iss=account.iss, sub=account.sub)
    own = all_.filter(kind=component.kind, name=component.name).values_list("asks", flat=True)
    _check(_recent([at for asks in own for at in asks], now), ASKS_PER_HOUR, now)
    asked = [at for asks in all_.values_list("asks", flat=True) for at in asks]
    _check(sorted(_recent(asked, now)), ASKS_PER_PERSON, now)


def hold(account: ConnectedAccount, component: Component) -> None:
    """Lock what is counted, before an escalation is changed: `note` takes them in this order."""
    _watch(account, component)


def _check(recent: list[float], most: int, now: datetime) -> None:
    if len(recent) >= most:
        raise TooManyAsks(max(1, math.ceil(recent[-most] + WINDOW_S - now.timestamp())))


def _watch(account: ConnectedAccount, component: Component) -> Attempts:
    """The row of this person and component, locked for the caller's transaction."""
    row, _ = Attempts.objects.get_or_create(
        iss=account.iss, sub=account.sub, kind=component.kind, name=component.name
    )
    return Attempts.objects.select_for_update().get(pk=row.pk)


def _recent(moments: list[float], now: datetime) -> list[float]:
    return [moment for moment in moments if moment > now.timestamp() - WINDOW_S]


def _row(
    account: ConnectedAccount,
    component: Component,
    wanted: Collection[str],
    agent: str,
    now: datetime,
) -> Escalation:
    named = sorted(wanted)
    key = digest([str(account.id), component.kind, component.name, named])
    row, fresh = Escalation.objects.get_or_create(
        key=key,
        defaults={
            "account": account,
            "kind": component.kind,
            "name": component.name,
            "scopes": named,
            "agent": agent,
            "attempts": 1,
            "first_at": now,
            "last_at": now,
        },
    )
    if not fresh:
        changed = {"attempts": F("attempts") + 1, "last_at": now, "agent": agent}
        Escalation.objects.filter(pk=row.pk).update(**changed)
        row.refresh_from_db()
    return row
