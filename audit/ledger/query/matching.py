"""What each key of a filter means, on the public event JSON."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from audit.ledger.query.filter_keys import instant
from audit.ledger.query.text_search import normalise, search_words, terms

type Event = dict[str, Any]
type Test = Callable[[Event], bool]


def compile_clauses(clauses: Iterable[tuple[str, tuple[str, ...], bool]]) -> Test:
    """Return a function that tells whether an event passes all (key, values, excluded)."""
    tests = [(_TESTS[key](values), excluded) for key, values, excluded in clauses]

    def passes(event: Event) -> bool:
        return all(test(event) is not excluded for test, excluded in tests)

    return passes


def _equal(field: str) -> Callable[[tuple[str, ...]], Test]:
    def make(values: tuple[str, ...]) -> Test:
        wanted = frozenset(values)
        return lambda event: event.get(field) in wanted

    return make


def _words(values: tuple[str, ...]) -> Test:
    alternatives = [terms(value) for value in values]
    has_prefixes = any(term.prefix for alternative in alternatives for term in alternative)

    def test(event: Event) -> bool:
        found = search_words(event)
        in_order = sorted(found) if has_prefixes else []
        return any(
            all(
                _begins(in_order, term.word) if term.prefix else term.word in found
                for term in alternative
            )
            for alternative in alternatives
        )

    return test


def _begins(in_order: Sequence[str], beginning: str) -> bool:
    """Whether one of these sorted words begins so."""
    at = bisect_left(in_order, beginning)
    return at < len(in_order) and in_order[at].startswith(beginning)


def _action(values: tuple[str, ...]) -> Test:
    exact = frozenset(values)
    families = tuple(value[:-1] for value in values if value.endswith(".*"))

    def test(event: Event) -> bool:
        action = event["action"]
        return action in exact or action.startswith(families)

    return test


def _category(values: tuple[str, ...]) -> Test:
    wanted = frozenset(values)
    return lambda event: event["action"].partition(".")[0] in wanted


def _names(person: str, fields: tuple[str, ...]) -> Callable[[tuple[str, ...]], Test]:
    def make(values: tuple[str, ...]) -> Test:
        wanted = frozenset(normalise(value) for value in values)

        def test(event: Event) -> bool:
            named = event.get(person) or {}
            texts = (named.get(field) for field in fields)
            return any(isinstance(text, str) and normalise(text) in wanted for text in texts)

        return test

    return make


def _role(values: tuple[str, ...]) -> Test:
    wanted = frozenset(values)

    def test(event: Event) -> bool:
        actor = event["actor"]
        roles = actor["roles"]
        if not roles:
            return "member" in wanted and bool(actor["iss"])
        return not wanted.isdisjoint(roles)

    return test


def _moment(event: Event) -> datetime:
    return datetime.fromisoformat(event["time"])


def _after(values: tuple[str, ...]) -> Test:
    start = min(map(instant, values))
    return lambda event: _moment(event) >= start


def _before(values: tuple[str, ...]) -> Test:
    end = max(map(instant, values))
    return lambda event: _moment(event) < end


_TESTS: Final[Mapping[str, Callable[[tuple[str, ...]], Test]]] = {
    "q": _words,
    "action": _action,
    "category": _category,
    "actor": _names("actor", ("sub", "email", "name")),
    "target": _names("target", ("name",)),
    "role": _role,
    "after": _after,
    "before": _before,
} | {
    field: _equal(field)
    for field in (
        "outcome",
        "severity",
        "source",
        "instance",
        "connection",
        "agent",
        "approval",
        "operation",
        "session",
        "request",
        "via",
        "human",
        "log",
    )
}
