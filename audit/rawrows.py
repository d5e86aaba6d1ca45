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

# Each row of a table beside the entries says whose it is: an engine adds them up in any order.
# OFFSET 0 makes PostgreSQL look the rows of each event up; it would read all of a small table.
_ROW: Final = {
    "sqlite": "CAST(json_array({columns}) AS BLOB)",
    "postgresql": "record_send(row({columns}))",
}
_BESIDE: Final = {
    "sqlite": (
        f"SELECT n.seq / {SPAN}, CAST(group_concat(json_array({{columns}}), '') AS BLOB) "  # noqa: S608
        "FROM audit_entry n JOIN {table} o ON o.event = n.event_id WHERE {{where}} GROUP BY 1"
    ),
    "postgresql": (
        f"SELECT n.seq / {SPAN}, string_agg(record_send(row({{columns}})), ''::bytea) "  # noqa: S608
        "FROM audit_entry n CROSS JOIN LATERAL "
        "(SELECT * FROM {table} b WHERE b.event = n.event_id OFFSET 0) o WHERE {{where}} GROUP BY 1"
    ),
}


@dataclass(frozen=True, slots=True)
class Written:
    """SQL of one engine.

    Attributes:
        event: expression for an event and its search row; `n`, `e` and `r` are entry, event, row.
        beside: for each table beside them, a question for number of stretch and bytes, which a
            `where` about `n.seq` is to be put into.
    """

    event: str
    beside: Sequence[str]


@cache
def of(vendor: str) -> Written:
    """The SQL of `sqlite` or `postgresql`."""
    columns = ["n.seq", "n.event_id", "e.recorded_at", *_columns(EventRow, "r", vendor)]
    beside = [
        _BESIDE[vendor].format(
            columns=", ".join(["n.seq", *_columns(model, "o", vendor)]),
            table=model._meta.db_table,
        )
        for model in (Openings, ImportedRow)
    ]
    return Written(_ROW[vendor].format(columns=", ".join(columns)), beside)


def _columns(model: type[models.Model], of: str, vendor: str) -> list[str]:
    columns = []
    for field in model._meta.concrete_fields:
        name = f'{of}."{field.column}"'
        if vendor == "sqlite" and isinstance(field, models.BinaryField):
            columns += [f"typeof({name})", f"hex({name})"]
        else:
            columns.append(name)
    return columns
