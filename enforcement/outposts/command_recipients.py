"""Which outposts carry out decisions: those that pinned the key by which commands are signed.

The entries of the log say which gateways have an outpost. A row that somebody deleted, emptied or
revoked in the database, and a search row that is gone, send no decision past an outpost: it waits,
and says why, until that outpost is revoked by decision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q

from audit.keys import outpost_command_key
from audit.recording import enrolment_entry_lookup
from audit.verification.checks import checks_from_other_apps
from audit.verification.checks.checks_from_other_apps import Wrong
from enforcement.models import Outpost, RevokedEnrolment
from enforcement.outposts import sealed_rows

_SLACK: Final = timedelta(minutes=1)
"""Between the check of a fleet code's end and the record of its use."""


def outpost_of(instance: str) -> Outpost | None:
    """The outpost that carries out decisions at a gateway, suspended and contested ones included,
    and those whose row was altered (`sealed_rows.is_as_recorded`); None where it pinned no key for
    them, or another one than there is."""
    return _found(instance).get(instance)


def by_instance() -> dict[str, Outpost]:
    """All of them, by the gateway they are next to."""
    return _found()


def _found(instance: str = "") -> dict[str, Outpost]:
    recorded = sealed_rows.recorded(instance)
    operations = {one.operation for one in recorded.values()}
    stored = Outpost.objects.filter(Q(revoked_at=None) | Q(operation__in=operations))
    if instance:
        stored = stored.filter(instance=instance)
    rows = {(row.instance, row.operation): row for row in stored}
    key = outpost_command_key.public_key() if rows or recorded else ""
    found = {
        name: row
        for (name, _), row in rows.items()
        if name not in recorded and row.command_key == key and sealed_rows.is_sealed(row)
    }
    for name, one in sorted(recorded.items()):
        row = rows.get((name, one.operation))
        if row is None and sealed_rows.is_ended(name, one):
            continue
        # One that somebody deleted is stood for by a row without a seal.
        row = row or Outpost(id="", instance=name)
        whole = sealed_rows.agrees(row, one) or sealed_rows.is_as_recorded(row)
        if not whole or (row.command_key == key and row.revoked_at is None):
            found[name] = row
    return found


def problems() -> Iterator[Wrong]:
    """Outposts whose row is not as their enrolment was recorded, so that nothing is sent to them;
    part of `verify_ledger`. One that was followed by another is none any more."""
    rows, recorded = Outpost.objects.in_bulk(), sealed_rows.recorded()
    # Several gateways share a decision where it gave a fleet code.
    newest = {(name, one.operation): one for name, one in recorded.items()}
    for entry in enrolment_entry_lookup.of("outpost"):
        if entry.document["action"] != "outpost.key_enrolled":
            continue
        data, index = entry.document["data"], entry.index
        key, row = data.get("command_key"), rows.pop(str(data.get("outpost")), None)
        gateway = str(enrolment_entry_lookup.gateway_of(entry.document))
        counts = newest.get((gateway, entry.document["operation"]))
        if row is not None and row.revoked_at is None and (counts is None or counts.is_revoked):
            yield Wrong(f"the outpost {row.id} was revoked and counts again", index)
        elif counts is None:
            continue
        elif row is None or (key is not None and row.command_key != key):
            yield Wrong(f"the outpost {data['outpost']} is not the one that was enrolled", index)
        elif not sealed_rows.agrees(row, recorded.get(row.instance)):
            yield Wrong(f"the outpost {row.id} is not as it was enrolled and decided", index)
    for row in rows.values():
        yield Wrong(f"no entry enrolled the outpost {row.id}")
    yield from _written_by_others()
    yield from _beyond_approval()


def _written_by_others() -> Iterator[Wrong]:
    """Revocations that no decision wrote, and entries that the portal writes none of."""
    for ended in RevokedEnrolment.objects.all():
        if not sealed_rows.is_sealed(ended):
            yield Wrong(f"no decision revoked an enrolment at {ended.instance} as its row has it")
    for entry in enrolment_entry_lookup.incomplete():
        action = entry.document["action"]
        yield Wrong(f"{action} does not name what it is about", entry.index, str(entry.event))


def _beyond_approval() -> Iterator[Wrong]:
    """Enrolments by a fleet code that its decision did not let: one too many, under another name,
    or after its end."""
    entries = enrolment_entry_lookup.of("outpost")
    for decision in checks_from_other_apps.events_of("outpost.enrolled"):
        if not decision["data"].get("fleet"):
            continue
        names: set[str] = set()
        for entry in entries:
            document = entry.document
            by_it = document["operation"] == decision["operation"]
            if not by_it or document["action"] != "outpost.key_enrolled":
                continue
            names.add(str(enrolment_entry_lookup.gateway_of(document)))
            if why := _why_not_approved(decision, entry, names, entries):
                outpost = document["data"]["outpost"]
                yield Wrong(f"the outpost {outpost} enrolled {why}", entry.index)


def _why_not_approved(
    decision: Mapping[str, Any],
    entry: enrolment_entry_lookup.Found,
    names: Collection[str],
    entries: Collection[enrolment_entry_lookup.Found],
) -> str:
    """Why a fleet code did not let an outpost enrol; empty where it did.

    Args:
        names: of the gateways at which outposts enrolled by it, this one included.
    """
    data, at = decision["data"], entry.document["recorded_at"]
    gateway = str(enrolment_entry_lookup.gateway_of(entry.document))
    if len(names) > data["uses"]:
        return f"by a fleet code whose {data['uses']} uses were spent"
    if not gateway.startswith(data["fleet"].removesuffix("*")):
        return f"by a fleet code for hosts named {data['fleet']}"
    if datetime.fromisoformat(at) > datetime.fromisoformat(data["until"]) + _SLACK:
        return "by a fleet code that had expired"
    was_ended = any(
        enrolment_entry_lookup.ends_code(one.document, data["fleet"], decision["operation"])
        and decision["recorded_at"] <= one.document["recorded_at"] < at
        for one in entries
    )
    return "by a fleet code that had ended" if was_ended else ""


checks_from_other_apps.register("outposts", problems, pending=True)
