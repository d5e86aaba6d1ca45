"""Finding an account: permission by fetch. What a person may not see does not exist for them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from audit.recording.actors import Actor, Target
from connections.models import AppAccess, ConnectedAccount, ReviewItem

SEES_ALL = frozenset({"admin", "auditor"})


def visible(actor: Actor) -> QuerySet[ConnectedAccount]:
    """The accounts that this person may see: their own, or everybody's for admins and auditors."""
    if actor.roles & SEES_ALL:
        return ConnectedAccount.objects.all()
    return mine(actor)


def mine(actor: Actor) -> QuerySet[ConnectedAccount]:
    """This person's own accounts."""
    return ConnectedAccount.objects.filter(iss=actor.iss, sub=actor.sub)


def visible_one(actor: Actor, account_id: str) -> ConnectedAccount:
    """One account.

    Raises:
        ConnectedAccount.DoesNotExist: it is not there, or not theirs to see.
    """
    found = by_id(account_id)
    if found is None or not (actor.roles & SEES_ALL or is_owner(actor, found)):
        raise ConnectedAccount.DoesNotExist(account_id)
    return found


def by_id(account_id: str) -> ConnectedAccount | None:
    """The account of a public id, whatever text was given."""
    return ConnectedAccount.objects.filter(pk=id_of(account_id)).first()


def id_of(text: str) -> UUID:
    """The id that a text spells; of any other text one that no row has."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def is_owner(actor: Actor, owned: ConnectedAccount | AppAccess | ReviewItem) -> bool:
    """Whether it is this person's own."""
    return bool(actor.sub) and (actor.iss, actor.sub) == (owned.iss, owned.sub)


def owns(actor: Actor, target: Target) -> bool:
    """Whether a target is an account of this person's own."""
    account = by_id(target.name)
    return account is not None and is_owner(actor, account)
