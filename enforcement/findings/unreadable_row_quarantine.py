"""Rows of a gateway that cannot be read or stored: set aside, with an alarm that names each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Final

from audit.importing.quarantine.writer import Quarantine, Rejected
from audit.importing.source_row_identity import SourceRow, content_digest
from audit.models import QuarantinedRow
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record

_LISTED: Final = 100
"""So many rows are named in one alarm; it counts all, and all of them are kept."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that says nothing that can be decided about.

    Attributes:
        rowid, id: where it stands, as `SourceScan` has them.
        reason: a code of `audit.importing.quarantine.writer`.
        detail: why, in words.
    """

    rowid: int
    id: str
    row: SourceRow
    reason: str
    detail: str


def set_aside(instance: str, found: Sequence[Unreadable], now: datetime) -> None:
    """Keep the rows and record one alarm, in the caller's transaction; each row is named once."""
    kept = _kept(instance, found)
    fresh = [one for one in found if (content_digest(one.row), one.reason) not in kept]
    if not fresh:
        return
    aside = Quarantine(instance, now)
    aside.keep([Rejected(one.row, one.reason, one.detail) for one in fresh])
    event = record(
        SYSTEM,
        "audit.quarantined",
        severity="HIGH",
        source="defenseclaw",
        instance=instance,
        target=Target("table", "scan_results", instance),
        data={
            "rows": len(fresh),
            "reasons": dict(sorted(Counter(one.reason for one in fresh).items())),
            "rows_digest": aside.digest,
            "listed": min(len(fresh), _LISTED),
        },
        private={"listing": [_line(one) for one in fresh[:_LISTED]]},
    )
    for digests in _digests(fresh):
        rows = QuarantinedRow.objects.filter(instance=instance, digest__in=digests, event=None)
        rows.update(event=event.id)


def _kept(instance: str, found: Sequence[Unreadable]) -> set[tuple[bytes, str]]:
    """Digest and reason of those that were set aside before."""
    kept = set()
    for digests in _digests(found):
        rows = QuarantinedRow.objects.filter(instance=instance, digest__in=digests)
        kept |= {(bytes(digest), why) for digest, why in rows.values_list("digest", "reason")}
    return kept


def _digests(found: Sequence[Unreadable]) -> Iterator[tuple[bytes, ...]]:
    return batched((content_digest(one.row) for one in found), 500)


def _line(one: Unreadable) -> dict[str, object]:
    return {
        "row": one.row.label, "number": one.rowid, "reason": one.reason, "detail": one.detail,
    }  # fmt: skip
