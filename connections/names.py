"""How the trail and the pages call an account and its owner."""

from __future__ import annotations

from approvals import people
from audit.actor import Subject
from connections import scopes
from connections.models import ConnectedAccount


def owner(account: ConnectedAccount) -> Subject:
    """The owner with the display values of our directory."""
    person = people.find(account.iss, account.sub)
    return person.subject if person else account.owner


def owner_name(account: ConnectedAccount) -> str:
    """Name, e-mail or subject of the owner."""
    who = owner(account)
    return who.name or who.email or who.sub


def in_words(account: ConnectedAccount) -> str:
    """Such as `GitHub account octo-dev`."""
    title = scopes.title(account.connection)
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
