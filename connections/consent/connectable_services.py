"""What a person may connect, and with which permissions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audit.clock import uuid7
from audit.recording.actors import Actor
from connections import permissions
from connections.component_manifests import manifest_store
from connections.consent.connect_flow import Wish
from connections.models import NOT_HELD, ManifestNeed
from connections.scopes import catalogue
from connections.scopes.catalogue import Scope
from connections.sync import connected_accounts


@dataclass(frozen=True, slots=True)
class Offer:
    """One service that can be connected; `wanted_by` are the components whose manifests need it."""

    connection: str
    title: str
    scopes: tuple[Scope, ...]
    wanted_by: tuple[str, ...]
    connected: bool


def offers(actor: Actor) -> list[Offer]:
    """Everything that can be connected, in as many queries however much that is."""
    needs = manifest_store.needs_by_connection()
    accounts = permissions.mine(actor).exclude(state__in=NOT_HELD)
    connected = set(accounts.values_list("connection", flat=True))
    return [
        Offer(
            connection=one,
            title=catalogue.title(one),
            scopes=tuple(catalogue.in_words(one, manifest_store.scopes_of(needs.get(one, ())))),
            wanted_by=tuple(need.manifest.name for need in needs.get(one, ())),
            connected=one in connected,
        )
        for one in connected_accounts.connectable()
    ]


def scopes_for(component: str, needs: Sequence[ManifestNeed]) -> list[str]:
    """The scopes that a component (`kind:name`) needs of a connection; all of its needs' where the
    component has no manifest that names it."""
    kind, _, name = component.partition(":")
    own = [n for n in needs if (n.manifest.kind, n.manifest.name) == (kind, name)]
    return manifest_store.scopes_of(own or needs)


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
    return Wish(
        account_id=account_id or str(uuid7()),
        connection=connection,
        scopes=tuple(scopes_for(component, manifest_store.naming(connection))),
        label=label.strip()[:100],
        replaces=replaces,
    )
