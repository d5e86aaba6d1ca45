"""EventQuery: one filter, whatever it was written in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from audit.ledger.query import query_bar_syntax, relative_dates
from audit.ledger.query.errors import InvalidQuery, QueryError
from audit.ledger.query.filter_keys import KEYS, MAX_VALUE, BadValue, Key, nearest_key, nearest_of
from audit.ledger.query.matching import compile_clauses
from audit.ledger.query.query_bar_syntax import Pair
from audit.ledger.query.sentence import in_words
from audit.ledger.query.text_search import terms

MAX_PAIRS = 200
MAX_WORDS = 100
"""Of all values of `q` together: each is tested on its own against many events."""
MAX_WORDS_READ = 2_000
"""The same for a filter that was written down before: the first versions had no bound."""

_STARTS = {("after", False), ("before", True)}
"""Keys whose values begin a range of time, and whether they exclude."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One key with its values: an event must match any of them, or when excluded none."""

    key: str
    values: tuple[str, ...]
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A filter over events: all clauses must hold.

    Matching, which every search engine must reproduce:

    * `q`: see `text`; several words are AND, several values OR.
    * `action`: the exact action, or `family.*` for every action below that family.
    * `category`: the first part of the action, so `skill` is `action:skill.*`.
    * `actor`: subject, e-mail or name, equal after NFKC and case folding. `target`: its name,
      compared the same way.
    * `instance`, `connection`, `agent`, `approval`, `operation`, `session`, `request`: exactly
      equal to the event's own field.
    * `role`: one of the actor's roles; `member` is a known issuer and no role.
    * `after` includes its moment, `before` does not; both compare the event's own time.
    * An erased value matches nothing, so excluding by it keeps the event.

    Attributes:
        clauses: at most one per key and direction, in the order of `KEYS`.
        order: one of `ORDERS`.
        cursor: opaque place to continue from, or "".
        errors: what was wrong; a query with errors refuses to match.
        relative: each absolute time that was written as a relative date, and that date.
    """

    clauses: tuple[Clause, ...] = ()
    order: str = "newest"
    cursor: str = ""
    errors: tuple[QueryError, ...] = ()
    relative: tuple[tuple[Pair, str], ...] = field(default=(), compare=False)
    _test: Callable[[dict[str, Any]], bool] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @classmethod
    def parse(
        cls,
        source: str | Mapping[str, Any],
        vocabulary: Mapping[str, Collection[str]] | None = None,
    ) -> Self:
        """Read a query bar (text) or a URL or API mapping; mistakes land in `errors`.

        Args:
            source: see `from_bar`, `from_params` and `from_dict`.
            vocabulary: values known to exist per key, such as the registered actions, so that an
                unknown one is an error with the nearest known one.
        """
        if isinstance(source, str):
            return cls.from_bar(source, vocabulary)
        return cls.from_params(source, vocabulary)

    @classmethod
    def from_bar(
        cls,
        text: str,
        vocabulary: Mapping[str, Collection[str]] | None = None,
        now: datetime | None = None,
    ) -> Self:
        """Read a query bar: `key:value`, `-key:value`, `"two words"`, bare words.

        With `now`, `after` and `before` take relative dates too: the query has the absolute ones,
        and `written_bar` and `written_params` return what was written.
        """
        pairs, errors = query_bar_syntax.read(text)
        return cls._from_pairs(pairs, errors, vocabulary, now)

    @classmethod
    def from_params(
        cls,
        params: Mapping[str, str | Sequence[str]],
        vocabulary: Mapping[str, Collection[str]] | None = None,
    ) -> Self:
        """Read URL parameters (`-key` excludes); a Django QueryDict works too.

        Blank values are left out, because an HTML form sends its empty fields.
        """
        pairs = [pair for pair in _pairs(params) if pair[2].strip()]
        return cls._from_pairs(pairs, [], vocabulary)

    @classmethod
    def from_dict(
        cls,
        filter: Mapping[str, Any],
        vocabulary: Mapping[str, Collection[str]] | None = None,
        now: datetime | None = None,
    ) -> Self:
        """Read the API's filter object: like a URL, but blank and non-text values are errors; `now`
        as in `from_bar`."""
        errors = [
            QueryError(key, f"{key} takes a string or a list of strings")
            for key, value in filter.items()
            if not _is_text(value)
        ]
        texts = {key: value for key, value in filter.items() if _is_text(value)}
        return cls._from_pairs(_pairs(texts), errors, vocabulary, now)

    @classmethod
    def _from_pairs(
        cls,
        pairs: Sequence[Pair],
        errors: Iterable[QueryError],
        vocabulary: Mapping[str, Collection[str]] | None,
        now: datetime | None = None,
    ) -> Self:
        problems = list(errors)
        if len(pairs) > MAX_PAIRS:
            problems.append(QueryError("", f"a filter has at most {MAX_PAIRS} values"))
        found: dict[tuple[str, bool], dict[str, None]] = {}
        relative: dict[Pair, str] = {}
        for name, excluded, written in pairs[:MAX_PAIRS]:
            try:
                dated = written
                if now is not None and name in ("after", "before"):
                    dated = relative_dates.absolute(written, now)
                key, value = _read(name, excluded, dated, vocabulary or {})
            except BadValue as error:
                problems.append(QueryError(name, str(error), error.nearest))
                continue
            values = found.setdefault((key.name, excluded), {})
            if key.paging and values and value not in values:
                problems.append(QueryError(name, f"{name} can be given only once"))
            values[value] = None
            if dated != written:
                relative[name, excluded, value] = written.strip().casefold()
        texts = (text for excluded in (False, True) for text in found.get(("q", excluded), ()))
        # Who writes a filter names a vocabulary; verifiers, who name none, read what was written.
        most = MAX_WORDS_READ if vocabulary is None else MAX_WORDS
        if sum(len(terms(text)) for text in texts) > most:
            problems.append(QueryError("q", f"a filter has at most {most:,} words"))
        clauses = tuple(
            Clause(name, tuple(found[name, excluded]), excluded)
            for name, key in KEYS.items()
            for excluded in (False, True)
            if not key.paging and (name, excluded) in found
        )
        order = next(iter(found.get(("order", False), {})), "newest")
        cursor = next(iter(found.get(("cursor", False), {})), "")
        return cls(clauses, order, cursor, tuple(problems), tuple(relative.items()))

    def values(self, key: str, *, excluded: bool = False) -> tuple[str, ...]:
        """Return the values given for a key, in canonical spelling."""
        for clause in self.clauses:
            if clause.key == key and clause.excluded == excluded:
                return clause.values
        return ()

    def including(self, key: str, value: str, *, excluded: bool = False) -> Self:
        """Return this query with one more value, back at the first page."""
        return self._of([*self._pairs(), (key, excluded, value)])

    def dropping(self, key: str, value: str | None = None, *, excluded: bool = False) -> Self:
        """Return this query without a value, or without the key, back at the first page."""
        pairs = [
            pair
            for pair in self._pairs()
            if pair[:2] != (key, excluded) or value not in (None, pair[2])
        ]
        return self._of(pairs)

    def _of(self, pairs: Sequence[Pair]) -> Self:
        return replace(self._from_pairs(pairs, self.errors, None), relative=self.relative)

    def fixed(self) -> Self:
        """Return this query with absolute times alone, for what must not move with the clock."""
        return replace(self, relative=())

    def with_relative_of(self, other: Self) -> Self:
        """Return this query with the relative dates of another, for the times that both have."""
        return replace(self, relative=(*self.relative, *other.relative))

    def as_of(self, start: datetime, end: datetime | None = None) -> Self:
        """Return this query with the relative dates that begin its range computed at `start`, and
        with those that end it computed at `end`; without `end` those are not changed."""
        written = dict(self.relative)
        moved = []
        for pair in self._pairs():
            then = start if pair[:2] in _STARTS else end
            if pair in written and then is not None:
                pair = (*pair[:2], relative_dates.absolute(written[pair], then))
            moved.append(pair)
        return self._of(moved)

    def as_written(self, key: str, value: str, *, excluded: bool = False) -> str:
        """Return a value as it was written: the relative date where it was one."""
        return dict(self.relative).get((key, excluded, value), value)

    @property
    def newest_first(self) -> bool:
        """Whether the latest events come first, by index or by event time."""
        return self.order in ("newest", "happened")

    @property
    def by_event_time(self) -> bool:
        """Whether events are in the order in which they happened; else in that of the log."""
        return self.order.startswith("happened")

    def ordered(self, *, by_event_time: bool, newest_first: bool) -> Self:
        """Return this query in another order, back at the first page."""
        orders = ("happened", "happened-oldest") if by_event_time else ("newest", "oldest")
        return replace(self, order=orders[0 if newest_first else 1], cursor="")

    def in_log_order(self) -> Self:
        """Return this query with its events in the order of the log, which files are written in
        so that they can be compared with the entries one by one."""
        return self.ordered(by_event_time=False, newest_first=self.newest_first)

    def at(self, cursor: str) -> Self:
        """Return this query at another place; "" is the first page."""
        return replace(self, cursor=cursor)

    def to_params(self) -> dict[str, list[str]]:
        """Return URL parameters that `from_params` reads back; the default order is left out."""
        return self._params(self._pairs())

    def written_params(self) -> dict[str, list[str]]:
        """Return `to_params` with relative dates as they were written."""
        return self._params(self._written())

    def _params(self, pairs: Iterable[Pair]) -> dict[str, list[str]]:
        params: dict[str, list[str]] = {}
        for key, excluded, value in pairs:
            params.setdefault(f"-{key}" if excluded else key, []).append(value)
        if self.cursor:
            params["cursor"] = [self.cursor]
        return params

    def to_bar(self) -> str:
        """Return the query-bar text that `from_bar` reads back, without the cursor."""
        return query_bar_syntax.write(self._pairs())

    def written_bar(self) -> str:
        """Return `to_bar` with relative dates as they were written."""
        return query_bar_syntax.write(self._written())

    def relative_in_words(self) -> str:
        """Return what the relative dates mean, as `30d is 2026-10-31`; "" where there are none."""
        used = (
            (pair, self.as_written(pair[0], pair[2], excluded=pair[1])) for pair in self._pairs()
        )
        return ", ".join(f"{written} is {pair[2]}" for pair, written in used if written != pair[2])

    def in_words(self) -> str:
        """Return one sentence that says what is shown, without a final full stop."""
        return in_words(((c.key, c.values, c.excluded) for c in self.clauses), self.order)

    def matches(self, event: dict[str, Any]) -> bool:
        """Return whether a public event JSON passes; order and cursor play no part.

        Raises:
            InvalidQuery: the query has errors.
        """
        if self._test is None:
            if self.errors:
                raise InvalidQuery(self.errors)
            clauses = ((c.key, c.values, c.excluded) for c in self.clauses)
            object.__setattr__(self, "_test", compile_clauses(clauses))
        assert self._test is not None
        return self._test(event)

    def _pairs(self) -> list[Pair]:
        pairs = [(c.key, c.excluded, value) for c in self.clauses for value in c.values]
        return pairs if self.order == "newest" else [*pairs, ("order", False, self.order)]

    def _written(self) -> list[Pair]:
        written = dict(self.relative)
        return [(*pair[:2], written.get(pair, pair[2])) for pair in self._pairs()]


def _read(
    name: str, excluded: bool, written: str, vocabulary: Mapping[str, Collection[str]]
) -> tuple[Key, str]:
    key = KEYS.get(name)
    if key is None:
        nearest = nearest_key(name)
        hint = f"; the nearest is {nearest!r}" if nearest else ""
        raise BadValue(
            f"there is no filter {name!r}{hint}. To search for these words, put them in quotes",
            nearest,
        )
    if excluded and key.paging:
        raise BadValue(f"{name} cannot be excluded", name)
    value = written.strip()
    if not value:
        raise BadValue(f"{name} needs a value", next(iter(key.choices), ""))
    if len(value) > MAX_VALUE or not _printable(value):
        raise BadValue(f"the value of {name} is over {MAX_VALUE} characters or not printable")
    try:
        value = key.read(value)
        _check_known(value, vocabulary.get(name, ()))
    except BadValue as error:
        hint = f"; the nearest is {error.nearest}" if error.nearest else ""
        raise BadValue(f"{name} {error}, not {value!r}{hint}", error.nearest) from None
    return key, value


def _check_known(value: str, known: Collection[str]) -> None:
    if not known or value in known:
        return
    family = value.removesuffix("*") if value.endswith(".*") else None
    if family is not None and any(item.startswith(family) for item in known):
        return
    raise BadValue("is a registered value", nearest_of(value, known))


def _printable(value: str) -> bool:
    # What `isprintable` admits holds neither; the question for each character is slow.
    return value.isprintable() or not any(
        (c < " " and c not in "\t\n\r") or "\ud800" <= c <= "\udfff" for c in value
    )


def _is_text(value: Any) -> bool:
    if isinstance(value, str):
        return True
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _pairs(params: Mapping[str, str | Sequence[str]]) -> list[Pair]:
    # A QueryDict's items() give only the last of several values; its lists() give all.
    lists = getattr(params, "lists", params.items)
    return [
        (name.removeprefix("-"), name.startswith("-"), value)
        for name, values in lists()
        for value in ([values] if isinstance(values, str) else values)
    ]
