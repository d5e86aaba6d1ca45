"""What narrows the trail: chips, facets, bars of the histogram. Each is a link."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit.ledger.format.allowed_field_values import HUMAN_WORDS, SEVERITIES
from audit.ledger.query import Clause, EventQuery, query_bar_syntax
from audit.search import decisions_by_verified_human
from audit.search.event_search import FACET_KEYS, Overview
from audit.search.facets_and_histograms import Facet
from audit.views.actions_that_are_decisions import decision_actions
from audit.views.trail import actor_facet
from audit.views.trail.filter_from_address import Mistake, Reading, text_of
from ui import histogram

_MANY = 3  # values of one key that still get a chip each
_SHOWN = 8  # values of a facet before "more"
_LABELS = {
    "outcome": "Outcome, as recorded",
    "actor": "Actor",
    "human": "Identity evidence",
    "family": "Category",
    "severity": "Severity",
    "source": "Source",
    "instance": "Gateway",
    "connection": "Connection",
    "via": "Channel",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One part of the filter in the bar; its text turns it around, its cross removes it."""

    text: str
    remove_url: str
    negated: bool = False
    toggle_url: str = ""
    error: bool = False


def chips(reading: Reading, mistakes: Sequence[Mistake] = ()) -> list[Chip]:
    """The filter as chips, mistakes last."""
    found = [chip for clause in reading.query.clauses for chip in _chips_of(reading, clause)]
    if reading.query.order != "newest":
        newest = reading.query.dropping("order")
        found.append(Chip(f"order:{reading.query.order}", reading.url(newest)))
    return found + [Chip(m.text, m.remove_url, error=True) for m in mistakes if m.text]


def _chips_of(reading: Reading, clause: Clause) -> Iterator[Chip]:
    query, key, out = reading.query, clause.key, clause.excluded
    if len(clause.values) > _MANY:
        rest = query.dropping(key, excluded=out)
        turned = rest
        for value in clause.values:
            turned = turned.including(key, value, excluded=not out)
        yield Chip(_many(clause), reading.url(rest), out, reading.url(turned))
        return
    for value in clause.values:
        rest = query.dropping(key, value, excluded=out)
        turned = rest.including(key, value, excluded=not out)
        text = text_of(key, query.as_written(key, value, excluded=out), out)
        yield Chip(text, reading.url(rest), out, reading.url(turned))


def _many(clause: Clause) -> str:
    sign = "-" if clause.excluded else ""
    if clause.key == "action" and set(clause.values) == set(decision_actions()):
        return f"{sign}action: decisions"
    return f"{sign}{clause.key}: {clause.values[0]} or {len(clause.values) - 1} more"


def facets(reading: Reading, overview: Overview) -> list[dict[str, Any]]:
    """Facets with counts; a value toggles, and stays while it is on even at zero."""
    found = {facet.key: facet for facet in overview.facets}
    total = overview.page.total.count
    shown = (_facet(reading, found[key], label, total) for key, label in _LABELS.items())
    return [facet for facet in shown if facet["values"]]


def _facet(reading: Reading, facet: Facet, label: str, total: int) -> dict[str, Any]:
    if facet.key == "actor":
        return _actors(reading, facet, label)
    key = FACET_KEYS.get(facet.key, facet.key)
    on = reading.query.values(key)
    counted = [(f"{v}.*" if facet.key == "family" else v, n) for v, n in facet.values]
    if facet.key == "human":
        counted.sort(reverse=True)
    if facet.key == "severity":
        counted.sort(key=lambda one: SEVERITIES.index(one[0]), reverse=True)
    rows: list[tuple[str, int | None]] = [*counted[:_SHOWN]]
    rows += [(v, n) for v, n in counted[_SHOWN:] if v in on]
    rest = [value for value in on if value not in dict(counted)]
    if facet.key == "family" and len(on) <= _MANY:
        # An exact action is in no family's count: alone it is all that matches, else not counted.
        rows += [(value, total if len(on) == 1 else None) for value in rest]
    elif facet.key != "family":
        rows += [(value, 0) for value in rest]
    values = [
        {
            "text": _value_text(facet.key, value),
            "count": count,
            "url": reading.url(_toggled(reading.query, key, value)),
            "on": value in on,
        }
        for value, count in rows
    ]
    return _labelled(facet, label, values)


