"""What the broker learns about accounts while it works, written down in the inventory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import F, Model, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest

from approvals import clock
from audit.at_once import Part
from audit.compiled import compiled, compiled_update
from connections import reconcile
from connections.models import NOT_HELD, ConnectedAccount, State, Use
from connections.picking import refusal_of

LOOK_AGAIN_AFTER_S = 20


def accounts_of(iss: str, sub: str, connection: str) -> list[ConnectedAccount]:
    """Accounts of a person that Auth0 still holds, as far as we know, and the ended ones that
    others restricted."""
    return _accounts(iss, sub, connection)


def held_accounts(iss: str, sub: str, connection: str) -> list[ConnectedAccount]:
    """Those of them that Auth0 still holds."""
    return [one for one in accounts_of(iss, sub, connection) if one.state not in NOT_HELD]


@compiled
def _accounts(iss: str, sub: str, connection: str) -> QuerySet[ConnectedAccount]:
    found = ConnectedAccount.objects.filter(iss=iss, sub=sub, connection=connection)
    return found.filter(~Q(state__in=NOT_HELD) | Q(barred=True))


def look_again(iss: str, sub: str) -> bool:
    """Complete the inventory of one person, at most every 20 s; False when that is not possible."""
    key = "looked:" + hashlib.sha256(f"{iss}\n{sub}".encode()).hexdigest()
    known: bool | None = cache.get(key)
    if known is None:
        known = reconcile.one_person(iss, sub)
        cache.set(key, known, LOOK_AGAIN_AFTER_S)
    return known


@dataclass(frozen=True, slots=True)
class Seen:
    """One use of an account. `expires` is when the token that it brought dies, if known."""

    account: ConnectedAccount
    agent: str
    skill: str
    at: datetime
    expires: datetime | None


class NotAtOnce(Exception):
    """These uses are to be counted one by one."""


def count(uses: Sequence[Seen]) -> None:
    """Count uses in the caller's transaction.

    The conditional update is the check: whoever suspends or revokes first, wins.

    Raises:
        TokenRefusal: the account of the only one is no longer usable.
        NotAtOnce: that of one of several is not, or only some of their tokens say when they end,
            and the transaction is to be undone.
    """
    if len(uses) == 1:
        _count_one(uses[0])
        return
    uses = _in_order(uses)
    lasting = [(*_values(one), one.expires) for one in uses if one.expires]
    if lasting and len(lasting) != len(uses):
        raise NotAtOnce  # two statements would take rows in two orders
    each = _count_until.each(lasting) if lasting else _count.each([_values(one) for one in uses])
    if each != len(uses):
        raise NotAtOnce
    if _count_use.each([(*_values(one), 1) for one in uses]) != len(uses):
        _count_new_ways(uses)


def counting(uses: Sequence[Seen]) -> list[Part]:
    """What `count` does where all accounts are usable and used as before, to be done at once.

    Uses of one row are one part.
    """
    accounts: dict[UUID, Seen] = {}
    ways: dict[tuple[UUID, str, str], list[datetime]] = {}
    for one in sorted(uses, key=lambda one: (one.account.pk, one.at)):
        before = accounts.get(one.account.pk)
        lasting = [seen.expires for seen in (before, one) if seen and seen.expires]
        accounts[one.account.pk] = replace(one, expires=max(lasting, default=None))
        ways.setdefault((one.account.pk, one.agent, one.skill), []).append(one.at)
    return [
        _count_until.part(*_values(one), one.expires) if one.expires else _count.part(*_values(one))
        for one in accounts.values()
    ] + [_count_use.part(*way, max(times), len(times)) for way, times in sorted(ways.items())]


def _in_order(uses: Sequence[Seen]) -> list[Seen]:
    """Everybody takes rows in one order: who writes several then waits for nobody in a ring."""
    return sorted(uses, key=lambda one: (one.account.pk, one.agent, one.skill))


def _count_new_ways(uses: Sequence[Seen]) -> None:
    """Make the rows of those among them that use an account in a way that nobody did yet.

    The others are counted. Its account's row is ours by now, so nobody else makes the same one.
    """
    ways: dict[tuple[UUID, str, str], list[Seen]] = {}
    for one in uses:
        ways.setdefault((one.account.pk, one.agent, one.skill), []).append(one)
    known = set(
        Use.objects.filter(account__in={account for account, _, _ in ways}).values_list(
            "account_id", "agent", "skill"
        )
    )
    for way, seen in ways.items():
        if way not in known:
            times = [one.at for one in seen]
            account, agent, skill = way
            Use.objects.create(
                account_id=account,
                agent=agent,
                skill=skill,
                count=len(seen),
                first=min(times),
                last=max(times),
            )


def _count_one(one: Seen) -> None:
    if not (_count_until(*_values(one), one.expires) if one.expires else _count(*_values(one))):
        one.account.refresh_from_db()
        raise refusal_of(one.account)
    if not _count_use(*_values(one), 1):
        used = {"account": one.account, "agent": one.agent, "skill": one.skill}
        Use.objects.create(**used, count=1, first=one.at, last=one.at)


def _values(one: Seen) -> tuple[UUID, str, str, datetime]:
    return one.account.pk, one.agent, one.skill, one.at


type _Changes[M: Model] = tuple[QuerySet[M], dict[str, Any]]


@compiled_update
def _count(account: UUID, agent: str, skill: str, now: datetime) -> _Changes[ConnectedAccount]:
    row = ConnectedAccount.objects.filter(pk=account, state=State.CONNECTED)
    return row, {"last_used_at": now, "last_agent": agent, "last_skill": skill, "failures": 0}


@compiled_update
def _count_until(
    account: UUID, agent: str, skill: str, now: datetime, expires: datetime
) -> _Changes[ConnectedAccount]:
    row = ConnectedAccount.objects.filter(pk=account, state=State.CONNECTED)
    last = Greatest(Coalesce(F("last_token_expires_at"), expires), expires)
    return row, {
        "last_used_at": now,
        "last_agent": agent,
        "last_skill": skill,
        "failures": 0,
        "last_token_expires_at": last,
    }


@compiled_update
def _count_use(account: UUID, agent: str, skill: str, now: datetime, times: int) -> _Changes[Use]:
    row = Use.objects.filter(account=account, agent=agent, skill=skill)
    return row, {"count": F("count") + times, "last": now}


def dead_grant(account: ConnectedAccount) -> None:
    """The provider refused the stored grant: only its owner can connect it again."""
    now = clock.now()
    ConnectedAccount.objects.filter(pk=account.pk).update(
        failures=F("failures") + 1, last_failure="reconnect_required", last_failure_at=now
    )
    ConnectedAccount.objects.filter(pk=account.pk, state=State.CONNECTED).update(
        state=State.NEEDS_RECONNECT,
        state_since=now,
        state_by="",
        state_reason="the provider refused the stored grant",
    )
