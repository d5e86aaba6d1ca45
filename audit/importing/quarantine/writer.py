"""Rows that cannot become events: set aside with a reason, never lost."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from audit.importing import foreign_json
from audit.importing.secret_masking import mask
from audit.importing.source_row_identity import REJECTED_AS, SourceRow, content_digest
from audit.models import QuarantinedRow

REASONS: Final = {
    "missing_time": "no time",
    "bad_time": "an impossible or unreadable time",
    "missing_action": "no action",
    "unusable_id": "no usable id",
    "not_utf8": "text that is not UTF-8",
    "too_large": "more than 2 MiB",  # by versions before texts were cut
    "too_many": "too many values before it in one pushed body",
    "not_recordable": "a value that no entry can hold",
}
"""Why a row is set aside, in words that follow "has"."""

LISTED: Final = 500
"""So many rows are listed in the event of an import; all of them are in `QuarantinedRow`."""

_SHOWN: Final = 16_384


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row and why it was set aside."""

    row: SourceRow
    reason: str
    detail: str


def fault(row: SourceRow) -> Rejected | None:
    """What keeps a row from being read at all, whatever it says."""
    if all(v.isascii() for v in row.values.values() if isinstance(v, str)):
        return None
    broken = [column for column, value in row.values.items() if _is_broken(value)]
    if broken:
        return Rejected(row, "not_utf8", f"not UTF-8: {', '.join(broken)}")
    return None


def _is_broken(value: Any) -> bool:
    if not isinstance(value, str) or value.isascii():
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False


def without_id(row: SourceRow) -> Rejected:
    """A row that nothing could ever find again."""
    if reason := row.joined.get(REJECTED_AS):
        return Rejected(row, reason, f"it has {REASONS[reason]}")
    return Rejected(row, "unusable_id", "its id is missing, binary, too long or unprintable")


@dataclass(slots=True)
class Quarantine:
    """The rows one import sets aside."""

    instance: str
    now: datetime
    reasons: dict[str, int] = field(default_factory=dict)
    listed: list[dict[str, str]] = field(default_factory=list)
    _all: Any = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> str:
        """SHA-256 over all of them, so that the list in the event stands for the whole."""
        return str(self._all.hexdigest())

    def keep(self, rejected: Sequence[Rejected]) -> None:
        """Store rows; one that was stored before stays as it was first seen."""
        rows = [self._row(each) for each in rejected]
        QuarantinedRow.objects.bulk_create(rows, ignore_conflicts=True)
        for row in rows:
            self.reasons[row.reason] = self.reasons.get(row.reason, 0) + 1
            line = (row.table, row.row_id, row.reason, bytes(row.digest).hex())
            self._all.update("\t".join(line).encode() + b"\n")
            if len(self.listed) < LISTED:
                names = ("table", "row_id", "reason", "digest")
                self.listed.append(dict(zip(names, line, strict=True)))

    def recorded(self, event: UUID) -> None:
        """Name the event that tells of them, in its transaction.

        Rows that a killed import left unnamed are of the next one of the instance.
        """
        QuarantinedRow.objects.filter(instance=self.instance, event=None).update(event=event)

    def _row(self, rejected: Rejected) -> QuarantinedRow:
        row = rejected.row
        shown = {column: _cut(value) for column, value in row.values.items()}
        return QuarantinedRow(
            instance=self.instance,
            table=row.table,
            row_id=mask(row.label),
            reason=rejected.reason,
            detail=rejected.detail,
            digest=content_digest(row),
            size=row.size,
            content=mask(foreign_json.loggable(shown)),
            seen=self.now,
        )


def _cut(value: Any) -> Any:
    return value[:_SHOWN] if isinstance(value, str | bytes) else value
