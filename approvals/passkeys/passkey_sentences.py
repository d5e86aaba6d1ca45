"""How events about passkeys read: whose key, what it counts for from now on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.recording import action_registry
from audit.recording.sentences import (
    ERASED,
    PublicEvent,
    after_approval,
    approvers,
    people,
    person,
    shown,
)


def _data(event: PublicEvent) -> Mapping[str, Any]:
    return event.get("data") or {}


def _named(event: PublicEvent) -> str:
    name = shown(_data(event).get("key_name"))
    return f"passkey “{name}”" if name and name != ERASED else "passkey"


def _whose(event: PublicEvent) -> str:
    owner, actor = _data(event).get("owner"), event.get("actor") or {}
    if not isinstance(owner, Mapping) or owner.get("sub") == actor.get("sub"):
        return "their own"
    return f"{person(owner)}’s"


def enrolled(event: PublicEvent) -> str:
    """One person enrolled a key; or two let it count for others."""
    who, key = person(event.get("actor")), _named(event)
    if _data(event).get("counts_for") == "others":
        confirmed = people(approvers(event))
        by = f", confirmed by {confirmed}" if confirmed else ""
        return f"{who} may approve what others ask for with the {key}{by}"
    return f"{who} enrolled the {key} for their own requests{after_approval(event)}"


def revoked(event: PublicEvent) -> str:
    """A key signs nothing any more."""
    return f"{person(event.get('actor'))} revoked {_whose(event)} {_named(event)}"


def refused(event: PublicEvent) -> str:
    """Somebody tried to enrol a key that cannot be."""
    why = shown(_data(event).get("detail")).rstrip(".")
    words = f"{person(event.get('actor'))} could not enrol a passkey"
    return f"{words}: {why[:1].lower()}{why[1:]}" if why else words


action_registry.reword("passkey.enrolled", enrolled)
action_registry.reword("passkey.revoked", revoked)
action_registry.register(
    "passkey.refused", label="Passkey refused", sentence=refused, severity="MEDIUM"
)
