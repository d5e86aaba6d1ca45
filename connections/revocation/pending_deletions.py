"""Deletions at Auth0 that wait for their owner's own My Account token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from approvals import clock, issuer
from auth0_client.errors import Auth0Error
from connections.lifecycle import restrictions
from connections.models import ConnectedAccount, State
from connections.revocation import deletion
from http_client.errors import HttpClientError


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of one deletion. `detail` says why it is not done."""

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
        issuer.auth0().my_account.delete(token, account.auth0_id)
    except Auth0Error as error:
        return _not_yet(account, f"{error.code}: {error.advice}")
    except HttpClientError:
        return _not_yet(account, "Auth0 could not be reached; it is tried again at the next visit.")
    with transaction.atomic():
        row = ConnectedAccount.objects.select_for_update().get(pk=account.pk)
        row.turn(State.REVOKED, clock.now(), reason=row.state_reason, by=row.state_by)
        row.deletion_detail = ""
        restrictions.keep(row)
        deletion.hint(row)
    return Deletion(row, done=True)


def _not_yet(account: ConnectedAccount, why: str) -> Deletion:
    ConnectedAccount.objects.filter(pk=account.pk).update(deletion_detail=why[:300])
    return Deletion(account, done=False, detail=why)
