"""What an erasure may empty: what people approved, as the entry of the decision says it.

The entry names the person, the row and the stores, and their digest. The row that repeats it is
sealed (`audit.evidence.row_seals`). Before anything goes, the row has to be the one that was sealed
and the entry has to be in the tree that our keys signed, so that nobody widens an erasure, turns it
to somebody else or begins one of their own by writing to the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from approvals.erasure import erasure_list_file
from approvals.models import Erasure
from audit.erasure import subject_and_store_registry
from audit.evidence import human_levels, row_seals
from audit.keys import keyring
from audit.ledger import merkle
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import canonical
from audit.ledger.merkle import ProofError
from audit.ledger.note import NoteError
from audit.models import Event, EventRow
from audit.recording.stored_event_loader import load
from audit.sequencing import signed_state, stored_tree_queries
from audit.verification.unreadable_rows import UNREADABLE

CODE: Final = "erasure_altered"
WORDS: Final = (
    "this is not the erasure that was approved: someone wrote to the database. Nothing more is "
    "erased by it; find out who, and decide again"
)
_LABEL: Final = "ata.erasure.v1"
_SEALED: Final = (
    *("subject", "operation", "approval", "state", "index", "steps", "touched"),
    *("restated", "emptied", "certificate", "replayed"),
)
_PROVEN: Final = ("H2", "H3")


class NotYet(Exception):
    """The decision is in no signed tree yet."""


def scope(erasure: Erasure) -> dict[str, Any]:
    """What the entry of the decision says of its reach: the person, the row and all stores."""
    named = {
        "erasure": str(erasure.id),
        "subject": erasure.subject,
        "reaches": [store.name for store in subject_and_store_registry.stores()],
    }
    return {**named, "scope_sha256": _digest(named)}


def reach(decided: dict[str, Any]) -> set[str] | None:
    """The stores that an entry names; None where it is of before they were named: all."""
    named = decided["data"].get("reaches")
    return None if named is None else set(named)


def save(erasure: Erasure, fields: Iterable[str]) -> None:
    """Write these fields, and the seal over the row."""
    erasure.seal = row_seals.seal(_LABEL, _said(erasure))
    erasure.save(update_fields=[*fields, "seal"])


def begin(erasure: Erasure) -> Erasure:
    """Write a new row, sealed."""
    erasure.seal = row_seals.seal(_LABEL, _said(erasure))
    erasure.save(force_insert=True)
    return erasure


def is_sealed(erasure: Erasure) -> bool:
    """Whether the row is as this portal left it."""
    try:
        return row_seals.holds(_LABEL, _said(erasure), erasure.seal)
    except UNREADABLE:
        return False


def reseal() -> None:
    """Seal again the rows that a former EVIDENCE_KEY sealed."""
    for erasure in Erasure.objects.exclude(seal=""):
        if is_sealed(erasure):
            save(erasure, ())


def altered(erasure: Erasure) -> bool:
    """Whether the row is not what was decided and what this portal made of it.

    Raises:
        NotYet: its decision is in no signed tree yet.
    """
    if erasure.replayed:
        return not is_sealed(erasure) or not _is_listed(erasure)
    if erasure.seal and not is_sealed(erasure):
        return True
    try:
        return differs(erasure, decision(erasure))
    except UNREADABLE:
        return True


def decision(erasure: Erasure) -> dict[str, Any]:
    """The entry of the decision, as it is in the tree that our keys signed.

    Raises:
        NotYet: it is in none.
        ValueError: the entry is not in the tree, or the tree is not signed by our keys.
    """
    rows = EventRow.of_operation(erasure.operation).filter(action="subject.erased")
    found = rows.filter(outcome="pending").values_list("event", "seq").first()
    signed = signed_state.newest_checkpoint()
    event, index = found or (None, None)
    if event is None or index is None or signed is None:
        raise NotYet
    try:
        head = keyring.read().verify(signed.note)
        if index >= head.size:
            raise NotYet
        entry = bytes(Event.objects.get(pk=event).entry)
        hashes = stored_tree_queries.inclusion_proof(index, head.size)
        merkle.verify_inclusion(merkle.leaf_hash(entry), index, head.size, hashes, head.root)
    except (ProofError, NoteError, Event.DoesNotExist) as error:
        raise ValueError(f"the decision is not in the signed tree: {error}") from error
    return {**entries.parse(entry), "id": event, "index": index}


def differs(erasure: Erasure, decided: dict[str, Any]) -> bool:
    """Whether the row is another than this entry decided.

    An entry of before that names no reach counts where a signature over the intent proves it.
    """
    data = decided["data"]
    said = (decided["action"], decided["outcome"], decided["operation"], decided["approval"])
    if said != ("subject.erased", "pending", erasure.operation, erasure.approval):
        return True
    if data.get("subject") != erasure.subject or erasure.index not in (None, decided["index"]):
        return True
    if "scope_sha256" in data:
        row = {**scope(erasure), "reaches": data["reaches"]}
        return not erasure.seal or _digest(row) != data["scope_sha256"]
    return human_levels.explain(load(decided["id"])).code not in _PROVEN


def _digest(scope: dict[str, Any]) -> str:
    named = {name: scope[name] for name in ("erasure", "subject", "reaches")}
    return hashlib.sha256(canonical(named)).hexdigest()


def _said(erasure: Erasure) -> dict[str, Any]:
    said = {name: getattr(erasure, name) for name in _SEALED}
    return {**said, "id": str(erasure.id), "state": str(erasure.state)}


def _is_listed(erasure: Erasure) -> bool:
    return any(
        (one.subject, one.index) == (erasure.subject, erasure.index)
        for one in erasure_list_file.read()
    )
