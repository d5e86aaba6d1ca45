"""Facets and histograms: counts of the matches of a filter by value, and over event time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.search.exact_or_estimated_matches import PLACE, Matches, about

FACETS = (
    "family", "source", "outcome", "severity", "human", "instance", "connection", "via", "actor",
)  # fmt: skip
KEYS = {"family": "action"}  # filter key of a facet, where it has another name
_WEEK = timedelta(days=7)
STEPS = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440)),
    *(_WEEK * weeks for weeks in (1, 4, 12, 52, 520)),
)
"""Widths of buckets: from an hour on, each is made of whole cells of `audit.search.rollups`."""

type Point = tuple[datetime, str, int]
"""When, with what outcome, how many."""


@dataclass(frozen=True, slots=True)
class Facet:
    """Values of one column with their counts, most frequent first; not exact = estimated."""

    key: str
    values: tuple[tuple[str, int], ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class Bucket:
    """Events with `start <= time < end`, by outcome."""

    start: datetime
    end: datetime
    counts: Mapping[str, int]

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Histogram:
    """Buckets in order of time, empty ones included; not exact = estimated."""

    buckets: tuple[Bucket, ...]
    exact: bool


def ranked(key: str, counter: Mapping[Any, int], *, exact: bool) -> Facet:
    """A facet from counts by value."""
    items = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    name = SEVERITIES.__getitem__ if key == "severity" else str
    return Facet(key, tuple((name(value), n) for value, n in items if value != "" and n > 0), exact)


def step_for(start: datetime, end: datetime, buckets: int, finest: timedelta) -> timedelta:
    """The narrowest step, `finest` at least, with which at most `buckets` hold a range."""
    fitting = (step for step in STEPS if step >= finest and (end - start) / step <= buckets - 1)
    return next(fitting, STEPS[-1])


def binned(points: Sequence[Point], start: datetime, end: datetime, step: timedelta) -> Histogram:
    """Points as an exact histogram of `start <= time < end`.

    Buckets begin at round times, so that two pages of one range show the same bars.
    """
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    base = _moved(epoch, (start - epoch) // step * step)
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for time, outcome, n in points:
        counts[(time - base) // step][outcome] += n
    last = (end - base - timedelta(microseconds=1)) // step
    return Histogram(
        tuple(
            Bucket(base + i * step, _moved(base, (i + 1) * step), dict(counts[i]))
            for i in range(last + 1)
        ),
        exact=True,
    )


def _moved(moment: datetime, by: timedelta) -> datetime:
    """A moment later or earlier, or the end of time where that is nearer."""
    try:
        return moment + by
    except OverflowError:
        return (datetime.max if by > timedelta() else datetime.min).replace(tzinfo=UTC)


def histogram_of(
    found: Matches, start: datetime | None, end: datetime | None, buckets: int
) -> Histogram:
    """Matches over event time; scaled where they are a sample."""
    rows = found.rows
    if not rows:
        return Histogram((), found.exact)
    times = [row[PLACE["time"]] for row in rows]
    first = start or min(times)
    last = end or max(times) + timedelta(microseconds=1)
    outcome = PLACE["outcome"]
    points = [(row[PLACE["time"]], row[outcome], 1) for row in rows]
    bins = binned(points, first, last, step_for(first, last, buckets, STEPS[0]))
    return bins if found.exact else Histogram(tuple(_scaled(bins.buckets, found.weight)), False)


def _scaled(buckets: Iterable[Bucket], weight: float) -> Iterable[Bucket]:
    for each in buckets:
        counts = {outcome: about(round(n * weight)) for outcome, n in each.counts.items()}
        yield Bucket(each.start, each.end, counts)
