"""What a row may lack although an event has it still: an erasure empties rows before the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from approvals.models import Erasure, ErasureState
from audit.subjects import MARK


class Excuses:
    """Asked once for each verification."""

    def __init__(self) -> None:
        # One that is done emptied the event too; one that a legal hold stopped never does.
        self._unfinished = Erasure.objects.exclude(state=ErasureState.DONE).exists()
        self._any = Erasure.objects.exists()

    def differ(self, row: Any, event: Any, *, clear: bool = False) -> bool:
        """Whether a row says something else than the event, and no erasure is why.

        Args:
            row: text, or JSON made of texts.
            event: what the event says; None once that was erased.
            clear: the entry says it in clear, out of reach of any erasure.
        """
        if event is None or row == event:
            return False
        excused = self._any if clear else self._unfinished
        return not (excused and _lacks(row, event))


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
