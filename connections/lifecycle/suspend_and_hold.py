"""Suspensions and holds of accounts: place one, and release the hold of a request."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.registry import CommitContext
from connections import permissions
from connections.lifecycle import restriction_stack
from connections.models import ConnectedAccount, State
from connections.notifications import notices_on_owner_pages


def suspend_now(account: ConnectedAccount, ctx: CommitContext, *, notify: bool = True) -> None:
    """Refuse an account until somebody gives it back, also one that is gone, if it comes back."""
    ends = account.state in {State.GONE, State.REVOCATION_PENDING}
    lay = restriction_stack.lay_below if ends else restriction_stack.lay
    lay(account, State.SUSPENDED, reason=ctx.reason, by=ctx.actor.sub, held_by=ctx.approval)
    restriction_stack.keep(account)
    if notify and not permissions.is_owner(ctx.actor, account):
        notices_on_owner_pages.tell_owners([account], "suspended", ctx.actor, ctx.reason)


def hold_now(account: ConnectedAccount, ctx: CommitContext) -> None:
    """Put the hold of a request on an account; under a revocation, where one is under way, so that
    taking that back returns to the hold."""
    suspend_now(account, ctx, notify=account.state != State.REVOCATION_PENDING)


def release_holds(
    accounts: Sequence[ConnectedAccount], ctx: CommitContext
) -> list[ConnectedAccount]:
    """End the hold of a request on accounts, also on what was connected again meanwhile.

    Returns every account whose state that changed: each needs an event, which says its state.
    """
    rows = {account.pk: account for account in accounts}
    for account in accounts:
        for row in _connected_meanwhile(account):
            rows.setdefault(row.pk, row)
    changed = []
    for row in rows.values():
        before = _standing(row)
        if not restriction_stack.lift_hold(row, ctx.approval):
            continue
        restriction_stack.keep(row)
        if _standing(row) != before:
            changed.append(row)
        theirs = permissions.is_owner(ctx.actor, row)
        if row.state in {State.CONNECTED, State.NEEDS_RECONNECT} and not theirs:
            notices_on_owner_pages.tell_owners(
                [row], "resumed", ctx.actor, "The revocation was not approved."
            )
    return changed


def _standing(account: ConnectedAccount) -> tuple[object, ...]:
    return account.state, account.state_since, account.state_reason, account.state_by


def _connected_meanwhile(account: ConnectedAccount) -> list[ConnectedAccount]:
    """The person's other accounts of the connection, which may have arrived under the same hold,
    in force or covered by what was decided since."""
    found = ConnectedAccount.objects.filter(
        iss=account.iss, sub=account.sub, connection=account.connection
    ).exclude(pk=account.pk)
    return list(found.select_for_update().order_by("pk"))
