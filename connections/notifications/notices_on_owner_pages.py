"""Notices to owners of what others did to their connections, and the list of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from approvals import clock
from audit.recording.actors import Actor
from connections.models import ConnectedAccount, Notice
from connections.notifications import owner_emails_and_webhook


def tell_owners(accounts: Iterable[ConnectedAccount], code: str, by: Actor, reason: str) -> None:
    """Show it on the owners' home and connections pages until they put it away."""
    tell(accounts, code, by.name or by.email, reason)


def tell(
    accounts: Iterable[ConnectedAccount],
    code: str,
    by: str,
    reason: str,
    *,
    letter: bool = True,
    agent: str = "",
) -> None:
    """The same, about what was done by somebody or something that is no person we know; in a
    bounded number of queries.

    Without `letter` where the owner gets one about it anyway; `agent` is what a freeze is of.
    """
    now, owned = clock.now(), list(accounts)
    if letter:
        owner_emails_and_webhook.plan({(one.iss, one.sub) for one in owned}, now)
    Notice.objects.bulk_create(
        (
            Notice(
                iss=one.iss, sub=one.sub, account=one, code=code, agent=agent,
                by=by[:200], reason=reason[:500], created=now,
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
