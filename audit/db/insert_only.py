"""Triggers that make evidence insert-only, and the check that they still are what we made.

A later Django migration that remakes a SQLite table drops its triggers silently; that is why
`/readyz`, `verify_ledger` and a test ask `problems`. A database owner can drop a trigger: it is a
guard rail. The proof is the tree.
"""

from __future__ import annotations

from django.db import connection

from audit.db import installed_triggers

GUARDED = (
    "audit_event",
    "audit_entry",
    "audit_tile",
    "audit_checkpoint",
    "audit_cosignature",
    "audit_evidenceitem",
    "audit_importedrow",
    "audit_timetoken",
    "audit_repeatedtag",
    "audit_rowform",
)
"""Their triggers are made by migrations (`audit.migrations._insert_only`); this is what has to be
there after all of them."""
THINNED = ("audit_checkpoint", "delete")
"""Old rows of it may go, younger ones are refused (`audit.sequencing.checkpoint_thinning`)."""
_YOUNG = {
    "sqlite": "OLD.created >= datetime('now', '-7 days')",
    "postgresql": "(old.created >= (now() - '7 days'::interval))",
}
_VERBS = {"sqlite": ("update", "delete"), "postgresql": ("update", "delete", "truncate")}
_FUNCTION = "audit_refuse_change"
# 23001 restrict_violation: an integrity class, so that both engines raise IntegrityError.
_PG_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is insert-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = '23001';
END $$
"""


def _name(table: str, verb: str) -> str:
    """Name of the trigger that refuses `verb` on `table`."""
    return f"{table}_no_{verb}"


def _trigger(vendor: str, table: str, verb: str) -> str:
    """The trigger as it has to be after all migrations."""
    of_engine = _sqlite_trigger if vendor == "sqlite" else _postgresql_trigger
    return of_engine(table, verb, _YOUNG[vendor] if (table, verb) == THINNED else "")


def _sqlite_trigger(table: str, verb: str, when: str = "") -> str:
    only = f"WHEN {when} " if when else ""
    return (
        f"CREATE TRIGGER {_name(table, verb)} BEFORE {verb.upper()} ON {table} {only}BEGIN "
        f"SELECT RAISE(ABORT, '{table} is insert-only: {verb} refused'); END"
    )


def _postgresql_trigger(table: str, verb: str, when: str = "") -> str:
    scope = "STATEMENT" if verb == "truncate" else "ROW"
    only = f"WHEN ({when}) " if when else ""
    return (
        f"CREATE TRIGGER {_name(table, verb)} BEFORE {verb.upper()} ON {table} "
        f"FOR EACH {scope} {only}EXECUTE FUNCTION {_FUNCTION}()"
    )


def problems() -> list[str]:
    """What is wrong with the triggers, one sentence each: missing, changed, or not ours.

    A trigger of the right name that does nothing is as good as none, and one that nobody of us
    made may rewrite what is inserted; so tables, definitions and functions are compared.
    """
    wanted, present = _wanted(), installed_triggers.firing_on("audit_")
    found = [
        f"the trigger {name} is missing; run migrate or restore it"
        for _, name in sorted(wanted.keys() - present.keys())
    ]
    found += [
        f"the trigger {key[1]} was changed: it is not the one that migrate makes"
        for key in sorted(wanted.keys() & present.keys())
        if present[key] != wanted[key]
    ]
    found += [
        f"the trigger {name} on {table} is not one of ours; drop it"
        for table, name in sorted(present.keys() - wanted.keys())
    ]
    return found + (_postgresql_problems() if connection.vendor == "postgresql" else [])


def _wanted() -> dict[installed_triggers.Key, str]:
    """Definition of each trigger by its table and name, as the engine spells it."""
    vendor = connection.vendor
    return {
        (table, _name(table, verb)): _trigger(vendor, table, verb)
        for table in GUARDED
        for verb in _VERBS[vendor]
    }


def _postgresql_problems() -> list[str]:
    """Ways past a trigger that only PostgreSQL has: its function, rules, the replica role."""
    found = []
    if installed_triggers.functions([_FUNCTION]) != [(_FUNCTION, _PG_FUNCTION.split("$$")[1])]:
        found.append(f"the function {_FUNCTION} was changed: triggers may refuse nothing")
    rules = _rows(
        "SELECT r.rulename, c.relname FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class "
        "WHERE pg_table_is_visible(c.oid) AND c.relname LIKE 'audit\\_%' ORDER BY 2, 1"
    )
    found += [f"the rule {name} on {table} is not one of ours" for name, table in rules]
    ((role,),) = _rows("SHOW session_replication_role")
    if role != "origin":
        found.append(f"session_replication_role is {role}: this session fires no trigger")
    return found


def _rows(query: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
