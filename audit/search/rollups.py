"""Counts of sequenced events per period of event time and combination of facets.

The whole log is read from few rows: each event counts in one cell of every grain, an hour, a day,
a week and four weeks long, so a long time is a few long cells and a few short ones at its edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import batched

from django.db import connection, transaction
from django.db.models import F

from audit.models import EventRow, Rollup

GRAINS = (672, 168, 24, 1)
"""Lengths of a cell in hours, each a multiple of the next. A cell starts at a multiple of its own
length since 1970 began."""
FACETS = ("action", "source", "outcome", "severity", "human", "via")

CELL = ("grain", "start", *FACETS)
"""What tells one cell from another."""

_FACETS = ", ".join(FACETS)
_AT_ONCE = 2000  # rows named in one statement
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = {
    # Without the fraction, which SQLite rounds: the last half millisecond is of the next hour then.
    "sqlite": "CAST(strftime('%s', substr(time, 1, 19)) AS INTEGER)",
    "postgresql": "floor(extract(epoch FROM time))::bigint",
}


def hour_of(moment: datetime) -> int:
    """Full hours from 1970 to a moment, rounded down."""
    return (moment - _EPOCH).days * 24 + (moment - _EPOCH).seconds // 3600


def _floor(value: str, step: str) -> str:
    # Both engines truncate towards zero; a time before 1970 has to go down.
    return f"({value} - ({value} % {step} + {step}) % {step})"


def _hour(vendor: str) -> str:
    return f"{_floor(_SECONDS[vendor], '3600')} / 3600"


def add_statement(vendor: str, condition: str, n: str = "sum(x.n)") -> str:
    """SQL that adds `n` of the rows for which `condition` holds, in every grain."""
    grains = " UNION ALL ".join(f"SELECT {grain} AS grain" for grain in GRAINS)
    return (
        f"INSERT INTO audit_rollup (grain, start, {_FACETS}, n) "  # noqa: S608 - constant names
        f"SELECT g.grain, {_floor('x.hour', 'g.grain')}, {_FACETS}, {n} FROM "
        f"(SELECT {_hour(vendor)} AS hour, {_FACETS}, count(*) AS n FROM audit_eventrow "
        f"WHERE {condition} GROUP BY 1, {_FACETS}) x CROSS JOIN ({grains}) g "
        f"WHERE true GROUP BY g.grain, {_floor('x.hour', 'g.grain')}, {_FACETS} "
        f"ON CONFLICT (grain, start, {_FACETS}) DO UPDATE SET n = audit_rollup.n + excluded.n"
    )


def add_range(first: int, end: int) -> None:
    """Count rows `first <= seq < end`, just sequenced."""
    # Only numbers are written into it, and Django would take its percent signs for parameters.
    statement = add_statement(connection.vendor, f"seq >= {int(first)} AND seq < {int(end)}")
    with connection.cursor() as cursor:
        cursor.execute(statement)


def move(old: EventRow, new: EventRow) -> None:
    """Move one counted row to the cells of its new human level, the one facet that may change."""
    if old.human == new.human:
        return
    kept = {name: getattr(old, name) for name in FACETS if name != "human"}
    for grain in GRAINS:
        cell = {"grain": grain, "start": hour_of(old.time) // grain * grain, **kept}
        Rollup.objects.filter(**cell, human=old.human).update(n=F("n") - 1)
        if not Rollup.objects.filter(**cell, human=new.human).update(n=F("n") + 1):
            Rollup.objects.create(**cell, human=new.human, n=1)


def add_rows(seqs: Iterable[int | None]) -> None:
    """Count the rows at these indices."""
    _count(seqs, "sum(x.n)")


def take_off_rows(seqs: Iterable[int | None]) -> None:
    """Count the rows at these indices no more, before they change or go."""
    _count(seqs, "-sum(x.n)")


def _count(seqs: Iterable[int | None], n: str) -> None:
    for some in batched(sorted(seq for seq in seqs if seq is not None), _AT_ONCE):
        numbers = ", ".join(map(str, map(int, some)))
        with connection.cursor() as cursor:
            cursor.execute(add_statement(connection.vendor, f"seq IN ({numbers})", n))


def repair() -> None:
    """Count all rows again if any cell is wrong; the rows and their counts must stand still."""
    if not differences(1):
        return
    with transaction.atomic(), connection.cursor() as cursor:
        Rollup.objects.all().delete()
        cursor.execute(add_statement(connection.vendor, "seq IS NOT NULL"))


def cover(
    start: int | None, end: int | None, coarsest: int = GRAINS[0]
) -> Iterator[tuple[int, int | None, int | None]]:
    """Ranges of cells, `(grain, first start, end)`, that hold the hours `start <= h < end` once.

    Args:
        start, end: hours since 1970, None is open.
        coarsest: no cell is longer than this.
    """
    finer = [grain for grain in GRAINS if grain < coarsest]
    low = None if start is None else -(-start // coarsest) * coarsest
    high = None if end is None else end // coarsest * coarsest
    if low is not None and high is not None and low >= high:
        if finer and start is not None and end is not None and start < end:
            yield from cover(start, end, finer[0])
        return
    yield coarsest, low, high
    if not finer:
        return
    if low is not None and start is not None and start < low:
        yield from cover(start, low, finer[0])
    if high is not None and end is not None and high < end:
        yield from cover(high, end, finer[0])


def _counted(vendor: str, condition: str) -> str:
    """SQL, to stand behind WITH, of a table `c`: cells of the rows for which `condition` holds.

    Besides `n` it has their lowest `seq`.
    """
    grains = " UNION ALL ".join(f"SELECT {grain} AS grain" for grain in GRAINS)
    start = _floor("x.hour", "g.grain")
    return (
        f"x AS (SELECT {_hour(vendor)} AS hour, {_FACETS}, count(*) AS n, "  # noqa: S608 - constant names
        f"min(seq) AS seq FROM audit_eventrow WHERE {condition} "
        f"GROUP BY 1, {_FACETS}), "
        f"c AS (SELECT g.grain, {start} AS start, {_FACETS}, sum(x.n) AS n, min(x.seq) AS seq "
        f"FROM x CROSS JOIN ({grains}) g GROUP BY g.grain, {start}, {_FACETS})"
    )


def differences(most: int) -> list[tuple[int | None, str, int, int]]:
    """Cells that are not what the sequenced rows count to: first index, hour, stored, counted."""
    same = " AND ".join(f"s.{name} = c.{name}" for name in CELL)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {_counted(connection.vendor, 'seq IS NOT NULL')} "  # noqa: S608
            "SELECT c.seq, coalesce(s.start, c.start), coalesce(s.n, 0), coalesce(c.n, 0) "
            f"FROM c FULL JOIN audit_rollup s ON {same} "
            "WHERE coalesce(s.n, 0) <> coalesce(c.n, 0) ORDER BY 1, 2 "
            f"LIMIT {int(most)}"
        )
        return [
            (seq, f"{_EPOCH + timedelta(hours=hour):%Y-%m-%d %H:00}", int(stored), int(counted))
            for seq, hour, stored, counted in cursor
        ]
