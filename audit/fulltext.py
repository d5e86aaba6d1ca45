"""The full-text index over `EventRow.terms`: FTS5 on SQLite, GIN over a tsvector on PostgreSQL.

Both index the tokens of `audit.terms` as they are: no stemming, no second idea of what a word is.
Only sequenced rows are indexed, so an event enters the index once, with its final position.
"""

from __future__ import annotations

from django.db import connection

TABLE = "audit_fts"
PG_INDEX = "audit_row_terms"
# Generated and stored, so that a row read in order of position is tested in a microsecond.
PG_VECTOR = "words"
_PG_EXPRESSION = "array_to_tsvector(string_to_array(btrim(terms), ' '))"

_SQLITE = (
    f"CREATE VIRTUAL TABLE {TABLE} USING fts5("
    "terms, content='', detail='none', columnsize=0, tokenize=\"ascii tokenchars '_'\")"
)
_POSTGRESQL = (
    f"ALTER TABLE audit_eventrow ADD COLUMN {PG_VECTOR} tsvector "
    f"GENERATED ALWAYS AS ({_PG_EXPRESSION}) STORED; "
    f"CREATE INDEX {PG_INDEX} ON audit_eventrow USING gin ({PG_VECTOR}) WHERE seq IS NOT NULL"
)
_POSTGRESQL_DROP = f"ALTER TABLE audit_eventrow DROP COLUMN {PG_VECTOR}"


def create_statement(vendor: str) -> str:
    """SQL that creates the index; `vendor` is sqlite or postgresql."""
    return _SQLITE if vendor == "sqlite" else _POSTGRESQL


def drop_statement(vendor: str) -> str:
    """SQL that removes it."""
    return f"DROP TABLE {TABLE}" if vendor == "sqlite" else _POSTGRESQL_DROP


def index_range(first: int, end: int) -> None:
    """Index rows `first <= seq < end`, just sequenced. PostgreSQL maintains its index itself."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE}(rowid, terms) "  # noqa: S608 - constant names
            "SELECT seq, terms FROM audit_eventrow WHERE seq >= %s AND seq < %s ORDER BY seq",
            [first, end],
        )


def replace(seq: int, old_terms: str, new_terms: str) -> None:
    """Index one row anew after its openings were erased."""
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


def clear() -> None:
    """Forget everything, before a rebuild."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE}({TABLE}) VALUES('delete-all')")
