"""What a pushed scan or finding was of, read from the gateway's database where it is on this host.

HEAD pushes both without the name of what was scanned; the scan's row has it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import batched
from pathlib import Path
from typing import Final

from audit.importing import gateway_registry_and_seal_keys
from audit.importing.source_row_identity import SourceRow

_ASKED: Final = 500  # scans in one query
_LOCKED_S: Final = 1.0
_READ_S: Final = 3.0
"""So long one look may take: a view in the database can keep SQLite busy for ever."""


def with_targets(rows: Sequence[SourceRow], instance: str) -> list[SourceRow]:
    """The rows, with the target of their scan where they do not name it and the database does."""
    wanted = {row.text("scan_id") for row in rows if _lacks_target(row)}
    if not wanted:
        return list(rows)
    found = _targets(gateway_registry_and_seal_keys.database_of(instance), wanted)
    return [_joined(row, found) for row in rows]


def _joined(row: SourceRow, found: dict[str, str]) -> SourceRow:
    target = found.get(row.text("scan_id")) if _lacks_target(row) else None
    return replace(row, joined={**row.joined, "target": target}) if target else row


def _lacks_target(row: SourceRow) -> bool:
    return bool(row.text("scan_id")) and not row.text("target")


def _targets(path: Path | None, scans: Iterable[str]) -> dict[str, str]:
    """The targets of those scans that the database has; nothing where it cannot be read now."""
    if path is None:
        return {}
    uri = f"{path.resolve().as_uri()}?mode=ro"
    found: dict[str, str] = {}
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_LOCKED_S)) as database:
            ends = time.monotonic() + _READ_S
            database.set_progress_handler(lambda: time.monotonic() > ends, 10_000)
            database.execute("PRAGMA query_only=ON")
            for some in batched(scans, _ASKED):
                marks = ", ".join("?" * len(some))
                statement = f"SELECT id, target FROM scan_results WHERE id IN ({marks})"  # noqa: S608 - fixed names
                rows = database.execute(statement, some)
                found |= {str(id): target for id, target in rows if isinstance(target, str)}
    except sqlite3.Error:
        return found
    return found
