"""The state of the trail page, which is its URL: a filter, and which event is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict

from audit.ledger.query import KEYS, EventQuery, query_bar_syntax
from audit.search import filter_parsing
from audit.views.trail import custom_range
from audit.views.trail.custom_range import RangeForm

PATH = "/audit/"
_OF_THE_PAGE = frozenset({"e", "bar", "live", "rows", *custom_range.FIELDS})
_TIMES = frozenset({"after", "before", "-after", "-before"})
"""Which the form of the range replaces."""
OPERATIONS = "operations"

type Pair = tuple[str, bool, str]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One part of a filter that cannot be read; `url` is the page with it put right."""

    key: str
    message: str
    nearest: str
    text: str
    url: str
    remove_url: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a request asks for.

    Attributes:
        query: every part of the filter that can be read.
        mistakes: the parts that cannot, of the range last; shown, and never silently left out.
        typed: what was typed into the bar, to be typed on when it holds a mistake.
        from_form: the bar or the form of the range was sent, whose filter belongs into the URL.
        range: the form of the range as it was sent.
        event: id of the open event, or None.
        live: whether new events are to be announced.
        operations: whether the list has one row an operation, not one an event.
        path: of the page that has this filter in its address.
    """

    query: EventQuery
    mistakes: tuple[Mistake, ...] = ()
    typed: str = ""
    from_form: bool = False
    range: RangeForm = custom_range.NOT_SENT
    event: UUID | None = None
    live: bool = False
    operations: bool = False
    path: str = PATH

    @property
    def bar_mistakes(self) -> tuple[Mistake, ...]:
        """Without those of the range, which are shown at its fields."""
        return self.mistakes[: len(self.mistakes) - len(self.range.problems)]

    def url(self, query: EventQuery | None = None, *, event: str = "", live: bool = False) -> str:
        """Address of the page for another filter; live and operations stay on where they are on."""
        return url_of(
            query or self.query,
            event=event,
            live=live or self.live,
            operations=self.operations,
            path=self.path,
        )


def url_of(
    query: EventQuery,
    *,
    event: str = "",
    live: bool = False,
    operations: bool = False,
    path: str = PATH,
) -> str:
    """Address of the trail, or of another page, for a filter with its relative dates as written."""
    params = query.written_params()
    if operations:
        params["rows"] = [OPERATIONS]
    if live:
        params["live"] = ["1"]
    if event:
        params["e"] = [event]
    return f"{path}?{urlencode(params, doseq=True)}" if params else path


def read(params: QueryDict, path: str = PATH) -> Reading:
    """Read the parameters of a request; mistakes are reported pair by pair."""
    range = custom_range.read(params)
    left_out = _OF_THE_PAGE | (_TIMES if range.sent else frozenset())
    pairs = [
        (name.removeprefix("-"), name.startswith("-"), value)
        for name, values in params.lists()
        if name not in left_out
        for value in values
        if value.strip()
    ]
    typed = params.get("bar", "").strip()
    found, unreadable = query_bar_syntax.read(typed) if typed else ([], [])
    good: list[Pair] = []
    bad: list[tuple[Pair, str, str]] = []
    for pair in [*pairs, *found, *((key, False, value) for key, value in range.pairs)]:
        errors = _parse([pair]).errors
        if errors:
            bad.append((pair, errors[0].message, errors[0].nearest))
        else:
            good.append(pair)
    query = _parse(good)
    mistakes = [_mistake(pair, message, nearest, good, path) for pair, message, nearest in bad]
    # What is wrong only in company (two orders, a bar with an open quote) has no pair of its own.
    mistakes += [
        Mistake(e.key, f"{e.message}.", e.nearest, typed, "", _address(good, path))
        for e in (*unreadable, *query.errors)
    ]
    mistakes += [
        Mistake(custom_range.LABELS[name], problem, "", "", "", _address(good, path))
        for name, problem in range.problems.items()
    ]
    if query.errors:
        query = EventQuery()
    return Reading(
        query,
        tuple(mistakes),
        typed=typed if mistakes else "",
        from_form=bool(typed) or range.sent,
        range=range,
        event=_uuid(params.get("e", "")),
        live="live" in params,
        operations=params.get("rows") == OPERATIONS,
        path=path,
    )


def _mistake(pair: Pair, message: str, nearest: str, good: list[Pair], path: str) -> Mistake:
    key, excluded, value = pair
    url = ""
    if nearest:
        right = (key, excluded, nearest) if key in KEYS else (nearest, excluded, value)
        if not _parse([right]).errors:
            url = _address([*good, right], path)
    text, without = text_of(key, value, excluded), _address(good, path)
    return Mistake(key, f"{message}.", nearest, text, url, without)


def text_of(key: str, value: str, excluded: bool) -> str:
    """One part of a filter as the bar writes it."""
    return query_bar_syntax.write([(key, excluded, value)]) if key != "q" or excluded else value


def _address(pairs: Iterable[Pair], path: str) -> str:
    return url_of(_parse(pairs), path=path)


def _parse(pairs: Iterable[Pair]) -> EventQuery:
    params: dict[str, list[str]] = {}
    for key, excluded, value in pairs:
        params.setdefault(f"-{key}" if excluded else key, []).append(value)
    by_name: Mapping[str, list[str]] = params
    return filter_parsing.from_dict(by_name)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
