"""What a row may lack although an event has it still: an erasure empties rows before the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from approvals.erasure import record_of_emptied_columns
from approvals.models import Approval
from audit.erasure.subject_and_store_registry import MARK
from audit.ledger.format.commitment import subject_key


class Excuses:
    """Asked once for each verification.

    Only a column that the job of an erasure emptied may lack anything (`erasing.emptied`).
    """

    def __init__(self) -> None:
        self._emptied: dict[tuple[str, str], set[str]] = {}
        for subject, rows in record_of_emptied_columns.believed():
            for name, columns in rows.items():
                for column in columns:
                    self._emptied.setdefault((name, column), set()).add(subject)

    def differ(
        self, row: Model, column: str, said: Any, event: Any, *, who: tuple[Any, Any] | None = None
    ) -> bool:
        """Whether a row says something else than the event, and no erasure is why.

        Args:
            row: of the database.
            column: where it says so; empty for what no erasure writes.
            said: text, or JSON made of texts.
            event: what the event says; None once that was erased.
            who: issuer and subject, as the event has them, where the column names that person:
                only the erasure of them may have emptied it.
        """
        if event is None or said == event:
            return False
        whose = self._emptied.get((record_of_emptied_columns.name_of(row), column), set())
        if who is not None:
            whose = whose & {subject_key(*map(str, who))}
        return not (whose and _lacks(said, event))


def sentence_without(verb: str) -> str:
    """What an erasure leaves of the sentence of a request by the person."""
    return f"{verb}, asked by a person who was erased"


def is_emptied(approval: Approval) -> bool:
    """Whether a request says nothing any more, since who asked for it was erased."""
    empty = ("intent", "reason", "if_approved", "params", "risk", "account", "requested_by")
    if any(getattr(approval, column) for column in empty):
        return False
    left = (approval.target_name, approval.requester_sub, approval.sentence)
    return left == (MARK, MARK, sentence_without(approval.verb))


def _lacks(row: Any, event: Any) -> bool:
    if isinstance(row, str) and isinstance(event, str):
        return row == "" or _is_left(row.split(MARK), event)
    if isinstance(row, dict) and isinstance(event, dict):
        return row.keys() == event.keys() and all(_equal(row[name], event[name]) for name in row)
    if isinstance(row, list) and isinstance(event, list):
        return len(row) == len(event) and all(map(_equal, row, event))
    return False


def _equal(row: Any, event: Any) -> bool:
    return bool(row == event) or _lacks(row, event)


def _is_left(parts: Sequence[str], event: str) -> bool:
    """Whether a text is these parts with something between them, looked for from left to right: a
    row that was made to be hard to match must not hold up a verification."""
    first, *others = parts
    if not others:
        return first == event
    *inner, last = others
    at = len(first) if event.startswith(first) else -1
    for part in inner:
        found = event.find(part, at) if at >= 0 else -1
        at = found + len(part) if found >= 0 else -1
    return 0 <= at <= len(event) - len(last) and event.endswith(last)
