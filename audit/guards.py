"""Triggers that make evidence insert-only, and the check that they still exist.

A later Django migration that remakes a SQLite table drops its triggers silently; that is why
`/readyz`, `verify_ledger` and a test call `missing_triggers`. A database owner can drop a trigger:
it is a guard rail. The proof is the tree.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

FIRST_GUARDED = (  # since migration 0002
    "audit_event",
    "audit_entry",
    "audit_tile",
    "audit_checkpoint",
    "audit_cosignature",
    "audit_evidenceitem",
)
IMPORTS_GUARDED = ("audit_importedrow",)  # since migration 0003
GUARDED = (*FIRST_GUARDED, *IMPORTS_GUARDED)
_VERBS = {"sqlite": ("update", "delete"), "postgresql": ("update", "delete", "truncate")}
_FUNCTION = "audit_refuse_change"
# 23001 restrict_violation: an integrity class, so that both engines raise IntegrityError.
_PG_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is insert-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = '23001';
END $$
"""


def trigger_name(table: str, verb: str) -> str:
    """Name of the trigger that refuses `verb` on `table`."""
    return f"{table}_no_{verb}"


def create_statements(vendor: str, tables: Sequence[str] = GUARDED) -> list[str]:
    """SQL that installs the triggers of `tables`; `vendor` is sqlite or postgresql."""
    statements = [_PG_FUNCTION] if vendor == "postgresql" else []
    for table in tables:
        for verb in _VERBS[vendor]:
            name = trigger_name(table, verb)
            if vendor == "sqlite":
                statements.append(
                    f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON {table} BEGIN "
                    f"SELECT RAISE(ABORT, '{table} is insert-only: {verb} refused'); END"
                )
            else:
                scope = "STATEMENT" if verb == "truncate" else "ROW"
                statements.append(
                    f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON {table} "
                    f"FOR EACH {scope} EXECUTE FUNCTION {_FUNCTION}()"
                )
    return statements


def drop_statements(vendor: str) -> list[str]:
    """SQL that removes every trigger again (migrating backwards only)."""
    names = [(t, trigger_name(t, v)) for t in GUARDED for v in _VERBS[vendor]]
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {name}" for _, name in names]
    drops = [f"DROP TRIGGER IF EXISTS {name} ON {table}" for table, name in names]
    return [*drops, f"DROP FUNCTION IF EXISTS {_FUNCTION}()"]


def missing_triggers() -> list[str]:
    """Names of triggers that should refuse changes and are absent or switched off; sorted."""
    vendor = connection.vendor
    wanted = {trigger_name(t, v) for t in GUARDED for v in _VERBS[vendor]}
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if vendor == "sqlite"
        # D = disabled, R = fires on replicas only: both let an ordinary session change evidence.
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {row[0] for row in cursor.fetchall()}
    return sorted(wanted - present)
