"""Notices to owners of what others did to their connections, and the list of them."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from approvals import clock
from audit.recording.actors import Actor
from connections.models import ConnectedAccount, Notice
from connections.notifications import owner_letters


def tell_owner(account: ConnectedAccount, code: str, by: Actor, reason: str) -> None:
    """Show it on the owner's home and connections page until they put it away."""
    tell(account, code, by.name or by.email, reason)


def tell(
    account: ConnectedAccount, code: str, by: str, reason: str, *, letter: bool = True
) -> None:
    """The same, about what was done by somebody or something that is no person we know.

    Without `letter` where the owner gets one about it anyway.
    """
    now = clock.now()
    if letter:
        owner_letters.plan(account.iss, account.sub, now)
    Notice.objects.create(
        iss=account.iss,
        sub=account.sub,
        account=account,
        code=code,
        by=by[:200],
        reason=reason[:500],
        created=now,
    )


def tell_owners(accounts: QuerySet[ConnectedAccount], code: str, by: Actor, reason: str) -> None:
    """The same to the owners of many accounts, in a bounded number of queries."""
    now, owned = clock.now(), list(accounts)
    owner_letters.plan_all({(one.iss, one.sub) for one in owned}, now)
    Notice.objects.bulk_create(
        (
            Notice(
                iss=one.iss, sub=one.sub, account=one, code=code,
                by=(by.name or by.email)[:200], reason=reason[:500], created=now,
            )
            for one in owned
        ),
        batch_size=1000,
    )  # fmt: skip


def for_person(iss: str, sub: str) -> list[Notice]:
    """What this person has not put away yet, newest first."""
    found = Notice.objects.filter(iss=iss, sub=sub, seen=None).select_related("account")
    return list(found.order_by("-created"))


def put_away(iss: str, sub: str, at: datetime) -> None:
    """The person has read them."""
    Notice.objects.filter(iss=iss, sub=sub, seen=None).update(seen=at)
