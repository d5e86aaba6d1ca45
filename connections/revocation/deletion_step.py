"""The remote half of a revocation: Auth0 deletes an account only with its owner's own token.

The effect row waits; news that the account is gone lets the worker look at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from approvals import auth0_clients, clock
from approvals.models import Effect, EffectState
from auth0_client.errors import Auth0Error
from connections.lifecycle import restriction_stack
from connections.models import NOT_HELD, ConnectedAccount, State
from http_client.errors import HttpClientError

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


MEANWHILE: Final = (
    "It was connected again or decided about meanwhile: the next sync shows whether Auth0 has it."
)


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of one deletion. `done`: Auth0 acknowledged it, or the account was gone; `detail`
    says why not, or why its row stays as it is."""

    account: ConnectedAccount
    done: bool
    detail: str = ""


def has_pending(iss: str, sub: str, now: datetime | None = None) -> bool:
    """Whether a deletion of this person's is due: send their browser through the token callback."""
    return due(iss, sub, now or clock.now()).exists()


def due(iss: str, sub: str, now: datetime) -> QuerySet[ConnectedAccount]:
    """Revoked accounts of a person whose undo window is over."""
    return ConnectedAccount.objects.filter(
        iss=iss, sub=sub, state=State.REVOCATION_PENDING, delete_after__lte=now
    )


def delete_due(iss: str, sub: str, token: str) -> list[Deletion]:
    """Delete what is due with the owner's own token; what fails stays due and says why."""
    return [delete(account, token) for account in due(iss, sub, clock.now())]


def delete(account: ConnectedAccount, token: str) -> Deletion:
    """Delete one account at Auth0. One that is gone already counts as deleted."""
    try:
        auth0_clients.auth0().my_account.delete(token, account.auth0_id)
    except Auth0Error as error:
        return _not_yet(account, f"{error.code}: {error.advice}")
    except HttpClientError:
        return _not_yet(account, "Auth0 could not be reached; it is tried again at the next visit.")
    with transaction.atomic():
        row = ConnectedAccount.objects.select_for_update().filter(pk=account.pk).first()
        if row is None or row.state in NOT_HELD:
            return Deletion(account, done=True)
        if (row.state, row.operation) != (State.REVOCATION_PENDING, account.operation):
            return Deletion(row, done=True, detail=MEANWHILE)
        row.turn(State.REVOKED, clock.now(), reason=row.state_reason, by=row.state_by)
        row.deletion_detail = ""
        restriction_stack.keep(row)
        hint(row)
    return Deletion(row, done=True)


def _not_yet(account: ConnectedAccount, why: str) -> Deletion:
    pending = ConnectedAccount.objects.filter(pk=account.pk, state=State.REVOCATION_PENDING)
    pending.update(deletion_detail=why[:300])
    return Deletion(account, done=False, detail=why)
