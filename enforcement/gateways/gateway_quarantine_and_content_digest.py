"""What a gateway did about a scanned thing itself, and the digest of what it scanned.

With `take_action` on, DefenseClaw quarantines and disables before the row of the scan is there. Its
`actions` table has both; not so after a plain `init` of 0.2.0, where rows of the watcher show it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Set
from typing import Final

_RECENT: Final = 5_000
"""So many rows of the audit log before its end are looked at for a row of the watcher."""

Tables = Mapping[str, Set[str]]
"""Tables of the database, each with its columns; none where there is no such table."""


def done_by_gateway(
    db: sqlite3.Connection, tables: Tables, kind: str, name: str, target: str
) -> str:
    """`quarantined`, `disabled`, both or nothing: what the gateway did about this thing itself."""
    done = set[str]()
    if tables.get("actions"):
        rows = db.execute(
            "SELECT actions_json FROM actions WHERE target_type = ? AND target_name = ?",
            (kind, name),
        )
        for row in rows:
            found = _object(row["actions_json"])
            done |= {"quarantined"} if found.get("file") == "quarantine" else set()
            done |= {"disabled"} if found.get("runtime") == "disable" else set()
    if _record(db, tables, target) is not None or _watcher_acted(db, tables, name, target):
        done.add("quarantined")
    return " and ".join(sorted(done, reverse=True))


def content_digest(db: sqlite3.Connection, tables: Tables, scan: str, target: str) -> str:
    """The digest of the content that a scan looked at; empty where the database has none.

    A snapshot names its scan. The record of a quarantine names the folder that was moved. Both
    digests are made differently, so each says which it is.
    """
    if {"scan_id", "content_hash"} <= tables.get("target_snapshots", set()):
        row = db.execute(
            "SELECT content_hash FROM target_snapshots WHERE scan_id = ? LIMIT 1", (scan,)
        ).fetchone()
        if row is not None and row["content_hash"]:
            return f"snapshot:{row['content_hash']}"[:90]
    record = _record(db, tables, target)
    return f"quarantine:{record}"[:90] if record else ""


def _record(db: sqlite3.Connection, tables: Tables, target: str) -> str | None:
    """The digest in the newest record of a quarantine that stands for this folder."""
    if not {"original_path", "content_hash", "state"} <= tables.get("quarantine_records", set()):
        return None
    row = db.execute(
        "SELECT content_hash FROM quarantine_records WHERE original_path = ? AND state = 'active' "
        "ORDER BY rowid DESC LIMIT 1",
        (target.rstrip("/"),),
    ).fetchone()
    return str(row["content_hash"] or "") if row is not None else None


def _watcher_acted(db: sqlite3.Connection, tables: Tables, name: str, target: str) -> bool:
    """Whether the watcher rejected this very folder just now and then blocked it.

    Its two rows stand one behind the other, and the second has the name alone.
    """
    if not {"action", "target"} <= tables.get("audit_events", set()):
        return False
    row = db.execute(
        "SELECT 1 FROM audit_events rejected JOIN audit_events blocked "
        "ON blocked.rowid = rejected.rowid + 1 "
        "WHERE rejected.rowid > (SELECT max(rowid) FROM audit_events) - ? "
        "AND rejected.action = 'install-rejected' AND rejected.target = ? "
        "AND blocked.action = 'watcher-block' AND blocked.target = ? LIMIT 1",
        (_RECENT, target, name),
    ).fetchone()
    return row is not None


def _object(text: object) -> Mapping[str, object]:
    try:
        found = json.loads(str(text or "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
