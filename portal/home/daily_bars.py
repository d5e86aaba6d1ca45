"""Decisions a day by how well the person is proven, as bars of one SVG."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.core.cache import cache
from django.db.models import Count
from django.db.models.functions import TruncDate

from audit.models import EventRow
from audit.search.decisions_by_verified_human import REPORTED
from audit.views.actions_that_are_decisions import decision_actions

DAYS = 30
HEIGHT = 96
_WIDTH = 10
_LEVELS = {
    "H3": "approved with two methods",
    "H2": "approved this action",
    "H1": "signed in",
    "H0": "not verified",
}
_FOR_S = 60
_KEY = "home.decisions_a_day"


@dataclass(frozen=True, slots=True)
class Segment:
    """One level of one day, in plot units."""

    level: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: its decisions by level from H3 to H0, and the rows behind them."""

    day: date
    x: int
    url: str
    counts: tuple[int, ...]
    segments: tuple[Segment, ...]

    @property
    def total(self) -> int:
        """All decisions of the day."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Chart:
    """The days in order, and for each level its name and sum."""

    bars: tuple[Bar, ...]
    levels: tuple[tuple[str, str, int], ...]
    width: int = DAYS * _WIDTH
    height: int = HEIGHT


def chart(now: datetime) -> Chart:
    """The last thirty days up to `now`, at most a minute old; one query."""
    first = now.date() - timedelta(days=DAYS - 1)
    rows: list[tuple[date, str, int]] | None = cache.get(_KEY)
    if rows is None:
        rows = _read(now, first)
        cache.set(_KEY, rows, _FOR_S)
    return drawn(first, rows)


def _read(now: datetime, first: date) -> list[tuple[date, str, int]]:
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    found = EventRow.objects.filter(
        action__in=decision_actions(), time__gte=start, time__lte=now, source="portal"
    ).exclude(via=REPORTED)
    by_day = found.annotate(day=TruncDate("time")).order_by().values_list("day", "human")
    return list(by_day.annotate(n=Count("pk")))


def drawn(first: date, rows: Iterable[tuple[date, str, int]]) -> Chart:
    """Lay out the days from left to right; the tallest fills the plot."""
    counts: defaultdict[date, Counter[str]] = defaultdict(Counter)
    sums: Counter[str] = Counter()
    for day, level, n in rows:
        counts[day][level] += n
        sums[level] += n
    peak = max((sum(day.values()) for day in counts.values()), default=0)
    days = [first + timedelta(days=number) for number in range(DAYS)]
    bars = tuple(_bar(day, number, counts[day], peak) for number, day in enumerate(days))
    return Chart(bars, tuple((one, words, sums[one]) for one, words in _LEVELS.items()))


def _bar(day: date, number: int, counts: Counter[str], peak: int) -> Bar:
    segments, y = [], float(HEIGHT)
    for level in _LEVELS:
        if counts[level]:
            height = round(counts[level] / peak * HEIGHT, 2)
            y -= height
            segments.append(Segment(level, round(y, 2), height))
    between = {"after": day.isoformat(), "before": (day + timedelta(days=1)).isoformat()}
    only = {"action": decision_actions(), "source": "portal", "-via": REPORTED, **between}
    return Bar(
        day,
        number * _WIDTH,
        f"/audit/?{urlencode(only, doseq=True)}",
        tuple(counts[level] for level in _LEVELS),
        tuple(segments),
    )
