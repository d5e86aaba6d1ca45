"""Reading what `audit.importing.quarantine.writer` set aside: rows that could not become events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from audit.importing.secret_masking import mask
from audit.importing.source_row_identity import ID_COLUMNS, event_id
from audit.models import ImportedRow, QuarantinedRow

COUNTED: Final = 10_000
"""So many rows are counted; more are "more than" that."""
CHOICES: Final = 50
"""So many sources and reasons are offered to narrow by."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows; what is empty takes all.

    Attributes:
        source: the instance that they are from, `auth0` for the tenant log.
        reason: a stable code.
        event: the `audit.quarantined` that tells of them.
    """

    source: str = ""
    reason: str = ""
    event: UUID | None = None

    def rows(self) -> QuerySet[QuarantinedRow]:
        """The rows, in no order."""
        narrowed: dict[str, Any] = {
            "instance": self.source,
            "reason": self.reason,
            "event": self.event,
        }
        return QuarantinedRow.objects.filter(**{k: v for k, v in narrowed.items() if v})


def page(
    wanted: Wanted, limit: int, before: int | None = None
) -> tuple[list[QuarantinedRow], bool]:
    """Rows without their content, the newest first, and whether there are older ones; one query.

    Args:
        limit: how many at most.
        before: number of the last row of the page before.
    """
    rows = wanted.rows().defer("content").order_by("-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows[: limit + 1])
    return found[:limit], len(found) > limit


def count(wanted: Wanted) -> int:
    """How many there are, up to one more than COUNTED."""
    return wanted.rows().order_by()[: COUNTED + 1].count()


def values(column: str) -> list[str]:
    """What stands in `instance` or `reason`, sorted, up to CHOICES; one query each by its index."""
    found: list[str] = []
    rows = QuarantinedRow.objects.order_by(column).values_list(column, flat=True)
    while len(found) < CHOICES:
        one = rows.filter(**{f"{column}__gt": found[-1]} if found else {}).first()
        if one is None:
            break
        found.append(one)
    return found


def content(row: QuarantinedRow) -> Mapping[str, Any]:
    """What there was of the row, with secrets masked again: today's shapes know more of them."""
    shown: Mapping[str, Any] = mask(row.content)
    return shown


def became(rows: Sequence[QuarantinedRow]) -> dict[int, UUID]:
    """Events that rows of an import became since, by the number of the row; one query."""
    ids = {
        row.pk: event_id(row.instance, row.table, row.row_id)
        for row in rows
        if row.table in ID_COLUMNS
    }
    known = ImportedRow.objects.filter(event__in=set(ids.values())).values_list("event", flat=True)
    made = set(known)
    return {pk: event for pk, event in ids.items() if event in made}
