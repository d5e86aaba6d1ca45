"""What a person may connect, and with which permissions."""

from __future__ import annotations

from dataclasses import dataclass

from audit.actor import Actor
from audit.clock import uuid7
from connections import lookup, manifests, reconcile, scopes
from connections.connecting import Wish
from connections.models import NOT_HELD
from connections.scopes import Scope


@dataclass(frozen=True, slots=True)
class Offer:
    """One service that can be connected; `wanted_by` are the components whose manifests need it."""

    connection: str
    title: str
    scopes: tuple[Scope, ...]
    wanted_by: tuple[str, ...]
    connected: bool


def offer(actor: Actor, connection: str) -> Offer | None:
    """What connecting would ask for; None when it cannot be connected."""
    if connection not in reconcile.connectable():
        return None
    needs = manifests.naming(connection)
    held = lookup.mine(actor).filter(connection=connection).exclude(state__in=NOT_HELD)
    return Offer(
        connection=connection,
        title=scopes.title(connection),
        scopes=tuple(scopes.in_words(connection, manifests.scopes_wanted(connection))),
        wanted_by=tuple(need.manifest.name for need in needs),
        connected=held.exists(),
    )


def offers(actor: Actor) -> list[Offer]:
    """Everything that can be connected."""
    found = (offer(actor, connection) for connection in reconcile.connectable())
    return [one for one in found if one is not None]


def wish(
    connection: str,
    *,
    component: str = "",
    label: str = "",
    replaces: str = "",
    account_id: str = "",
) -> Wish:
    """The wish with the scopes that the component's manifest (or all of them) declare.

    No scopes leaves the choice to the tenant's own setting for the connection.
    """
    kind, _, name = component.partition(":")
    manifest = manifests.find(kind, name) if name else None
    own = [n.scopes for n in manifest.needs.all() if n.connection == connection] if manifest else []
    wanted = own[0] if own else manifests.scopes_wanted(connection)
    return Wish(
        account_id=account_id or str(uuid7()),
        connection=connection,
        scopes=tuple(wanted),
        label=label.strip()[:100],
        replaces=replaces,
    )
