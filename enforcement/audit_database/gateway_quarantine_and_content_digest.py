"""What a gateway did about a scanned thing itself, and the digest of what it scanned.

With `take_action` on, DefenseClaw quarantines and disables before the row of the scan is there. Its
`actions` table has both, but marks files as quarantined also where HEAD leaves restored ones: the
record of the quarantine proves it there, and rows of the watcher in older generations.
What was done before a scan began says nothing about what it found: another copy may lie there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Set
from datetime import UTC, datetime
from typing import Final

from enforcement.audit_database.time_texts import moment

_RECENT: Final = 5_000
"""So many rows of the audit log before its end are looked at for a row of the watcher."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class GatewayMeasures:
    """What a database has about it; `tables` has the columns of each, none where it is not."""

    def __init__(self, db: sqlite3.Connection, tables: Mapping[str, Set[str]]) -> None:
        self._db = db
        self._tables = tables

    def done_by_gateway(self, kind: str, name: str, target: str, since: datetime) -> str:
        """`quarantined`, `disabled`, both or nothing: what it did since the scan began."""
        done = ["quarantined"] if self._moved(name, target, since) else []
        if self._disabled(kind, name, since):
            done.append("disabled")
        return " and ".join(done)

    def content_digest(self, scan: str, kind: str, target: str, since: datetime) -> str:
        """The digest of the folder that a scan looked at; empty where the database has none.

        A snapshot names its scan. The record of a quarantine names the folder that was moved. Both
        digests are made differently, so each says which it is. A snapshot is not of all that is
        there: it leaves out symbolic links, `.git`, `node_modules`, `__pycache__`, `.venv`, `venv`
        and what could not be read (DefenseClaw, `internal/watcher/snapshot.go`). That of an MCP
        server is of its entry in a configuration, not of the server, so it has no digest here.
        """
        if kind == "mcp":
            return ""
        if self._has("target_snapshots", "scan_id", "content_hash"):
            row = self._db.execute(
                "SELECT content_hash FROM target_snapshots WHERE scan_id = ? LIMIT 1", (scan,)
            ).fetchone()
            if row is not None and row["content_hash"]:
                return f"snapshot:{row['content_hash']}"[:90]
        record = self._record(target, since)
        return f"quarantine:{record}"[:90] if record else ""

    def _has(self, table: str, *columns: str) -> bool:
        return set(columns) <= self._tables.get(table, set())

    def _disabled(self, kind: str, name: str, since: datetime) -> bool:
        if not self._has("actions", "actions_json", "updated_at"):
            return False
        rows = self._db.execute(
            "SELECT actions_json, updated_at FROM actions "
            "WHERE target_type = ? AND target_name = ?",
            (kind, name),
        )
        return any(
            _object(row["actions_json"]).get("runtime") == "disable"
            and moment(row["updated_at"], _NEVER) >= since
            for row in rows
        )

    def _moved(self, name: str, target: str, since: datetime) -> bool:
        if self._keeps_records():
            return self._record(target, since) is not None
        return self._watcher_acted(name, target, since)

    def _keeps_records(self) -> bool:
        columns = ("original_path", "content_hash", "state", "created_at")
        return self._has("quarantine_records", *columns)

    def _record(self, target: str, since: datetime) -> str | None:
        """The digest in the newest record of a quarantine that stands for this folder."""
        if not self._keeps_records():
            return None
        row = self._db.execute(
            "SELECT content_hash, created_at FROM quarantine_records "
            "WHERE original_path = ? AND state = 'active' ORDER BY rowid DESC LIMIT 1",
            (target.rstrip("/"),),
        ).fetchone()
        if row is None or moment(row["created_at"], _NEVER) < since:
            return None
        return str(row["content_hash"] or "")

    def _watcher_acted(self, name: str, target: str, since: datetime) -> bool:
        """Whether the watcher rejected this very folder just now and then blocked it.

        Its two rows stand one behind the other, and the second has the name alone.
        """
        if not self._has("audit_events", "action", "target", "timestamp"):
            return False
        row = self._db.execute(
            "SELECT blocked.timestamp FROM audit_events rejected JOIN audit_events blocked "
            "ON blocked.rowid = rejected.rowid + 1 "
            "WHERE rejected.rowid > (SELECT max(rowid) FROM audit_events) - ? "
            "AND rejected.action = 'install-rejected' AND rejected.target = ? "
            "AND blocked.action = 'watcher-block' AND blocked.target = ? "
            "ORDER BY blocked.rowid DESC LIMIT 1",
            (_RECENT, target, name),
        ).fetchone()
        return row is not None and moment(row["timestamp"], _NEVER) >= since


def _object(text: object) -> Mapping[str, object]:
    try:
        found = json.loads(str(text or "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
