"""Which outposts carry out decisions: those that pinned the key by which commands are signed."""

from __future__ import annotations

from audit.keys import outpost_command_key
from enforcement.models import Outpost


def outpost_of(instance: str) -> Outpost | None:
    """The outpost that carries out decisions at a gateway, suspended and contested ones included;
    None where it pinned no key for them, or another one than there is."""
    return next(iter(_found(instance=instance)), None)


def by_instance() -> dict[str, Outpost]:
    """All of them, by the gateway they are next to."""
    return {one.instance: one for one in _found()}


def _found(**of: str) -> list[Outpost]:
    enrolled = Outpost.objects.filter(revoked_at=None, **of).exclude(command_key="")
    found = list(enrolled.order_by("instance"))
    key = outpost_command_key.public_key() if found else ""
    return [one for one in found if one.command_key == key]
