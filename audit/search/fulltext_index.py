"""The full-text index over `EventRow.terms`: FTS5 on SQLite, GIN over a tsvector on PostgreSQL.

Both index the tokens of `audit.search.index_tokens` as they are: no stemming, no second idea of
what a word is. Only sequenced rows are indexed, so an event enters the index once, with its final
position.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

TABLE = "audit_fts"
PG_INDEX = "audit_row_terms"
# Generated and stored, so that a row read in order of position is tested in a microsecond.
PG_VECTOR = "words"
_PG_EXPRESSION = "array_to_tsvector(string_to_array(btrim(terms), ' '))"

_REBUILT = "audit_fts_rebuilt"  # while the projection is rebuilt, and after one was killed
_USING = (
    "USING fts5(terms, content='', detail='none', columnsize=0, tokenize=\"ascii tokenchars '_'\")"
)
# Also the block of 65,536 positions that a row lies in, so that one stretch of the log is searched
# without the rest. Few rows wait in the index's pending list: each search reads all of it.
PG_BLOCK = "(ARRAY[seq >> 16])"
PG_BLOCK_OF_R = PG_BLOCK.replace("seq", "r.seq")
# Of a batch, words gather in that list until it is whole: each word is then looked up once. How
# much may gather is told with each batch (`gathering`), so the index itself has no limit.
_FEW, _MANY = "64kB", "32MB"  # a row has about a kilobyte in the list
_WORTH_GATHERING = 200
PG_WRONG = (
    f"SELECT seq, event FROM audit_eventrow "  # noqa: S608 - constant names
    f"WHERE {PG_VECTOR} IS DISTINCT FROM {_PG_EXPRESSION} "
    "ORDER BY seq LIMIT 10"
)
"""SQL for rows whose vector is not made from their terms: the column is generated, but an owner
can make it an ordinary one."""


@contextmanager
def gathering(many: int) -> Iterator[None]:
    """Within a transaction: so many rows get their positions in the block.

    Few rows may wait in the list of PostgreSQL's index, because each search reads all of it. Those
    of a large batch all do, and go into the index together at the end.
    """
    if connection.vendor != "postgresql":
        yield
        return
    worth = many >= _WORTH_GATHERING
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL gin_pending_list_limit = '{_MANY if worth else _FEW}'")
        yield
        if worth:
            _empty_list(cursor)


def _empty_list(cursor: Any) -> None:
    """Put what gathered into PostgreSQL's index; only its owner may, else the next row does."""
    cursor.execute(
        "SELECT gin_clean_pending_list(oid) FROM pg_class "
        "WHERE oid = %s::regclass AND pg_has_role(relowner, 'USAGE')",
        [PG_INDEX],
    )


def index_range(first: int, end: int) -> None:
    """Index rows `first <= seq < end`, just sequenced. PostgreSQL maintains its index itself."""
    _index(TABLE, first, end)


def _index(table: str, first: int, end: int) -> None:
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table}(rowid, terms) "  # noqa: S608 - constant names
            "SELECT seq, terms FROM audit_eventrow WHERE seq >= %s AND seq < %s ORDER BY seq",
            [first, end],
        )


def replace(seq: int, old_terms: str, new_terms: str) -> None:
    """Index one row again after its openings were erased."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        # A contentless table forgets a row only when told the exact tokens it holds.
        cursor.execute(
            f"INSERT INTO {TABLE}({TABLE}, rowid, terms) VALUES('delete', %s, %s)",
            [seq, old_terms],
        )
        cursor.execute(
            f"INSERT INTO {TABLE}(rowid, terms) VALUES(%s, %s)",
            [seq, new_terms],
        )


def begin_rebuild() -> None:
    """Begin an empty index next to the one in use; PostgreSQL's is of the rows themselves."""
    if connection.vendor != "sqlite":
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {_REBUILT}")
        cursor.execute(f"CREATE VIRTUAL TABLE {_REBUILT} {_USING}")


def index_rebuilt(first: int, end: int) -> None:
    """Index rows `first <= seq < end` there."""
    _index(_REBUILT, first, end)


def end_rebuild() -> None:
    """Put the index that was begun in the place of the one in use."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
        cursor.execute(f"ALTER TABLE {_REBUILT} RENAME TO {TABLE}")


def drop_unfinished() -> None:
    """Drop the index of a rebuild that was killed: an erasure does not reach its words."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {_REBUILT}")


def merge(cursor: Any) -> None:
    """Merge all segments into one: a word that was forgotten stands in older ones until then."""
    cursor.execute(f"INSERT INTO {TABLE}({TABLE}) VALUES('optimize')")


@dataclass(frozen=True, slots=True)
class Postings:
    """What the SQLite index holds: pairs of a token and a position."""

    cursor: Any

    def between(self, first: int, end: int) -> Iterator[tuple[str, int]]:
        """Postings of positions `first <= seq < end`."""
        self.cursor.execute(
            f"SELECT term, doc FROM temp.{_VOCABULARY} WHERE doc >= %s AND doc < %s",  # noqa: S608
            (first, end),
        )
        return iter(self.cursor)

    def beyond(self) -> int:
        """How many postings are at positions that no entry has."""
        self.cursor.execute(
            f"SELECT count(*) FROM temp.{_VOCABULARY} "  # noqa: S608
            "WHERE doc < 0 OR doc > (SELECT coalesce(max(seq), -1) FROM audit_entry)"
        )
        return int(self.cursor.fetchone()[0])


_VOCABULARY = "audit_fts_vocabulary"


@contextmanager
def postings() -> Iterator[Postings]:
    """Read the index itself, through a vocabulary table of this connection alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.{_VOCABULARY} "
            f"USING fts5vocab('main', '{TABLE}', 'instance')"
        )
        yield Postings(cursor)
