"""Entries: what is blocked, allowed, quarantined or disabled (table `actions`)."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from local.gateway.audit.database import AuditDatabase
from local.gateway.audit.instants import as_rfc3339, go_time_string, isoformat, now_ns

GLOBAL: Final = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of `actions`; `agent` is empty for the global one."""

    id: str
    kind: str
    name: str
    agent: str
    install: str
    file: str
    runtime: str
    source_path: str
    reason: str
    updated_at: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing is set in it (a restore at HEAD leaves such rows)."""
        return not (self.install or self.file or self.runtime)


class Entries:
    """Reads and changes entries. `by_command_line` picks the writer's own text forms."""

    def __init__(self, database: AuditDatabase, *, by_command_line: bool = False) -> None:
        self._database = database
        self._per_agent = database.generation.entries_per_agent
        self._stamp: Callable[[int], str] = isoformat if by_command_line else go_time_string
        self._separators = (", ", ": ") if by_command_line else (",", ":")

    def _key(self, kind: str, name: str, agent: str) -> tuple[str, tuple[str, ...]]:
        if self._per_agent:
            return "target_type = ? AND target_name = ? AND connector = ?", (kind, name, agent)
        return "target_type = ? AND target_name = ?", (kind, name)

    def get(self, kind: str, name: str, agent: str = GLOBAL) -> Entry | None:
        """Return the entry of exactly this agent (or the global one), if there is one."""
        where, key = self._key(kind, name, agent)
        with self._database.read() as connection:
            row = connection.execute(f"SELECT * FROM actions WHERE {where}", key).fetchone()  # noqa: S608 - fixed names
        return _entry(row) if row else None

    def of_name(self, kind: str, name: str) -> list[Entry]:
        """Return the entries of all agents for a name."""
        return [entry for entry in self.of_kind(kind) if entry.name == name]

    def of_kind(self, kind: str) -> list[Entry]:
        """Return all entries of a kind."""
        with self._database.read() as connection:
            sql = "SELECT * FROM actions WHERE target_type = ? ORDER BY rowid"
            return [_entry(row) for row in connection.execute(sql, (kind,))]

    def listed(self, install: str) -> list[dict[str, str]]:
        """Return what `/enforce/blocked` or `/enforce/allowed` shows, in stored text order."""
        sql = "SELECT * FROM actions ORDER BY updated_at DESC"
        with self._database.read() as connection:
            entries = [_entry(row) for row in connection.execute(sql)]
        return [
            {
                "id": entry.id,
                "target_type": entry.kind,
                "target_name": entry.name,
                "reason": entry.reason,
                "updated_at": as_rfc3339(entry.updated_at),
            }
            for entry in entries
            if entry.install == install
        ]

    def effective(self, kind: str, name: str, agent: str, dimension: str) -> str:
        """Return install, file or runtime for an agent: its own value, else the global one."""
        for owner in (agent, GLOBAL):
            entry = self.get(kind, name, owner)
            value = getattr(entry, dimension) if entry else ""
            if value:
                return str(value)
        return ""

    def set_value(
        self, kind: str, name: str, dimension: str, value: str, reason: str, agent: str = GLOBAL
    ) -> None:
        """Set one dimension (install, file, runtime) of an entry, making it if needed."""
        where, key = self._key(kind, name, agent)
        with self._database.write() as connection:
            changed = connection.execute(
                f"UPDATE actions SET actions_json = json_set(actions_json, ?, ?), reason = ?, "  # noqa: S608 - fixed names
                f"updated_at = ? WHERE {where}",
                (f"$.{dimension}", value, reason, self._stamp(now_ns()), *key),
            ).rowcount
            if not changed:
                self._insert(connection, kind, name, agent, {dimension: value}, reason)

    def set_decision(
        self, kind: str, name: str, source_path: str, values: dict[str, str], reason: str
    ) -> None:
        """Replace the global entry by `values` in one write, as the watcher does."""
        where, key = self._key(kind, name, GLOBAL)
        with self._database.write() as connection:
            connection.execute(f"DELETE FROM actions WHERE {where}", key)  # noqa: S608 - fixed names
            self._insert(connection, kind, name, GLOBAL, values, reason)
            self._set_path(connection, kind, name, source_path, GLOBAL)

    def set_source_path(self, kind: str, name: str, path: str, agent: str = GLOBAL) -> None:
        """Record where the thing lies; needs an entry, else nothing happens."""
        with self._database.write() as connection:
            self._set_path(connection, kind, name, path, agent)

    def clear(self, kind: str, name: str, *dimensions: str, agent: str = GLOBAL) -> None:
        """Clear dimensions; an entry with nothing left is deleted with its source path."""
        where, key = self._key(kind, name, agent)
        with self._database.write() as connection:
            for dimension in dimensions:
                connection.execute(
                    "UPDATE actions SET actions_json = json_remove(actions_json, ?), "  # noqa: S608 - fixed names
                    f"updated_at = ? WHERE {where}",
                    (f"$.{dimension}", self._stamp(now_ns()), *key),
                )
            connection.execute(
                f"DELETE FROM actions WHERE {where} AND actions_json = '{{}}'",  # noqa: S608 - fixed names
                key,
            )

    def leave_empty(self, kind: str, name: str, path: str, agent: str) -> None:
        """Clear `file` but keep the row, as a completed restore at HEAD does."""
        where, key = self._key(kind, name, agent)
        with self._database.write() as connection:
            changed = connection.execute(
                "UPDATE actions SET actions_json = json_remove(actions_json, '$.file'), "  # noqa: S608 - fixed names
                f"updated_at = ? WHERE {where}",
                (self._stamp(now_ns()), *key),
            ).rowcount
            if not changed:
                self._insert(connection, kind, name, agent, {}, "")
            self._set_path(connection, kind, name, path, agent)

    def remove(self, kind: str, name: str, agent: str = GLOBAL) -> None:
        """Delete an entry."""
        where, key = self._key(kind, name, agent)
        with self._database.write() as connection:
            connection.execute(f"DELETE FROM actions WHERE {where}", key)  # noqa: S608 - fixed names

    def _set_path(
        self, connection: sqlite3.Connection, kind: str, name: str, path: str, agent: str
    ) -> None:
        where, key = self._key(kind, name, agent)
        connection.execute(f"UPDATE actions SET source_path = ? WHERE {where}", (path, *key))  # noqa: S608 - fixed names

    def _insert(
        self,
        connection: sqlite3.Connection,
        kind: str,
        name: str,
        agent: str,
        values: dict[str, str],
        reason: str,
    ) -> None:
        row = {
            "id": str(uuid.uuid4()),
            "target_type": kind,
            "target_name": name,
            "actions_json": json.dumps(values, separators=self._separators),
            "reason": reason,
            "updated_at": self._stamp(now_ns()),
            "connector": agent,
        }
        self._database.insert(connection, "actions", row)


def _entry(row: sqlite3.Row) -> Entry:
    state = json.loads(row["actions_json"] or "{}")
    return Entry(
        id=row["id"],
        kind=row["target_type"],
        name=row["target_name"],
        agent=row["connector"] if "connector" in row.keys() else GLOBAL,  # noqa: SIM118 - `in` of a Row looks at its values
        install=state.get("install", ""),
        file=state.get("file", ""),
        runtime=state.get("runtime", ""),
        source_path=row["source_path"] or "",
        reason=row["reason"] or "",
        updated_at=str(row["updated_at"]),
    )
