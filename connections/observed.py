"""What the broker learns about accounts while it works, written down in the inventory."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import F, Model, QuerySet
from django.db.models.functions import Coalesce, Greatest

from approvals import clock
from audit.compiled import compiled, compiled_update
from connections import reconcile
from connections.models import ConnectedAccount, State, Use
from connections.picking import refusal_of
from connections.refusals import TokenRefusal

LOOK_AGAIN_AFTER_S = 20


def held_accounts(iss: str, sub: str, connection: str) -> list[ConnectedAccount]:
    """Accounts of a person that Auth0 still holds, as far as we know."""
    return _held(iss, sub, connection)


@compiled
def _held(iss: str, sub: str, connection: str) -> QuerySet[ConnectedAccount]:
    found = ConnectedAccount.objects.filter(iss=iss, sub=sub, connection=connection)
    return found.exclude(state=State.REVOKED)


def look_again(iss: str, sub: str) -> bool:
    """Complete the inventory of one person, at most every 20 s; False when that is not possible."""
    key = "looked:" + hashlib.sha256(f"{iss}\n{sub}".encode()).hexdigest()
    known: bool | None = cache.get(key)
    if known is None:
        known = reconcile.one_person(iss, sub)
        cache.set(key, known, LOOK_AGAIN_AFTER_S)
    return known


def used(
    account: ConnectedAccount, agent: str, skill: str, now: datetime, expires: datetime | None
) -> TokenRefusal | None:
    """Count one use, in the caller's transaction; the refusal when the account is no longer usable.

    The conditional update is the check: whoever suspends or revokes first, wins.
    """
    if expires is None:
        counted = _count(account.pk, agent, skill, now)
    else:
        counted = _count_until(account.pk, agent, skill, now, expires)
    if not counted:
        account.refresh_from_db()
        return refusal_of(account)
    if not _count_use(account.pk, agent, skill, now):
        Use.objects.create(account=account, agent=agent, skill=skill, count=1, first=now, last=now)
    return None


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
def _count_use(account: UUID, agent: str, skill: str, now: datetime) -> _Changes[Use]:
    row = Use.objects.filter(account=account, agent=agent, skill=skill)
    return row, {"count": F("count") + 1, "last": now}


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
