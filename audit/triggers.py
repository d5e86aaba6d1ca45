"""The triggers that a database has, for whoever holds them against those that migrate makes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection


def firing() -> dict[str, str]:
    """Definition of each trigger that fires in ordinary sessions, by its name, on both engines."""
    return {name: definition for name, _, definition in _all()}


def firing_on(prefix: str) -> dict[str, str]:
    """Those on tables whose names begin so, in lower case."""
    return {name: text for name, table, text in _all() if table.lower().startswith(prefix)}


def _all() -> Sequence[tuple[str, str, str]]:
    if connection.vendor == "sqlite":
        query = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
    else:
        # D = disabled, R = fires on replicas only: both let an ordinary session change evidence.
        query = (
            "SELECT t.tgname, c.relname, pg_get_triggerdef(t.oid) FROM pg_trigger t "
            "JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') "
            "AND c.relnamespace = current_schema()::regnamespace"
        )
    with connection.cursor() as cursor:
        cursor.execute(query)
        found: list[tuple[str, str, str]] = cursor.fetchall()
    if connection.vendor == "sqlite":
        return found
    return [(name, table, _unqualified(text)) for name, table, text in found]


def _unqualified(definition: str) -> str:
    """`pg_get_triggerdef` names tables and functions with their schema."""
    return re.sub(r"\b(ON|FUNCTION) \w+\.", r"\1 ", definition)
