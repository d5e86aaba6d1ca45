"""Erasures, held to the entries that decided and ended them; part of `verify_ledger`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from approvals.erasure import approved_scope, erasure_list_file
from approvals.erasure.erased_or_altered_documents import ENDS
from approvals.models import Erasure, ErasureState
from audit.verification.checks import checks_from_other_apps
from audit.verification.checks.checks_from_other_apps import Wrong

UNLISTED = "unlisted"
"""Code of a note: see `_unlisted`."""
_UNDER_WAY = "the erasure of this entry is under way and is not the one that was approved"


def problems() -> Iterator[Wrong]:
    """Erasures that nobody decided, that are not the ones decided, or that are gone."""
    rows = list(Erasure.objects.order_by("begun", "id"))
    events = list(checks_from_other_apps.events_of(*ENDS))
    decided = {e["operation"]: e for e in events if e["outcome"] == "pending"}
    ended = {e["operation"]: e for e in events if e["outcome"] != "pending"}
    listed = _listed() if any(row.replayed for row in rows) else set()
    again = _decided_again(rows)

    def is_over(event: dict[str, Any], state: str = ErasureState.FAILED) -> bool:
        """Whether a later erasure did what this one was stopped in."""
        later = again.get(event["data"].get("subject", ""), -1)
        return state == ErasureState.FAILED and (event["index"] or 0) < later

    for row in rows:
        yield from _unlisted(row, ended.get(row.operation))
        event = decided.get(row.operation)
        if row.replayed and event is None:
            yield from _replayed(row, listed, ended.get(row.operation))
        elif event is None:
            yield Wrong(f"the erasure {row.id} is in no subject.erased entry")
        elif not is_over(event, row.state):
            yield from _differing(row, event, ended.get(row.operation))
    there = {row.operation for row in rows}
    for operation, event in decided.items():
        if "erasure" in event["data"] and operation not in there and not is_over(event):
            message = "the erasure of this entry is missing from the database"
            yield Wrong(message, event["index"], event["id"])


def _differing(row: Erasure, event: dict[str, Any], end: dict[str, Any] | None) -> Iterator[Wrong]:
    at = (event["index"], event["id"])
    data = event["data"]
    if row.subject != data.get("subject", row.subject):
        yield Wrong("the erasure of this entry is of another person", *at)
    if data.get("erasure", str(row.id)) != str(row.id):
        yield Wrong("the erasure of this entry has another row", *at)
    if row.replayed:
        yield Wrong("the erasure of this entry says that a restore had lost it", *at)
    if row.approval != event["approval"]:
        yield Wrong("the erasure of this entry has another approval", *at)
    if row.index is not None and row.index != event["index"]:
        yield Wrong("the erasure of this entry says that another entry decided it", *at)
    if end is None and "erasure" in data and not approved_scope.is_sealed(row):
        yield Wrong(_UNDER_WAY, *at)
    if end is not None and end["data"].get("failure") == approved_scope.CODE:
        yield Wrong("the erasure of this entry was refused: it is not the one approved", *at)
    yield from _certified(row, end)


def _decided_again(rows: list[Erasure]) -> dict[str, int]:
    """By person, the entry that decided their last erasure which came to its end."""
    done = (row for row in rows if row.state == ErasureState.DONE and approved_scope.is_sealed(row))
    return {row.subject: row.index for row in done if row.index is not None}


def _unlisted(row: Erasure, end: dict[str, Any] | None) -> Iterator[Wrong]:
    """What cannot be checked of an erasure that ended before its rows were listed."""
    if (
        end is None
        or "rows_sha256" in end["data"]
        or end["data"].get("failure") == approved_scope.CODE
    ):
        return
    if row.state == ErasureState.DONE:
        means = "nothing depends on it: the log has lost the same values"
    else:
        means = "a row that it emptied before it was stopped is named like one that someone blanked"
    message = f"the erasure of this entry ended before emptied rows were listed; {means}"
    yield Wrong(message, end["index"], end["id"], noted=UNLISTED)


def _certified(row: Erasure, end: dict[str, Any] | None) -> Iterator[Wrong]:
    """A certificate that the row has and the entry of its end does not."""
    if end is None or row.state != ErasureState.DONE:
        return
    if any(end["data"].get(name) != said for name, said in row.certificate.items()):
        message = "the erasure of this entry has another certificate"
        yield Wrong(message, end["index"], end["id"])


def _replayed(
    row: Erasure, listed: set[tuple[str, int]], end: dict[str, Any] | None
) -> Iterator[Wrong]:
    if (row.subject, row.index) not in listed:
        yield Wrong(f"the erasure {row.id} is not on the list outside the database")
    elif end is None and not approved_scope.is_sealed(row):
        yield Wrong(f"the erasure {row.id} was changed since it was taken up again")
    yield from _certified(row, end)


def _listed() -> set[tuple[str, int]]:
    try:
        return {(one.subject, one.index) for one in erasure_list_file.read()}
    except (erasure_list_file.TombstonesDamaged, OSError):
        return set()


checks_from_other_apps.register("erasures", problems, pending=True)
