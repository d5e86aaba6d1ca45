"""Whether the files of a skill or plugin lie in DefenseClaw's quarantine: what the end of a hold or
block leaves there, and no entry of its lists shows.

HEAD keeps a record of each, which a restore deletes. Older generations have rows of their audit log
alone: a watcher that finds the folder of a blocked thing moves it, and marks no entry.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from enforcement.audit_database.open_read_only import columns_of, connected

KINDS: Final = frozenset({"skill", "plugin"})


def lie_there(path: Path, kind: str, name: str) -> bool:
    """Whether they were moved there, and no restore was recorded since.

    Raises:
        SourceUnreadable: the database cannot be read now.
    """
    if kind not in KINDS:
        return False
    with connected(path) as source:
        records = columns_of(source, "quarantine_records")
        if {"target_type", "target_name", "state"} <= records:
            return _has_record(source, kind, name)
        found = {"action", "target", "details"} <= columns_of(source, "audit_events")
        return found and _were_moved_last(source, kind, name)


def _has_record(source: sqlite3.Connection, kind: str, name: str) -> bool:
    found = source.execute(
        "SELECT 1 FROM quarantine_records "
        "WHERE target_type = ? AND target_name = ? AND state = 'active' LIMIT 1",
        (kind, name),
    )
    return found.fetchone() is not None


# All actions stand in one list, so that the gateway's own index of actions serves.
MOVES: Final = (
    "SELECT max(CASE WHEN action <> :kind || '-restore' THEN rowid END), "
    "max(CASE WHEN action = :kind || '-restore' THEN rowid END) FROM audit_events "
    "WHERE action IN (:kind || '-quarantine', :kind || '-restore', 'quarantine', "
    "'install-rejected') AND CASE WHEN action = 'install-rejected' "
    "AND coalesce(details, '') NOT LIKE '%reason=blocked%' THEN 0 "
    "WHEN action IN ('quarantine', 'install-rejected') "
    "THEN substr(target, -length(:folder)) = :folder ELSE target = :name END"
)
"""The last row that moved the files, and the last that restored them. A row of the watcher names
the folder, one of the command line the name."""


def _were_moved_last(source: sqlite3.Connection, kind: str, name: str) -> bool:
    asked = {"kind": kind, "name": name, "folder": f"/{kind}s/{name}"}
    moved, restored = source.execute(MOVES, asked).fetchone()
    return moved is not None and (restored is None or moved > restored)
