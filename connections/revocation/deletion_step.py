"""The remote half of a revocation: Auth0 deletes an account only with its owner's own token.

The effect row waits; news that the account is gone lets the worker look at once.
"""

from __future__ import annotations

from django.db.models import QuerySet

from approvals import clock
from approvals.models import Effect, EffectState
from connections.models import ConnectedAccount

DELETE = "auth0.delete_connected_account"
NOT_KNOWN = "it is not known here any more; Auth0 may still have it"
"""The detail of a deletion whose row is gone, as after the erasure of its owner."""
END_ACCESS = "auth0.revoke_access"


def hint(account: ConnectedAccount) -> None:
    """The deletion may be finished: its step is due now."""
    _waiting(account).update(due=clock.now())


def forget(account: ConnectedAccount) -> None:
    """An undone revocation has no remote step any more; nothing was sent."""
    _waiting(account).delete()


def _waiting(account: ConnectedAccount) -> QuerySet[Effect]:
    return Effect.objects.filter(
        target_kind="connection",
        target_name=str(account.id),
        kind=DELETE,
        state__in=[EffectState.PENDING, EffectState.UNKNOWN],
    )
