"""What an audit looks at in a range of a log: populations, samples, roles and ends of access.

One pass over the events computes everything. The portal runs it to write an audit file, and a
verifier runs it again over the entries in the file and compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from audit.ledger.audit_file_format.roles_and_access_ends import RolesAndAccessEnds
from audit.ledger.offline.export_filter_match import PERSONAL
from audit.ledger.offline.export_row_comparison import LEVELS
from audit.ledger.offline.samples import (
    Draw,
    Sample,
    SampleError,
    Source,
    canonical_filter,
    sample_of,
    source_of,
    tree_seed,
)
from audit.ledger.query import EventQuery

REQUIREMENT: Final = "requirement"
"""Kind of a table of which a sample is drawn; all others are listed in whole."""
MOST_ROWS: Final = 1_000_000
"""Of all tables of a file together: an entry can be in several."""
POLICY_CHANGED: Final = "policy.changed"
REVIEW_CLOSED: Final = "review.closed"
_FACETS: Final = ("action", "outcome", "severity", "source", "via")


@dataclass(frozen=True, slots=True)
class Period:
    """`after <= time < before`, both as entries write times (RFC 3339 UTC with microseconds)."""

    after: str
    before: str

    def has(self, time: str) -> bool:
        """Whether a time lies in it; texts of one form sort as their times."""
        return self.after <= time < self.before


@dataclass(frozen=True, slots=True)
class Table:
    """A filter whose events of the period are one population.

    Attributes:
        id: unique in the file: the number of a requirement, or the kind.
        kind: `requirement`, `exceptions`, `policies`, `reviews`, `sign_ins` or
            `access_ends`.
        title: what it shows, in a few words.
        filter: as the query bar has it, without times; of plain fields alone.
    """

    id: str
    kind: str
    title: str
    filter: str

    def query(self) -> EventQuery:
        """The filter.

        Raises:
            SampleError: it has mistakes, or asks about personal values or evidence, which entries
                do not show.
        """
        query = EventQuery.from_bar(self.filter)
        if query.errors:
            raise SampleError("; ".join(error.message for error in query.errors))
        keys = {clause.key for clause in query.clauses}
        if hidden := keys & (PERSONAL | LEVELS | {"after", "before"}):
            raise SampleError(f"no table of an audit file asks about {min(hidden)}")
        return query


@dataclass(slots=True)
class Found:
    """A table with its events: index and source of each, in the order of the log."""

    table: Table
    events: list[tuple[int, Source]] = field(default_factory=list)

    @property
    def indices_sha256(self) -> str:
        """Hex SHA-256 over the indices, in decimal, a line each."""
        lines = "".join(f"{index}\n" for index, _ in self.events)
        return hashlib.sha256(lines.encode()).hexdigest()


class RangeTables:
    """Takes the events of a range one by one.

    Args:
        tables: what is looked for.
        period: of the audit.

    Attributes:
        rows: of all tables so far.
        roles_and_ends: who acted with which roles, and the ends of access that were set.

    Raises:
        SampleError: a table has a filter that entries cannot answer.
    """

    def __init__(self, tables: Iterable[Table], period: Period) -> None:
        self.found = [Found(one) for one in tables]
        self._queries = [one.table.query() for one in self.found]
        self.period = period
        self.rows = 0
        self._plain = all(
            clause.key in _FACETS for query in self._queries for clause in query.clauses
        )
        self._decided: dict[tuple[Any, ...], tuple[int, ...]] = {}
        self._sources: dict[Source, Source] = {}
        self.roles_and_ends = RolesAndAccessEnds()

    def tables_of(self, event: Mapping[str, Any]) -> tuple[int, ...]:
        """Numbers of the tables that an event belongs to; its personal values play no part."""
        if not self.period.has(event["time"]):
            return ()
        if not self._plain:
            return self._matching(event)
        # Filters ask about few fields, and events repeat them.
        facets = tuple(event[name] for name in _FACETS)
        if (known := self._decided.get(facets)) is None:
            known = self._decided[facets] = self._matching(event)
        return known

    def add(self, index: int, event: dict[str, Any], tables: tuple[int, ...]) -> None:
        """Count an opened event in these tables, and note what it shows of roles."""
        source = source_of(event)
        source = self._sources.setdefault(source, source)
        self.rows += len(tables)
        for number in tables:
            self.found[number].events.append((index, source))
        self.roles_and_ends.add(index, event)

    def sample(self, found: Found, tree: Mapping[str, Any], seed: str, size: int) -> Sample:
        """The sample of a table; "" as seed is the one that the tree gives.

        Args:
            tree: `origin`, `size` and `root` (bytes) of the signed tree.

        Raises:
            SampleError: seed or size is none.
        """
        query = found.table.query().including("after", _seconds(self.period.after))
        chosen = canonical_filter(query.including("before", _seconds(self.period.before)))
        named = tree["origin"], tree["size"], tree["root"]
        draw = Draw(*named, chosen, seed or tree_seed(*named, chosen))
        picked = draw.pick(((index, source, None) for index, source in found.events), size)
        return sample_of(draw, size, picked, 0)

    def _matching(self, event: Mapping[str, Any]) -> tuple[int, ...]:
        plain = dict(event)
        return tuple(n for n, query in enumerate(self._queries) if query.matches(plain))


def _seconds(time: str) -> str:
    """A time as filters write it: RFC 3339 with whole seconds."""
    return f"{time[:19]}Z"
