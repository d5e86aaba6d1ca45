"""Everything the portal's database holds, as one text, to look for what must not be there."""

from __future__ import annotations

from django.db import connection


def everything_stored() -> str:
    """Every value of every table (evidence bodies are sealed files, not rows)."""
    found: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table == "audit_fts":  # keeps no text: an index over audit_eventrow.terms
                continue
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                found.extend(_text(value) for value in row)
    return "\n".join(found)


def _text(value: object) -> str:
    if isinstance(value, memoryview):
        value = bytes(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
