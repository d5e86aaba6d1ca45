"""Recording what happened to the log's keys: `ledger.key_changed`.

A change is first written into the history of the keys, with its event still to be recorded, so
that a crash between the two leaves no change untold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from audit.keys import keyring
from audit.keys.keyring import Keyring, Period
from audit.ledger.format import entry as entries
from audit.ledger.key_transitions import handover, log_renames
from audit.models import Event, EventRow
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import signed_state

ACTION: Final = "ledger.key_changed"


def settle() -> int:
    """Begin the history of the keys where there is none, and record what is still untold.

    Called with the sequencer's lock. Returns how many events were recorded.

    Raises:
        LedgerIdentityError: the history or a key cannot be read.
        SequencerStopped: the last-signed state is damaged.
    """
    if not keyring.path().exists():
        keyring.begin(signed_state.signed_size())
    ring = keyring.read()
    if not ring.unrecorded:
        return 0
    logged = recorded()
    waiting = [dict(one) for one in ring.unrecorded if dict(one) not in logged]
    for data in waiting:
        record(SYSTEM, "ledger.key_changed", data=data)
    keyring.write(replace(ring, unrecorded=()))
    return len(waiting)


def unheard(ring: Keyring) -> list[dict[str, Any]]:
    """Changes that the log does not tell of, as after an older database came back."""
    known = {one.get("statement") for one in (*recorded(), *ring.unrecorded)}
    return [
        keyring.change("began", handover.parse(one).size, _begun(ring, one), one)
        for one in ring.statements
        if one not in known and not log_renames.is_move(one)  # `ledger.adopted` records that
    ]


def _begun(ring: Keyring, statement: str) -> list[Period]:
    said = handover.parse(statement)
    return [one for one in ring.periods if one.key in said.new and one.key not in said.old]


def recorded(action: str = ACTION) -> list[Mapping[str, Any]]:
    """Data of every event of that name in the log; few, because each takes a person's hand."""
    return data_of(action)[action]


def data_of(*actions: str) -> dict[str, list[Mapping[str, Any]]]:
    """Data of every event of each of these names; all search rows are looked at once."""
    ids = EventRow.objects.filter(action__in=actions).values_list("event", flat=True)
    logged: dict[str, list[Mapping[str, Any]]] = {action: [] for action in actions}
    for entry in Event.objects.filter(id__in=list(ids)).values_list("entry", flat=True):
        document = entries.parse(bytes(entry))
        logged.setdefault(document["action"], []).append(document["data"])
    return logged


def problems(
    ring: Keyring, logged: Sequence[Mapping[str, Any]], adopted: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """What does not hold of the history: changes that the log lacks, or tells of and it does not.

    That each set of keys is vouched for by the one before says `Keyring.check`.

    Args:
        ring: the history.
        logged: data of `ledger.key_changed` in the log.
        adopted: data of `ledger.adopted` there, which record changes of the log's name.
    """
    known = {one.get("statement") for one in (*logged, *adopted, *ring.unrecorded)}
    for statement in ring.statements:
        if statement not in known:
            action = "ledger.adopted" if log_renames.is_move(statement) else "ledger.key_changed"
            yield f"a statement of the keys' history is in no {action} entry"
    for data in logged:
        if data.get("state") == "began" and data.get("statement") not in ring.statements:
            yield (
                f"the log tells of keys that sign from size {data.get('size')} on, and "
                f"{keyring.path()} does not; restore it from a backup"
            )
    for data in adopted:
        if data.get("statement", "") not in ("", *ring.statements):
            yield (
                f"the log tells that it goes on as {data.get('origin', {}).get('new')}, and "
                f"{keyring.path()} does not; restore it from a backup"
            )
