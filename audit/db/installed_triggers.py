"""The triggers and trigger functions that a database has, to compare with what migrate makes."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

type Key = tuple[str, str]
"""Table and name: on PostgreSQL tables may have triggers of one name."""

_SQLITE = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'"
# D = disabled, R = fires on replicas only: both let an ordinary session change evidence. Where the
# function is of another schema than the table it is not the one that migrate makes, whatever its
# name; how the engine spells it depends on the search path.
_POSTGRESQL = """
SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid), quote_ident(n.nspname) || '.',
  CASE WHEN p.pronamespace <> c.relnamespace THEN ' of ' || p.pronamespace::regnamespace ELSE '' END
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND pg_table_is_visible(c.oid)
"""


def firing() -> dict[Key, str]:
    """Definition of each trigger that fires in ordinary sessions, on both engines."""
    with connection.cursor() as cursor:
        cursor.execute(_SQLITE if connection.vendor == "sqlite" else _POSTGRESQL)
        found = cursor.fetchall()
    if connection.vendor == "sqlite":
        return {(table, name): sql for table, name, sql in found}
    return {
        (table, name): _unqualified(text, schema) + elsewhere
        for table, name, text, schema, elsewhere in found
    }


def firing_on(prefix: str) -> dict[Key, str]:
    """Those on tables whose names begin so, in lower case."""
    return {key: text for key, text in firing().items() if key[0].lower().startswith(prefix)}


def functions(names: Collection[str]) -> list[tuple[str, str]]:
    """Names and bodies, in order, of PostgreSQL's functions of these names next to our tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, prosrc FROM pg_proc WHERE proname = ANY(%s) AND pronamespace = "
            "(SELECT relnamespace FROM pg_class WHERE oid = 'audit_event'::regclass) ORDER BY 1, 2",
            [list(names)],
        )
        return list(cursor.fetchall())


def _unqualified(definition: str, schema: str) -> str:
    """`pg_get_triggerdef` names the table, and now and then the function, with their schema."""
    for before in (" ON ", " FUNCTION "):
        definition = definition.replace(before + schema, before)
    return definition
