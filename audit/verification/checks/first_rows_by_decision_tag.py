"""Checks of the memory of decision tags: which imported row had the tag of a try first.

Who removed or rewrote such a row would let a second gateway row pass for the first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from audit.importing import decision_tag_hmac
from audit.importing.source_row_identity import event_id
from audit.ledger.format.entry import EntryError
from audit.models import Event, EventRow, RepeatedTag
from audit.recording.stored_event_loader import load, load_many
from audit.verification.report import Findings
from audit.verification.unreadable_rows import each

_TABLE = "audit_events"  # the only one whose rows have tags
_SHOWN = 10
_BATCH = 500
_CHANGED_BY_MASKING = ("[masked", "[cut")


def check_missing(findings: Findings) -> None:
    """Report imported rows that repeat a decision by a tag that is no longer remembered."""
    remembered = RepeatedTag.objects.filter(event=OuterRef("event"))
    # An imported event belongs to an operation of ours by a tag; in former versions by its id.
    matched = EventRow.objects.filter(~Exists(remembered), source="defenseclaw")
    found = 0
    rows = matched.exclude(operation="").values_list("seq", "event").iterator()
    for some in batched(rows, _BATCH):
        data, _ = each([id for _, id in some], _data)  # others: reported where entries are checked
        for seq, id in some:
            if data.get(id, {}).get("repeats") != "tag":
                continue
            findings.add("import", "the tag of its decision is no longer remembered", seq, id)
            found += 1
            if found == _SHOWN:
                return


def problem(row: RepeatedTag) -> str:
    """What is wrong with one remembered tag; empty where it is the one that its row had."""
    tags = decision_tag_hmac.find(row.tag)
    if [str(tag) for tag in tags] != [row.tag]:
        return "is in another form than a tag"
    try:
        event = load(row.event)
    except Event.DoesNotExist:
        return "is of a row that was never imported"
    except EntryError:  # reported where entries are checked
        return ""
    data = event["data"]
    if event_id(event["instance"], _TABLE, row.row_id) != row.event:
        return "is kept for another row than the one that was imported"
    if (data.get("repeats"), data.get("repeats_operation")) != ("tag", tags[0].operation):
        return "is of another decision than its row repeats"
    said = _said(data.get("raw"))
    if said and not any(mark in said for mark in _CHANGED_BY_MASKING) and row.tag not in said:
        return "is not the tag that its row had"
    return ""


def _data(ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """What events have as `data`.

    Raises:
        LookupError: one of them is missing.
    """
    events = load_many(ids)
    if len(events) < len(ids):
        raise LookupError("an event is missing")
    return {id: event["data"] for id, event in zip(ids, events, strict=True)}


def _said(raw: Any) -> str:
    """The columns of a row in which tags stand; empty once they were erased."""
    columns = raw.get("columns") if isinstance(raw, dict) else None
    if not isinstance(columns, dict):
        return ""
    return " ".join(str(columns.get(one, "")) for one in ("request_id", "run_id", "details"))
