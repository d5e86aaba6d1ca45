"""What a PostgreSQL database holds, as somebody with the server's files or a dump of it sees it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

_FILES = """
SELECT c.relname, pg_relation_filepath(c.oid) FROM pg_class c
WHERE c.relkind IN ('r', 'i', 't', 'm') AND pg_relation_filepath(c.oid) IS NOT NULL
  AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""


def contents() -> Iterator[tuple[str, bytes]]:
    """Every table as a dump has it, then every file of tables, TOAST and indexes.

    The files are those that a checkpoint of the server has written.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname !~ '^pg_|^sql_'"
        )
        for (table,) in cursor.fetchall():
            name = connection.ops.quote_name(table)
            cursor.execute(f"SELECT {name}::text FROM {name}")
            yield f"rows of {table}", "\n".join(row for (row,) in cursor.fetchall()).encode()
        cursor.execute("CHECKPOINT")
        cursor.execute(_FILES)
        for relation, path in cursor.fetchall():
            cursor.execute("SELECT pg_read_binary_file(%s)", [path])
            yield f"file of {relation}", bytes(cursor.fetchone()[0])
