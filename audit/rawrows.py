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

_ROW: Final = {"sqlite": "CAST(json_array({}) AS BLOB)", "postgresql": "record_send(row({}))"}
_PLACES: Final = "n.seq >= {first} AND n.seq < {end}"
# OFFSET 0 makes PostgreSQL look up what belongs to each event; of a small table it would read all.
_LOOKED_UP: Final = "CROSS JOIN LATERAL (SELECT * FROM {} b WHERE b.{} = n.event_id OFFSET 0)"
_ENTRIES: Final = {
    "sqlite": "FROM audit_entry n JOIN audit_event e ON e.id = n.event_id",
    "postgresql": f"FROM audit_entry n {_LOOKED_UP.format('audit_event', 'id')} e",
}
# Follows from the join, and lets PostgreSQL read both by place beside each other; SQLite, which
# looks each row up at less cost, might begin with the other table.
_ALSO: Final = {"sqlite": "", "postgresql": f"AND {_PLACES.replace('n.', 'r.')} "}


@dataclass(frozen=True, slots=True)
class Questions:
    """SQL of one engine about `first <= seq < end`, to be read by `rawread`.

    Attributes:
        entries: place, entry and leaf of each event.
        events: these, and bytes of the event and its search row.
        with_words: these, and the words of the row.
        beside: for each table beside them: number of a stretch, how many rows, their bytes.
        step: most events that the first three are put about.
        step_beside: most events that a question of `beside` is put about.
    """

    entries: str
    events: str
    with_words: str
    beside: Sequence[str]
    step: int
    step_beside: int


# Fewer leave the engine more to plan than to read; PostgreSQL plans each question anew.
_STEP: Final = {"sqlite": (4 * SPAN, SPAN), "postgresql": (16 * SPAN, 16 * SPAN)}


@cache
def of(vendor: str) -> Questions:
    """The SQL of `sqlite` or `postgresql`."""
    columns = ["n.seq", "n.event_id", "e.recorded_at", *_columns(EventRow, "r", vendor)]
    row = _ROW[vendor].format(", ".join(columns))
    entries = "SELECT n.seq, e.entry, e.leaf_hash"
    joined = (
        f"{_ENTRIES[vendor]} JOIN audit_eventrow r ON r.seq = n.seq "
        f"WHERE {_PLACES} {_ALSO[vendor]}ORDER BY n.seq"
    )
    beside = [_beside(model, vendor) for model in (Openings, ImportedRow)]
    questions = (
        f"{entries} {_ENTRIES[vendor]} WHERE {_PLACES} ORDER BY n.seq",
        f"{entries}, {row} {joined}",
        f"{entries}, {row}, r.terms {joined}",
        *beside,
    )
    if vendor == "sqlite":  # which keeps the plan of a question that it was put before
        questions = tuple(each.format(first="?1", end="?2") for each in questions)
    first, second, third, *others = questions
    return Questions(first, second, third, others, *_STEP[vendor])


def _beside(model: type[models.Model], vendor: str) -> str:
    """Question about the rows of a table beside the entries.

    Each row says whose it is: an engine adds them up in any order.
    """
    table, columns = model._meta.db_table, ", ".join(["n.seq", *_columns(model, "o", vendor)])
    if vendor == "sqlite":  # asked for each stretch: to group many it would sort all those texts
        return (
            f"SELECT {{first}} / {SPAN}, count(*), "  # noqa: S608 - constant names
            f"CAST(group_concat(json_array({columns}), '') AS BLOB) "
            f"FROM audit_entry n JOIN {table} o ON o.event = n.event_id WHERE {_PLACES}"
        )
    return (
        f"SELECT n.seq / {SPAN}, count(*), string_agg(record_send(row({columns})), ''::bytea) "  # noqa: S608
        f"FROM audit_entry n {_LOOKED_UP.format(table, 'event')} o WHERE {_PLACES} GROUP BY 1"
    )


def _columns(model: type[models.Model], of: str, vendor: str) -> list[str]:
    columns = []
    for field in model._meta.concrete_fields:
        name = f'{of}."{field.column}"'
        if vendor == "sqlite" and isinstance(field, models.BinaryField):
            columns += [f"typeof({name})", f"hex({name})"]
        else:
            columns.append(name)
    return columns
