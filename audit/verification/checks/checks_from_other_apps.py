"""Rows of other apps that repeat what events contain: each app registers how its own are checked.

A decision is an event, and a row that pages and later decisions read. Editing the row alone
changes what is believed and done, though not the log. `verify_ledger` asks every app at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from audit.evidence.log_proof_levels import LogSizes
from audit.models import EventRow
from audit.recording.stored_event_loader import load_many
from audit.verification.report import Findings

CODE: Final = "decision"
_BATCH: Final = 500
_LATER: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Wrong:
    """One row that does not say what an event says; `index` and `event` of the entry, if any.

    With `noted`, a code, it is no problem: something that cannot be decided either way.
    """

    message: str
    index: int | None = None
    event: str = ""
    noted: str = ""


type Check = Callable[[], Iterable[Wrong]]
_CHECKS: dict[str, Check] = {}
_PENDING: set[str] = set()


def register(name: str, check: Check, *, pending: bool = False) -> None:
    """Have rows checked; called at import of an app, once for each name.

    Args:
        pending: they are few, and something is still done by them: continuous verification looks
            at them too, so that the banner says at once what somebody changed.
    """
    _CHECKS[name] = check
    if pending:
        _PENDING.add(name)


def check(findings: Findings, *, pending: bool = False) -> None:
    """Report what does not hold. What differs is looked at again: it may have just been decided."""
    for each in (check for name, check in _CHECKS.items() if name in _PENDING or not pending):
        found = list(each())
        still = set(each()) if found else set()
        for wrong in found:
            if wrong in still and wrong.noted:
                findings.note(wrong.noted, wrong.message, wrong.index, wrong.event)
            elif wrong in still:
                findings.add(CODE, wrong.message, wrong.index, wrong.event)


def events_of(*actions: str) -> Iterator[dict[str, Any]]:
    """Public events of some actions, oldest first; a few hundred in memory at a time."""
    last = None
    while True:
        rows = EventRow.objects.filter(action__in=actions).order_by("event")
        later = rows if last is None else rows.filter(event__gt=last)
        ids = list(later.values_list("event", flat=True)[:_BATCH])
        if not ids:
            return
        yield from load_many(ids, LogSizes())
        last = ids[-1]


def is_of(moment: datetime | None, event: dict[str, Any]) -> bool:
    """Whether a row's moment is that of the transaction that recorded the event."""
    recorded = datetime.fromisoformat(event["recorded_at"])
    return moment is not None and -_LATER < recorded - moment < _LATER


def opened(value: Any) -> Any:
    """A value of a public event; None once it was erased."""
    return None if value == {"erased": True} else value
