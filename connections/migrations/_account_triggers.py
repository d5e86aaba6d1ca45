"""Triggers that recorded which accounts changed, from 0013 until 0026."""

from __future__ import annotations

from typing import Final
from uuid import UUID


NOBODY: Final = UUID(int=0)
CHANGES: Final = "connections_accountchange"
_ACCOUNTS: Final = "connections_connectedaccount"
_USES: Final = "connections_use"
_COUNTED: Final = (
    *("iss", "sub", "connection", "state", "state_since", "source", '"grant"'),
    *("expires_at", "watched_since", "elsewhere_on"),
)
"""Columns of an account by which it is counted, as the database spells them."""


def create_statements(vendor: str) -> list[str]:
    """SQL that makes the triggers; `vendor` is sqlite or postgresql."""
    functions = []
    if vendor == "postgresql":
        functions = [_PG_TELL, *(_pg_function(name, body) for name, body in _PG_BODIES.items())]
    return functions + [made for _, made in _triggers(vendor).values()]


def drop_statements(vendor: str) -> list[str]:
    """SQL that takes them away (migrating backwards only)."""
    return [
        f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if vendor == "postgresql" else "")
        for name, (table, _) in _triggers(vendor).items()
    ]


def _triggers(vendor: str) -> dict[str, tuple[str, str]]:
    """Name -> table and definition."""
    return _sqlite() if vendor == "sqlite" else _postgresql()


def _sqlite() -> dict[str, tuple[str, str]]:
    begun = f"account = '{NOBODY.hex}'"

    def tell(*ids: str) -> str:
        # Not an upsert: the policy of the outer statement would reach into it.
        return " ".join(
            f"UPDATE {CHANGES} SET at = at + 1 WHERE {begun}; "  # noqa: S608 - constants
            f"DELETE FROM {CHANGES} WHERE account = {account}; "
            f"INSERT INTO {CHANGES} (account, at, mark) VALUES ({account}, "
            f"coalesce((SELECT at FROM {CHANGES} WHERE {begun}), 0), '');"
            for account in ids
        )

    hour = "substr({}.last_used_at, 1, 13)"
    pairs = [(f"OLD.{name}", f"NEW.{name}") for name in _COUNTED]
    pairs.append((hour.format("OLD"), hour.format("NEW")))
    counted = " OR ".join(f"{old} IS NOT {new}" for old, new in pairs)
    named = "OF account_id, agent, skill "
    specified = (
        (_ACCOUNTS, "insert", "", "", tell("NEW.id")),
        (_ACCOUNTS, "update", "", f"WHEN {counted} ", tell("NEW.id")),
        (_ACCOUNTS, "delete", "", "", tell("OLD.id")),
        (_USES, "insert", "", "", tell("NEW.account_id")),
        (_USES, "update", named, "", tell("OLD.account_id", "NEW.account_id")),
        (_USES, "delete", "", "", tell("OLD.account_id")),
    )
    return {
        f"{table}_journal_{verb}": (
            table,
            f"CREATE TRIGGER {table}_journal_{verb} AFTER {verb.upper()} {of}ON {table} "
            f"{when}BEGIN {body} END",
        )
        for table, verb, of, when, body in specified
    }


_PG_TELL: Final = f"""
CREATE OR REPLACE FUNCTION ata_account_changed(which uuid) RETURNS void LANGUAGE sql AS $$
  INSERT INTO {CHANGES} (account, at, mark)
  VALUES (which, pg_current_xact_id()::text::bigint, '')
  ON CONFLICT (account) DO UPDATE SET at = excluded.at WHERE {CHANGES}.at <> excluded.at
$$
"""  # noqa: S608 - constants
_PG_SAME: Final = " AND ".join(
    [
        *(f"OLD.{name} IS NOT DISTINCT FROM NEW.{name}" for name in _COUNTED),
        "date_trunc('hour', OLD.last_used_at, 'UTC') IS NOT DISTINCT FROM "
        "date_trunc('hour', NEW.last_used_at, 'UTC')",
    ]
)
_PG_BODIES: Final = {
    "ata_account_tells": f"""
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM ata_account_changed(NEW.id);
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM ata_account_changed(OLD.id);
  ELSIF NOT ({_PG_SAME}) THEN
    PERFORM ata_account_changed(NEW.id);
  END IF;
  RETURN NULL;
END
""",
    "ata_use_tells": """
BEGIN
  IF TG_OP <> 'DELETE' THEN PERFORM ata_account_changed(NEW.account_id); END IF;
  IF TG_OP <> 'INSERT' THEN PERFORM ata_account_changed(OLD.account_id); END IF;
  RETURN NULL;
END
""",
    "ata_accounts_emptied": f"""
BEGIN
  DELETE FROM {CHANGES} WHERE account = '{NOBODY}';
  RETURN NULL;
END
""",  # noqa: S608 - constants
}


def _pg_function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"


def _postgresql() -> dict[str, tuple[str, str]]:
    specified = (
        ("TRIGGER", _ACCOUNTS, "", "INSERT OR DELETE OR UPDATE", "ROW", "ata_account_tells"),
        ("TRIGGER", _USES, "", "INSERT OR UPDATE OF account_id, agent, skill", "ROW", _USE),
        # At the commit: who deletes a person's rows takes the uses before the accounts.
        ("CONSTRAINT TRIGGER", _USES, "_delete", "DELETE", "ROW", _USE),
        ("TRIGGER", _ACCOUNTS, "_truncate", "TRUNCATE", "STATEMENT", "ata_accounts_emptied"),
        ("TRIGGER", _USES, "_truncate", "TRUNCATE", "STATEMENT", "ata_accounts_emptied"),
    )
    return {
        f"{table}_journal{suffix}": (
            table,
            f"CREATE {kind} {table}_journal{suffix} AFTER {verbs} ON {table} "
            + ("DEFERRABLE INITIALLY DEFERRED " if "CONSTRAINT" in kind else "")
            + f"FOR EACH {each} EXECUTE FUNCTION {function}()",
        )
        for kind, table, suffix, verbs, each, function in specified
    }


_USE: Final = "ata_use_tells"
FUNCTIONS: Final = (
    "ata_account_tells()",
    "ata_use_tells()",
    "ata_accounts_emptied()",
    "ata_account_changed(uuid)",
)
