"""Views and periods that a filter is combined with, and what helps a filter that finds little."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse

from audit.ledger.query import Clause, EventQuery, query_bar_syntax
from audit.search import decisions_by_verified_human, event_search
from audit.views.actions_that_are_decisions import decision_actions
from audit.views.trail.filter_from_address import Reading

_TRIED: Final = 4  # parts of a filter that finds nothing, each left out once
_DENIED: Final = frozenset({"denied", "approval.denied"})
_PERIODS: Final = (("Today", 0), ("Last 7 days", 7), ("Last 30 days", 30))
_TIMES: Final = frozenset({"after", "before"})
_YESTERDAY: Final = "Yesterday"
_WORDS: Final = (
    (re.compile(r"\b(?:last|past|this)\s+week\b|\b(?:last|past)\s+7\s+days\b", re.I), 1),
    (re.compile(r"\b(?:last|past|this)\s+month\b|\b(?:last|past)\s+30\s+days\b", re.I), 2),
    (re.compile(r"\btoday\b", re.I), 0),
    (re.compile(r"\byesterday\b", re.I), None),
)
"""Periods as people type them, and which of `_PERIODS` each means; None is yesterday."""
_AGO: Final = re.compile(
    r"\b(?:(?:after|since|last|past)\s*)?([1-9]\d{0,2})\s?(d|h)(?:ays?|ours?)?\b", re.I
)
"""A relative date without its key, such as `30d` or `last 14 days`."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A link to another filter, and the words in the filter that it is for."""

    words: str
    label: str
    url: str


def presets(reading: Reading, today: datetime) -> list[dict[str, Any]]:
    """Built-in views and periods; each keeps what the filter has besides other ones of its sort."""
    here = reading.query.at("").dropping("order")
    every = decisions_by_verified_human.among(EventQuery(), decision_actions()) or EventQuery()
    refusals = EventQuery().including("outcome", "denied").including("outcome", "expired")
    views = {
        "Decisions": every,
        "Refusals": refusals,
        "Imported": EventQuery().including("via", "import"),
    }
    periods = {label: _since(today, days) for label, days in _PERIODS}
    everything = {"label": "Everything", "url": reading.url(EventQuery()), "on": not here.clauses}
    return [
        everything,
        *_offered(reading, here, views),
        *_offered(reading, here, periods, alone=_TIMES),
    ]


def is_custom(query: EventQuery, offered: Iterable[dict[str, Any]]) -> bool:
    """Whether the filter has a range of time that none of the periods offered is."""
    periods = {label for label, _ in _PERIODS}
    preset = any(one["on"] for one in offered if one["label"] in periods)
    return not preset and bool(query.values("after") or query.values("before"))


def _offered(
    reading: Reading,
    here: EventQuery,
    offered: dict[str, EventQuery],
    alone: frozenset[str] = frozenset(),
) -> Iterator[dict[str, Any]]:
    """Links to each query; it is on if the filter has it, and nothing more of the keys `alone`."""
    bare = here
    for other in offered.values():
        if _is_on(other, here):
            bare = _without(bare, other.clauses)
    for key in alone:
        bare = bare.dropping(key)
    for label, query in offered.items():
        more = any(one.key in alone for one in set(here.clauses) - set(query.clauses))
        url = reading.url(_with(bare, query))
        yield {"label": label, "url": url, "on": _is_on(query, here) and not more}


def _is_on(query: EventQuery, here: EventQuery) -> bool:
    return set(query.clauses) <= set(here.clauses)


def _without(query: EventQuery, clauses: Iterable[Clause]) -> EventQuery:
    for clause in clauses:
        query = query.dropping(clause.key, excluded=clause.excluded)
    return query


def _with(query: EventQuery, other: EventQuery) -> EventQuery:
    query = _without(query, other.clauses)
    for clause in other.clauses:
        for value in clause.values:
            query = query.including(clause.key, value, excluded=clause.excluded)
    return query.with_relative_of(other)


def _since(today: datetime, days: int) -> EventQuery:
    return EventQuery.from_dict({"after": f"{days}d" if days else "today"}, now=today)


def periods_in_words(reading: Reading, today: datetime) -> list[Suggestion]:
    """For words such as `last week`, which the filter takes as free text: the period they mean."""
    found = []
    for text in reading.query.values("q"):
        meant = [
            (match, *_meant(which, today))
            for pattern, which in _WORDS
            if (match := pattern.search(text))
        ]
        if not meant and (match := _AGO.search(text)):
            ago = f"{match[1]}{match[2].lower()}"
            meant = [(match, f"after:{ago}", EventQuery.from_dict({"after": ago}, now=today))]
        for match, label, period in meant:
            rest = " ".join(match.re.sub(" ", text).split())
            query = reading.query.at("").dropping("q", text)
            query = query.including("q", rest) if rest else query
            url = reading.url(_with(query, period))
            found.append(Suggestion(match[0], label, url))
    return found


def _meant(which: int | None, today: datetime) -> tuple[str, EventQuery]:
    if which is not None:
        label, days = _PERIODS[which]
        return label, _since(today, days)
    return _YESTERDAY, EventQuery.from_dict({"after": "yesterday", "before": "today"}, now=today)


def without_one_part(reading: Reading) -> Suggestion | None:
    """For a filter that finds nothing: leave out the last part without which something is found."""
    for clause in reversed(reading.query.clauses[-_TRIED:]):
        rest = reading.query.at("").dropping(clause.key, excluded=clause.excluded)
        if event_search.total(rest).count:
            text = query_bar_syntax.write(
                [(clause.key, clause.excluded, value) for value in clause.values]
            )
            return Suggestion(text, f"Without {text}", reading.url(rest))
    return None


def denied_requests(reading: Reading) -> Suggestion | None:
    """The requests that one person made and that were denied: `actor` is who denied them.

    Where the filter is about refusals of one actor; in the same period, on the page of approvals.
    """
    query = reading.query
    people, denied = query.values("actor"), {*query.values("outcome"), *query.values("action")}
    if len(people) != 1 or not denied & _DENIED:
        return None
    dates = {
        name: query.values(key)[0]
        for key, name in (("after", "after"), ("before", "until"))
        if query.values(key)
    }
    params = {"status": "denied", "by": people[0]} | dates
    url = f"{reverse('approvals')}?{urlencode(params)}"
    return Suggestion(people[0], f"Requests by {people[0]} that were denied", url)
