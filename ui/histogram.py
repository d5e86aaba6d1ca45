"""Events over time as one SVG: geometry is computed here, so that the page needs no inline style.

Three series, distinguished by pattern as well as colour: succeeded (solid), open when recorded
(sparse lines), denied or failed (dense stripes). Stripes are horizontal because the plot is
scaled sideways.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

HEIGHT = 72
BAR = 10

SERIES: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("ok", "succeeded", frozenset({"success", "approved"})),
    ("open", "open when recorded", frozenset({"expired", "cancelled", "pending", "unknown"})),
    ("bad", "denied or failed", frozenset({"denied", "failure", "failed"})),
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One time bucket: half-open [start, end), event counts by outcome, and where it leads."""

    start: datetime
    end: datetime
    counts: Mapping[str, int]
    url: str
    label: str
    selected: bool = True


@dataclass(frozen=True, slots=True)
class Segment:
    """One rectangle of a bar, in plot units."""

    series: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A drawn bucket: left edge, its segments, and its numbers for the text alternative."""

    bucket: Bucket
    x: int
    segments: tuple[Segment, ...]
    totals: tuple[int, ...]

    @property
    def total(self) -> int:
        """Events in this bucket."""
        return sum(self.totals)


@dataclass(frozen=True, slots=True)
class Histogram:
    """What `components/histogram.html` draws."""

    bars: tuple[Bar, ...]
    axis: tuple[str, ...]
    width: int
    height: int
    peak: int
    total: int
    names: tuple[tuple[str, str], ...]


def histogram(buckets: Iterable[Bucket], *, ticks: int = 6) -> Histogram:
    """Lay out buckets left to right; the tallest bar fills the plot, no counted event vanishes."""
    items = list(buckets)
    totals = [_totals(bucket.counts) for bucket in items]
    peak = max((sum(row) for row in totals), default=0)
    bars = tuple(
        Bar(bucket, index * BAR, _segments(row, peak), row)
        for index, (bucket, row) in enumerate(zip(items, totals, strict=True))
    )
    return Histogram(
        bars=bars,
        axis=_axis([bucket.label for bucket in items], ticks),
        width=max(len(items) * BAR, BAR),
        height=HEIGHT,
        peak=peak,
        total=sum(bar.total for bar in bars),
        names=tuple((key, words) for key, words, _ in SERIES),
    )


def _totals(counts: Mapping[str, int]) -> tuple[int, ...]:
    known = {outcome for _, _, outcomes in SERIES for outcome in outcomes}
    stray = sum(count for outcome, count in counts.items() if outcome not in known)
    rows = [sum(counts.get(outcome, 0) for outcome in outcomes) for _, _, outcomes in SERIES]
    rows[1] += stray
    return tuple(rows)


def _segments(totals: Sequence[int], peak: int) -> tuple[Segment, ...]:
    placed: list[Segment] = []
    floor = float(HEIGHT)
    for (key, _, _), count in zip(SERIES, totals, strict=True):
        if not count:
            continue
        height = max(round(count / peak * (HEIGHT - 6), 2), 2.0)
        floor = round(floor - height, 2)
        placed.append(Segment(key, floor, height))
    return tuple(placed)


def _axis(labels: Sequence[str], ticks: int) -> tuple[str, ...]:
    if len(labels) <= ticks:
        return tuple(labels)
    last = len(labels) - 1
    return tuple(labels[round(step * last / (ticks - 1))] for step in range(ticks))
