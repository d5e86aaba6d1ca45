"""How an engine writes rows as bytes that no other rows have.

SQLite writes a JSON array for each row: text is quoted and escaped, a number is not, and bytes
where they do not belong are an error. Of numbers only whole ones are written exactly, and no column
here holds others; a fraction never reads like a whole number. PostgreSQL writes a row as its binary
protocol does: the number of columns, then type, length and value of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.db import models

from audit.known import SPAN
from audit.models import EventRow, ImportedRow, Openings

_PLACES: Final = "n.seq >= {first} AND n.seq < {end}"
# OFFSET 0 makes PostgreSQL look up what belongs to each event; of a small table it would read all.
_LOOKED_UP: Final = "CROSS JOIN LATERAL (SELECT * FROM {} b WHERE b.{} = n.event_id OFFSET 0)"
# In order before they are looked up: whole entries do not fit into what the server sorts in memory.
_ORDERED: Final = f"FROM (SELECT * FROM audit_entry n WHERE {_PLACES} ORDER BY n.seq OFFSET 0) n"  # noqa: S608 - constant names
# Follows from the join, and lets PostgreSQL read both by place beside each other.
_ALSO: Final = f"AND {_PLACES.replace('n.', 'r.')} "


@dataclass(frozen=True, slots=True)
class Questions:
    """SQL of one engine about `first <= seq < end`, to be read by `rawread`.

    Attributes:
        entries: place, entry and leaf of each event.
        events: these, and bytes of the other columns; of the search row, too, unless `rows` is.
        words: place and words of each search row.
        rows: number of a stretch, how many search rows, their bytes.
        beside: the same for each table beside them.
        step: most events that the first three are put about.
        step_beside: most events that the others are put about.
    """

    entries: str
    events: str
    words: str
    rows: str
    beside: Sequence[str]
    step: int
    step_beside: int


# Fewer leave the engine more to plan than to read; PostgreSQL plans each question anew.
_STEP: Final = {"sqlite": (4 * SPAN, SPAN), "postgresql": (16 * SPAN, 16 * SPAN)}
_WORDS: Final = (
    "SELECT n.seq, n.terms FROM audit_eventrow n "
    "WHERE n.seq >= {first} AND n.seq < {end} ORDER BY n.seq"
)


@cache
def of(vendor: str) -> Questions:
    """The SQL of `sqlite` or `postgresql`."""
    return _sqlite() if vendor == "sqlite" else _postgres()


def _sqlite() -> Questions:
    """Rows are asked for by stretch: to group many SQLite would sort all those texts."""
    events = f"FROM audit_entry n JOIN audit_event e ON e.id = n.event_id WHERE {_PLACES}"
    own = "CAST(json_array(n.seq, n.event_id, e.recorded_at) AS BLOB)"
    asked = [
        f"SELECT n.seq, e.entry, e.leaf_hash {events} ORDER BY n.seq",
        f"SELECT n.seq, e.entry, e.leaf_hash, {own} {events} ORDER BY n.seq",
        _WORDS,
        # By place alone: looking up the row of each entry takes longer than reading it.
        f"{_joined(EventRow, 'n', long='terms')} FROM audit_eventrow n WHERE {_PLACES}",
    ]
    asked += [
        f"{_joined(model, 'o', 'n.seq', long=long)} FROM audit_entry n "
        f"JOIN {model._meta.db_table} o ON o.event = n.event_id WHERE {_PLACES}"
        for model, long in ((Openings, "values"), (ImportedRow, ""))
    ]
    entries, own, words, rows, *others = asked
    return Questions(entries, own, words, rows, others, *_STEP["sqlite"])


def _joined(model: type[models.Model], of: str, *more: str, long: str) -> str:
    """What joins rows of a stretch, in any order: each says whose it is.

    The `long` column stands behind all others with its type and length before it: what is escaped
    is read byte by byte, and this is the half of a row.
    """
    columns = [*more, *_columns(model, of, "sqlite", but=long)]
    parts = ["group_concat(json_array({}), '')"]
    if long:
        name = f'{of}."{long}"'
        columns += [f"typeof({name})", f"length(CAST({name} AS BLOB))"]
        parts.append(f"group_concat({name}, '')")
    said = ", ".join(f"CAST({part} AS BLOB)" for part in parts).format(", ".join(columns))
    return f"SELECT {{first}} / {SPAN}, count(*), {said}"


def _postgres() -> Questions:
    columns = ["n.seq", "n.event_id", "e.recorded_at", *_columns(EventRow, "r", "postgresql")]
    events = f"{_LOOKED_UP.format('audit_event', 'id')} e"
    rows = f"JOIN audit_eventrow r ON r.seq = n.seq WHERE {_PLACES} {_ALSO}"
    read = "SELECT n.seq, e.entry, e.leaf_hash"
    return Questions(
        f"{read} {_ORDERED} {events} ORDER BY n.seq",
        f"{read}, record_send(row({', '.join(columns)})) "
        f"FROM audit_entry n {events} {rows}ORDER BY n.seq",
        _WORDS,
        "",
        [_beside(model) for model in (Openings, ImportedRow)],
        *_STEP["postgresql"],
    )


def _beside(model: type[models.Model]) -> str:
    """Question about the rows of a table beside the entries; each says whose it is."""
    table, columns = model._meta.db_table, ["n.seq", *_columns(model, "o", "postgresql")]
    row = f"record_send(row({', '.join(columns)}))"
    return (
        f"SELECT n.seq / {SPAN}, count(*), string_agg({row}, ''::bytea) "  # noqa: S608 - constant names
        f"FROM audit_entry n {_LOOKED_UP.format(table, 'event')} o WHERE {_PLACES} GROUP BY 1"
    )


def _columns(model: type[models.Model], of: str, vendor: str, but: str = "") -> list[str]:
    columns = []
    for field in model._meta.concrete_fields:
        name = f'{of}."{field.column}"'
        if field.column == but:
            continue
        if vendor == "sqlite" and isinstance(field, models.BinaryField):
            columns += [f"typeof({name})", f"hex({name})"]
        else:
            columns.append(name)
    return columns
