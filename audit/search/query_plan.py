"""An EventQuery as index tokens, a time range and ranges of the log: the same for both engines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from audit.evidence.log_proof_levels import LogSizes
from audit.ledger import query as language
from audit.ledger.format.allowed_field_values import LOG_LEVELS
from audit.ledger.query import Clause, EventQuery, InvalidQuery, instant, normalise
from audit.search.index_tokens import MAX_WORD, PLAIN_KEYS, range_tokens, value_token, word_token


@dataclass(frozen=True, slots=True)
class Token:
    """One token of the index, or with `prefix` all that start so."""

    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A row must have all tokens of at least one alternative; when excluded, of none.

    Attributes:
        alternatives: the tokens.
        excluded: turns the group around.
        column: column of the row that tells the same, for a row that is at hand anyway; "" is none.
        values: values of that column; one that ends in `.*` is all that begin so.
        time: the group only narrows down what the plan's times say exactly.
    """

    alternatives: tuple[tuple[Token, ...], ...]
    excluded: bool = False
    column: str = ""
    values: tuple[str, ...] = ()
    time: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a row must be.

    Attributes:
        groups: token conditions, all of which must hold.
        start, end: `start <= time < end`; None is open.
        ranges: positions `first <= seq < end` one of which must hold the row; None is all of them.
        pending: whether events without a position can match.
        newest: the latest first.
        by_time: in order of event time, not of the index.
        firsts_of: a plan of which only the first event of each operation may be there, to stand for
            all of them; events that arrive later move none. None is every event.
        person: `subject_key` of the one person whose own events these are; "" is everybody's.
    """

    groups: tuple[Group, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    ranges: tuple[tuple[int, int | None], ...] | None = None
    pending: bool = True
    newest: bool = True
    by_time: bool = False
    firsts_of: Plan | None = None
    person: str = ""

    @property
    def everything(self) -> bool:
        """True when no event is filtered out."""
        return not self.groups and self.ranges is None and self.start is None and self.end is None


def plan_of(query: EventQuery, sizes: LogSizes, person: str = "") -> Plan:
    """Compile a query, of all events or of those where `person` acted or was acted for.

    Raises:
        InvalidQuery: it has errors; it must not silently match all.
    """
    if query.errors:
        raise InvalidQuery(query.errors)
    start, end = _times(query)
    groups = [
        _group(clause) for clause in query.clauses if clause.key not in ("log", "after", "before")
    ]
    if start or end:
        groups.append(_hours(start, end))
    if person:
        groups.append(Group(((Token(value_token("person", person)),),)))
    levels = _levels(query)
    ranges = None if levels == set(LOG_LEVELS) else _ranges(levels, sizes)
    return Plan(
        tuple(groups),
        start,
        end,
        ranges,
        pending="L0" in levels,
        newest=query.newest_first,
        by_time=query.by_event_time,
        person=person,
    )


def within(plan: Plan, start: datetime | None, end: datetime | None) -> Plan:
    """The plan for `start <= time < end` alone; None is open."""
    starts = [each for each in (plan.start, start) if each is not None]
    ends = [each for each in (plan.end, end) if each is not None]
    first, last = max(starts, default=None), min(ends, default=None)
    groups = tuple(group for group in plan.groups if not group.time)
    if first or last:
        groups += (_hours(first, last),)
    return replace(plan, groups=groups, start=first, end=last)


def _hours(start: datetime | None, end: datetime | None) -> Group:
    return Group(tuple((Token(text),) for text in range_tokens(start, end)), time=True)


def _group(clause: Clause) -> Group:
    clause = as_action(clause)
    if clause.key == "q":
        alternatives = tuple(
            tuple(_word(term) for term in language.terms(value)) for value in clause.values
        )
    else:
        folded = clause.key in ("actor", "target")
        alternatives = tuple(
            (Token(value_token(clause.key, normalise(value) if folded else value)),)
            for value in clause.values
        )
    # A column holds NUL as another character; then only the tokens tell.
    plain = clause.key in _COLUMNS and not any(set(value) & _NUL for value in clause.values)
    return Group(
        alternatives,
        clause.excluded,
        column=clause.key if plain else "",
        values=clause.values if plain else (),
    )


def as_action(clause: Clause) -> Clause:
    """The family of actions that a category names, as a clause; any other clause unchanged."""
    if clause.key != "category":
        return clause
    families = tuple(f"{value}.*" for value in clause.values)
    return Clause("action", families, clause.excluded)


_COLUMNS = frozenset(PLAIN_KEYS) - {"severity"} | {"action", "human"}
_NUL = {"\0", "\N{SYMBOL FOR NULL}"}


def _word(term: language.Term) -> Token:
    if term.prefix:
        return Token(term.word[:MAX_WORD], prefix=True)
    return Token(word_token(term.word))


def _times(query: EventQuery) -> tuple[datetime | None, datetime | None]:
    """Bounds of event time: the earliest `after`, the latest `before`; excluding one turns it."""
    starts = [min(map(instant, values))] if (values := query.values("after")) else []
    ends = [max(map(instant, values))] if (values := query.values("before")) else []
    if values := query.values("before", excluded=True):
        starts.append(max(map(instant, values)))
    if values := query.values("after", excluded=True):
        ends.append(min(map(instant, values)))
    return max(starts, default=None), min(ends, default=None)


def _levels(query: EventQuery) -> set[str]:
    levels = set(query.values("log") or LOG_LEVELS)
    return levels - set(query.values("log", excluded=True))


def _ranges(levels: set[str], sizes: LogSizes) -> tuple[tuple[int, int | None], ...]:
    return tuple(sizes.range_of(level) for level in sorted(levels, reverse=True))
