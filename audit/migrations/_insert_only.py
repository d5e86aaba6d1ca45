"""SQL of the insert-only triggers as migrations 0002 to 0023 made them; it does not change."""

_VERBS = {"sqlite": ("update", "delete"), "postgresql": ("update", "delete", "truncate")}
_PG_FUNCTION = """
CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is insert-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = '23001';
END $$
"""


def create(vendor: str, *tables: str) -> list[str]:
    """Statements that make the triggers of these tables."""
    statements = [_PG_FUNCTION] if vendor == "postgresql" else []
    return statements + [create_one(vendor, t, verb) for t in tables for verb in _VERBS[vendor]]


def create_one(vendor: str, table: str, verb: str, when: str = "") -> str:
    """The trigger that refuses this verb on this table, where `when` holds of the old row."""
    name = f"{table}_no_{verb}"
    if vendor == "sqlite":
        only = f"WHEN {when} " if when else ""
        return (
            f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON {table} {only}BEGIN "
            f"SELECT RAISE(ABORT, '{table} is insert-only: {verb} refused'); END"
        )
    scope = "STATEMENT" if verb == "truncate" else "ROW"
    only = f"WHEN ({when}) " if when else ""
    return (
        f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON {table} "
        f"FOR EACH {scope} {only}EXECUTE FUNCTION audit_refuse_change()"
    )


def drop_one(vendor: str, table: str, verb: str) -> str:
    """The statement that removes one."""
    on = f" ON {table}" if vendor == "postgresql" else ""
    return f"DROP TRIGGER IF EXISTS {table}_no_{verb}{on}"


def drop(vendor: str, *tables: str) -> list[str]:
    """Statements that remove the triggers of these tables, and their function."""
    drops = [drop_one(vendor, table, verb) for table in tables for verb in _VERBS[vendor]]
    function = "DROP FUNCTION IF EXISTS audit_refuse_change()"
    return [*drops, function] if vendor == "postgresql" else drops
