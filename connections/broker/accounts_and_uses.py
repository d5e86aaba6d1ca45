"""What the broker learns about accounts while it works, written down in the inventory."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import partial
from typing import Any

from django.core.cache import cache
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest

from approvals import clock
from connections.broker.account_choice import refusal_of
from connections.models import NOT_HELD, ConnectedAccount, State, Use
from connections.sync import connected_accounts

LOOK_AGAIN_AFTER_S = 20


def accounts_of(iss: str, sub: str, connection: str) -> list[ConnectedAccount]:
    """Accounts of a person that Auth0 still holds, as far as we know, and the ended ones that
    others restricted."""
    found = ConnectedAccount.objects.filter(iss=iss, sub=sub, connection=connection)
    return list(found.filter(~Q(state__in=NOT_HELD) | Q(barred=True)))


def look_again(iss: str, sub: str) -> bool:
    """Complete the inventory of one person, at most every 20 s; False when that is not possible."""
    key = "looked:" + hashlib.sha256(f"{iss}\n{sub}".encode()).hexdigest()
    compare = partial(connected_accounts.one_person, iss, sub)
    return bool(cache.get_or_set(key, compare, LOOK_AGAIN_AFTER_S))


def count(
    account: ConnectedAccount, agent: str, skill: str, at: datetime, expires: datetime | None
) -> None:
    """Count a use in the caller's transaction; `expires` is when its token dies, if known.

    The conditional update is the check: a suspension or revocation before it wins.

    Raises:
        TokenRefusal: the account is no longer usable; nothing was changed.
    """
    changes: dict[str, Any] = {
        "last_used_at": at,
        "last_agent": agent,
        "last_skill": skill,
        "failures": 0,
    }
    if expires:
        last = Greatest(Coalesce(F("last_token_expires_at"), expires), expires)
        changes["last_token_expires_at"] = last
    usable = ConnectedAccount.objects.filter(pk=account.pk, state=State.CONNECTED)
    if not usable.update(**changes):
        account.refresh_from_db()
        raise refusal_of(account)
    # The account's row is ours by now, so nobody else creates the same row of uses.
    used = {"account": account, "agent": agent, "skill": skill}
    if not Use.objects.filter(**used).update(count=F("count") + 1, last=at):
        Use.objects.create(**used, count=1, first=at, last=at)


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
