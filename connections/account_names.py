"""How the trail and the pages call an account and its owner."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from approvals import people_and_roles
from approvals.models import Person
from audit.clock import rfc3339
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Subject
from connections.models import AppAccess, ConnectedAccount
from connections.scopes import catalogue

_LONGEST_TITLE: Final = 60
LONGEST_NAME: Final = 60
"""Characters of the owner's and of the account's name, where what is said is limited."""


def minute(moment: datetime) -> str:
    """Such as `2 Dec 2026 08:36 UTC`."""
    return f"{moment:%-d %b %Y %H:%M} UTC"


def owner(owned: ConnectedAccount | AppAccess) -> Subject:
    """The owner with the display values of our directory."""
    person = people_and_roles.find(owned.iss, owned.sub)
    return person.subject if person else owned.owner


def owner_name(account: ConnectedAccount) -> str:
    """Name, e-mail or subject of the owner."""
    who = owner(account)
    return who.name or who.email or who.sub


def whose(account: ConnectedAccount, viewer: Actor) -> str:
    """Such as `your GitHub account octo-dev` or `Mia Member’s GitHub account octo-dev`."""
    own = (account.iss, account.sub) == (viewer.iss, viewer.sub)
    return f"{'your' if own else f'{owner_name(account)}’s'} {in_words(account)}"


def to_approve(account: ConnectedAccount, longest: int = safe_display.LONGEST) -> str:
    """Such as `Mia Member's GitHub account octo-dev`, each name in at most `longest` characters."""
    title = safe_display.short(catalogue.title(account.connection), _LONGEST_TITLE)
    whose = f"{safe_display.person_in_sentence(owner_name(account), longest)}'s {title} account"
    return f"{whose} {safe_display.in_sentence(account.named, longest)}" if account.named else whose


def person_name(iss: str, sub: str) -> str:
    """Name, e-mail or subject of a person; empty where nobody is named."""
    person = people_and_roles.find(iss, sub) if sub else None
    return (person.name or person.email or sub) if person else sub


def people_names(subs: Iterable[str]) -> dict[tuple[str, str], str]:
    """Name, e-mail or subject of each of these people whom we know, by issuer and subject."""
    known = Person.objects.filter(sub__in=set(subs) - {""})
    listed = known.values_list("iss", "sub", "name", "email")
    return {(iss, sub): name or email or sub for iss, sub, name, email in listed}


def owner_of(account: ConnectedAccount, person: Person | None) -> dict[str, str]:
    """The owner as the API shows it, from a row of the directory that was read before."""
    return {
        "iss": account.iss,
        "sub": account.sub,
        "name": person.name if person else "",
        "email": person.email if person else "",
    }


def in_words(account: ConnectedAccount) -> str:
    """Such as `GitHub account octo-dev`."""
    title = catalogue.title(account.connection)
    return f"{title} account {account.named}" if account.named else f"{title} account"


def private_of(account: ConnectedAccount) -> dict[str, object]:
    """Personal values of an account for an event's `private`."""
    who = owner(account)
    values: dict[str, object] = {
        "owner": {"iss": who.iss, "sub": who.sub, "name": who.name, "email": who.email},
    }
    if account.named:
        values["account"] = account.named
    return values


def facts_of(account: ConnectedAccount) -> dict[str, object]:
    """Plain facts of an account for an event's `data`: which one, and how the act left it.

    `connections.auth_ibom.replay` rebuilds the inventory of any moment from them.
    """
    return {
        "connection": account.connection,
        "account_id": str(account.id),
        "auth0_id": account.auth0_id,
        "state": str(account.state),
        "since": rfc3339(account.state_since),
    }


def grant_of(account: ConnectedAccount) -> dict[str, object]:
    """What Auth0 returned about the grant itself, for the events that record it."""
    return {
        "scopes": list(account.scopes),
        "connected_at": rfc3339(account.connected_at) if account.connected_at else None,
        "expires_at": rfc3339(account.expires_at) if account.expires_at else None,
    }
