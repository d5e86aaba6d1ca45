"""Accounts whose suspension by an admin was lifted without that admin or an approval."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.db import transaction

from audit.models import EventRow
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from connections import account_names
from connections.lifecycle import restriction_stack
from connections.models import ConnectedAccount, State
from portal.ops.doctor_checks.leftover_type import Leftover

_OPEN = (State.CONNECTED, State.NEEDS_RECONNECT)
_ACTIONS = ("connection.suspended", "connection.resumed")


def check() -> Iterator[Leftover]:
    """Open accounts that others suspended and only their owner resumed."""
    for account in ConnectedAccount.objects.filter(state__in=_OPEN).iterator():
        suspended = _lifted(account)
        if suspended is None:
            continue
        who = suspended.actor_name or suspended.actor_email or suspended.actor_sub
        yield Leftover(
            "lifted suspensions",
            f"{account_names.owner_name(account)}'s {account.connection} account: {who} suspended "
            f"it on {suspended.time:%-d %b %Y}, and its owner lifted that by an undo.",
            f"Suspend it again in {who}'s name; an admin can resume it.",
            partial(_suspend_again, account, suspended),
        )


def _lifted(account: ConnectedAccount) -> EventRow | None:
    """The newest suspension by somebody else that nobody relaxed who may."""
    found: EventRow | None = None
    lifted = False
    rows = EventRow.objects.filter(
        target_kind="connection", target_name=str(account.pk), action__in=_ACTIONS
    ).exclude(outcome__in=["failure", "denied"])
    for row in rows.order_by("recorded_at", "event"):
        if row.action == "connection.suspended":
            if row.actor_sub and row.actor_sub != account.sub:
                found, lifted = row, False
        elif found is not None and (row.approval or row.actor_sub != account.sub):
            found = None
        elif found is not None:
            lifted = True
    return found if lifted else None


def _suspend_again(account: ConnectedAccount, suspended: EventRow) -> str:
    with transaction.atomic():
        row = ConnectedAccount.objects.select_for_update().get(pk=account.pk)
        if row.state not in _OPEN:
            return "it is no longer open; nothing was changed"
        reason = "Suspended again: its owner had lifted this without the right to."
        restriction_stack.lay(row, State.SUSPENDED, reason=reason, by=suspended.actor_sub)
        restriction_stack.keep(row)
        record(
            SYSTEM,
            "connection.reconciled",
            target=Target("connection", str(row.pk)),
            connection=row.connection,
            on_behalf_of=account_names.owner(row),
            reason=reason,
            data={
                **account_names.facts_of(row),
                "repair": "suspended_again",
                "suspension": str(suspended.event),
            },
            private=account_names.private_of(row),
        )
    return "suspended again"
