"""Counts per hour and facet of sequenced events, so that a whole-log histogram reads few rows."""

from __future__ import annotations

from django.db import connection
from django.db.models import F

from audit.models import EventRow, Rollup

_HOUR = {
    "sqlite": "strftime('%%Y-%%m-%%d %%H:00:00', time)",
    "postgresql": "date_trunc('hour', time, 'UTC')",
}
_FACETS = "family, source, outcome, severity, human"


def add_range(first: int, end: int) -> None:
    """Count rows `first <= seq < end`, just sequenced."""
    hour = _HOUR[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO audit_rollup (hour, {_FACETS}, n) "  # noqa: S608 - constant names
            f"SELECT {hour}, {_FACETS}, count(*) FROM audit_eventrow "
            f"WHERE seq >= %s AND seq < %s GROUP BY {hour}, {_FACETS} "
            f"ON CONFLICT (hour, {_FACETS}) DO UPDATE SET n = audit_rollup.n + excluded.n",
            [first, end],
        )


def move(old: EventRow, new: EventRow) -> None:
    """Move one counted row to the cell of its new human level, the one facet that may change."""
    if old.human == new.human:
        return
    cell = {
        "hour": old.time.replace(minute=0, second=0, microsecond=0),
        "family": old.family,
        "source": old.source,
        "outcome": old.outcome,
        "severity": old.severity,
    }
    Rollup.objects.filter(**cell, human=old.human).update(n=F("n") - 1)
    if not Rollup.objects.filter(**cell, human=new.human).update(n=F("n") + 1):
        Rollup.objects.create(**cell, human=new.human, n=1)


def clear() -> None:
    """Forget all counts, before a rebuild."""
    Rollup.objects.all().delete()
