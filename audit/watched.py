"""Watched tables: their triggers give the row of `audit_lastchange` a new mark with every change.

Whoever reads the mark before a row knows that the row is as it was for as long as the mark is: no
code on the way to a table has to remember to say so. A database owner can drop a trigger, and so
can a later migration that remakes a SQLite table; a table counts as watched only where its triggers
are the ones that are made here, and a test and `/readyz` ask for all of them.
"""

from __future__ import annotations

from typing import Final

from django.db import connection

from audit import triggers

FIRST: Final = (
    "approvals_person",
    "connections_freeze",
    "connections_justintime",
    "connections_manifest",
    "connections_manifestneed",
    "connections_scoperule",
    "enforcement_asset",
    "identity_commandlinesignin",
)
"""Those that were watched first; a migration makes their triggers."""
WATCHED: Final = (*FIRST, "connections_allowrule")
_NEW_MARK: Final = "UPDATE audit_lastchange SET mark = {random} WHERE id = 1"
# As late as can be: the row is locked until the commit, and a transaction that locks nothing after
# it waits for nobody who waits for it. The mark and the change become visible at once.
_PG_FUNCTION: Final = f"""
CREATE OR REPLACE FUNCTION audit_tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('ata.told', true) IS DISTINCT FROM txid_current()::text THEN
    PERFORM set_config('ata.told', txid_current()::text, true);
    {_NEW_MARK.format(random="gen_random_uuid()::text")};
  END IF;
  RETURN NULL;
END $$
"""


def create_statements(vendor: str, *tables: str) -> list[str]:
    """SQL that watches `tables`; `vendor` is sqlite or postgresql."""
    function = [_PG_FUNCTION] if vendor == "postgresql" else []
    return function + [made for table in tables for made in _triggers(vendor, table).values()]


def drop_statements(vendor: str, *tables: str) -> list[str]:
    """SQL that watches them no more (migrating backwards only)."""
    of = {table: _triggers(vendor, table) for table in tables}
    on = {table: "" if vendor == "sqlite" else f" ON {table}" for table in tables}
    return [f"DROP TRIGGER IF EXISTS {name}{on[table]}" for table in of for name in of[table]]


def _triggers(vendor: str, table: str) -> dict[str, str]:
    """The triggers of a table by their names."""
    if vendor == "sqlite":
        mark = _NEW_MARK.format(random="lower(hex(randomblob(16)))")
        return {
            f"{table}_tells_{verb}": f"CREATE TRIGGER {table}_tells_{verb} AFTER {verb.upper()} "
            f"ON {table} BEGIN {mark}; END"
            for verb in ("insert", "update", "delete")
        }
    act = "EXECUTE FUNCTION audit_tell_change()"
    return {
        f"{table}_tells": f"CREATE CONSTRAINT TRIGGER {table}_tells AFTER INSERT OR DELETE OR "
        f"UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW {act}",
        f"{table}_tells_truncate": f"CREATE TRIGGER {table}_tells_truncate AFTER TRUNCATE "
        f"ON {table} FOR EACH STATEMENT {act}",
    }


def problems() -> list[str]:
    """Watched tables whose changes would not be told, one sentence each."""
    return [
        f"changes of {table} are not told, so nothing read from it is kept; run migrate or "
        "restore its triggers"
        for table in sorted(set(WATCHED) - tables())
    ]


def tables() -> frozenset[str]:
    """Tables whose triggers are all there, fire, and are the ones that migrate makes."""
    vendor, present = connection.vendor, triggers.firing()
    if vendor == "postgresql" and not _function_is_ours():
        return frozenset()
    return frozenset(
        table
        for table in WATCHED
        if all(
            present.get((table, name)) == made for name, made in _triggers(vendor, table).items()
        )
    )


def _function_is_ours() -> bool:
    name = "audit_tell_change"
    return triggers.functions([name]) == [(name, _PG_FUNCTION.split("$$")[1])]
