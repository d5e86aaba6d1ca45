"""Which outposts carry out decisions: those that pinned the key by which commands are signed."""

from __future__ import annotations

from collections.abc import Iterator

from audit.keys import outpost_command_key
from audit.models import EventRow
from audit.recording.stored_event_loader import load
from audit.verification.checks import checks_from_other_apps
from audit.verification.checks.checks_from_other_apps import Wrong
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


def problems() -> Iterator[Wrong]:
    """Outposts whose row is not as their enrolment was recorded, so that decisions pass them by;
    part of `verify_ledger`."""
    revoked = {data.get("outpost") for _, data in _recorded("outpost.revoked")}
    rows = Outpost.objects.in_bulk()
    for index, data in _recorded("outpost.key_enrolled"):
        key, row = data.get("command_key"), rows.get(str(data.get("outpost")))
        if key is None:  # recorded by an earlier version
            continue
        if row is None or row.command_key != key:
            yield Wrong(f"the outpost {data['outpost']} is not the one that was enrolled", index)
        elif row.revoked_at is not None and row.id not in revoked:
            yield Wrong(f"the outpost {row.id} was revoked by no decision", index)


def _recorded(action: str) -> Iterator[tuple[int | None, dict[str, object]]]:
    for event, index in EventRow.objects.filter(action=action).values_list("event", "seq"):
        yield index, load(event)["data"]


checks_from_other_apps.register("outposts", problems)