def _actors(reading: Reading, facet: Facet, label: str) -> dict[str, Any]:
    on = reading.query.values("actor")
    found = actor_facet.rows(facet.values, on)
    values = []
    for number, row in enumerate(found):
        named = [text for text in row.texts if text in on]
        if number >= _SHOWN and not named:
            continue
        query = reading.query
        for text in named or row.texts:
            query = _toggled(query, "actor", text)
        url = reading.url(query)
        values.append({"text": row.label, "count": row.count, "url": url, "on": bool(named)})
    return _labelled(facet, label, values)


def _labelled(facet: Facet, label: str, values: list[dict[str, Any]]) -> dict[str, Any]:
    return {"label": label if facet.exact else f"{label} (estimated)", "values": values}


def _value_text(facet: str, value: str) -> str:
    if facet == "human":
        return f"{value} {HUMAN_WORDS[value]}"
    return value.removesuffix(".*").replace("_", " ") if facet == "family" else value


def _toggled(query: EventQuery, key: str, value: str) -> EventQuery:
    if value in query.values(key):
        return query.dropping(key, value)
    return query.including(key, value)


def orders(reading: Reading) -> list[dict[str, Any]]:
    """The two times that rows are sorted by. The one that is on turns around, the other begins with
    the latest."""
    query = reading.query
    found = []
    for label, title, by_event_time in (
        ("Happened", "By when events happened", True),
        ("Recorded", "In the order of the log", False),
    ):
        on, down = query.by_event_time is by_event_time, query.newest_first
        other = query.ordered(by_event_time=by_event_time, newest_first=not (on and down))
        found.append(
            {
                "label": label,
                "title": title,
                "url": reading.url(other),
                "sort": ("descending" if down else "ascending") if on else "",
                "icon": ("arrow-down" if down else "arrow-up") if on else "",
            }
        )
    return found


def brief(query: EventQuery) -> str:
    """The filter as the bar writes it, with keys of many values cut short."""
    parts = [
        _many(clause)
        if len(clause.values) > _MANY * 2
        else query_bar_syntax.write(
            [
                (clause.key, out, query.as_written(clause.key, value, excluded=out))
                for out in (clause.excluded,)
                for value in clause.values
            ]
        )
        for clause in query.clauses
    ]
    if query.order != "newest":
        parts.append(f"order:{query.order}")
    return " ".join(parts)


def filters_on(query: EventQuery) -> int:
    """How many parts the filter has, for the button that opens the facets on a phone."""
    return sum(len(clause.values) for clause in query.clauses)


def bars(reading: Reading, overview: Overview) -> histogram.Histogram | None:
    """The histogram, each bar a link that narrows the range to it; None where nothing matches."""
    buckets = overview.histogram.buckets
    if not buckets:
        return None
    return histogram.histogram(
        histogram.Bucket(
            bucket.start,
            bucket.end,
            bucket.counts,
            reading.url(between(reading.query, bucket.start, bucket.end)),
            _bar_label(bucket.start, bucket.end - bucket.start),
        )
        for bucket in buckets
    )


def between(query: EventQuery, start: datetime, end: datetime) -> EventQuery:
    """The query within `start <= time < end`."""
    for key in ("after", "before"):
        query = query.dropping(key).dropping(key, excluded=True)
    return query.including("after", _stamp(start)).including("before", _stamp(end))


def _stamp(moment: datetime) -> str:
    midnight = moment.hour == moment.minute == moment.second == 0
    return f"{moment:%Y-%m-%d}" if midnight else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _bar_label(start: datetime, step: timedelta) -> str:
    if step < timedelta(days=1):
        return f"{start.day} {start:%b %H:%M}"
    if step < timedelta(days=365):
        return f"{start.day} {start:%b}" + (f" {start:%Y}" if step > timedelta(days=20) else "")
    return f"{start:%Y}"


def decision_line(reading: Reading, overview: Overview) -> dict[str, Any] | None:
    """ "N decisions: n name a verified person, m do not", each a link; None without decisions."""
    counted = overview.decisions
    base = reading.query.dropping("human").dropping("human", excluded=True)
    every = decisions_by_verified_human.among(base, decision_actions())
    if every is None or not counted.total:
        return None
    return {
        "total": counted.total,
        "exact": counted.exact,
        "verified": counted.verified,
        "unverified": counted.unverified,
        "url": reading.url(every),
        "verified_url": reading.url(decisions_by_verified_human.with_human(every, verified=True)),
        "unverified_url": reading.url(
            decisions_by_verified_human.with_human(every, verified=False)
        ),
    }
