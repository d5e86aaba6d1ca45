"""What the broker learns about accounts while it works, written down in the inventory."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.core.cache import cache
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest

from approvals import clock
from connections import reconcile
from connections.models import ConnectedAccount, State, Use
from connections.picking import refusal_of
from connections.refusals import TokenRefusal

LOOK_AGAIN_AFTER_S = 20


def held_accounts(iss: str, sub: str, connection: str) -> list[ConnectedAccount]:
    """Accounts of a person that Auth0 still holds, as far as we know."""
    found = ConnectedAccount.objects.filter(iss=iss, sub=sub, connection=connection)
    return list(found.exclude(state=State.REVOKED))


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
    changed = {"last_used_at": now, "last_agent": agent, "last_skill": skill, "failures": 0}
    row = ConnectedAccount.objects.filter(pk=account.pk, state=State.CONNECTED)
    if expires is not None:
        changed["last_token_expires_at"] = Greatest(
            Coalesce(F("last_token_expires_at"), expires), expires
        )
    if not row.update(**changed):
        account.refresh_from_db()
        return refusal_of(account)
    known = Use.objects.filter(account=account, agent=agent, skill=skill)
    if not known.update(count=F("count") + 1, last=now):
        Use.objects.create(account=account, agent=agent, skill=skill, count=1, first=now, last=now)
    return None


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
