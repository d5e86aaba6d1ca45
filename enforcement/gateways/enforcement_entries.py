"""The entries about one thing at one gateway: its `actions` table, else its lists over REST.

The lists do not say for which agent an entry is, nor what is disabled or in quarantine.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from enforcement.audit_database.open_read_only import connected
from enforcement.effects.gateway_facts import Entry
from enforcement.gateways.attempt_tags import HOLD_MARK
from enforcement.gateways.client import Listed

_OURS = (HOLD_MARK, "[ATA ")
_FIELDS = ("install", "file", "runtime")


@dataclass(frozen=True, slots=True)
class KnownEntries:
    """`entries` is None where they are not known, and `unread` says why."""

    entries: tuple[Entry, ...] | None
    unread: str = ""


def in_database(path: Path, kind: str, name: str) -> tuple[Entry, ...]:
    """The rows of `actions` about a thing, those of single agents included.

    Raises:
        SourceUnreadable: the database cannot be read now.
    """
    with connected(path) as source:
        columns = {row[1] for row in source.execute("PRAGMA table_info(actions)")}
        connector = "connector" if "connector" in columns else "''"
        recorded = _is_in_quarantine(source, kind, name)
        rows = source.execute(
            f"SELECT target_name, {connector}, actions_json FROM actions "  # noqa: S608
            "WHERE target_type = :kind AND (target_name = :name OR (:kind = 'tool' AND target_name "
            "LIKE '@%' AND substr(target_name, -length(:name) - 1) = '/' || :name))",
            {"kind": kind, "name": name},
        )
        return tuple(_entry(row, recorded) for row in rows)


def _is_in_quarantine(source: sqlite3.Connection, kind: str, name: str) -> bool | None:
    """Whether a record says so, which a restore deletes; None where no records are kept."""
    columns = {row[1] for row in source.execute("PRAGMA table_info(quarantine_records)")}
    if not {"target_type", "target_name", "state"} <= columns:
        return None
    active = source.execute(
        "SELECT 1 FROM quarantine_records "
        "WHERE target_type = ? AND target_name = ? AND state = 'active' LIMIT 1",
        (kind, name),
    )
    return active.fetchone() is not None


def _entry(row: sqlite3.Row, recorded: bool | None) -> Entry:
    try:
        said = json.loads(row[2])
    except (ValueError, TypeError):
        said = None
    if not isinstance(said, dict):
        return Entry(str(row[0]), str(row[1] or ""), "", None, None)
    install, file, runtime = (str(said.get(one) or "") for one in _FIELDS)
    return Entry(str(row[0]), str(row[1] or ""), install, file, runtime, recorded)


def in_lists(
    kind: str, name: str, blocked: Iterable[Listed], allowed: Iterable[Listed], *, one_agent: bool
) -> KnownEntries:
    """What the lists say. An entry counts for all agents where a portal wrote it, or where there
    is but one agent."""
    block = [one for one in blocked if (one.kind, one.name) == (kind, name)]
    allow = [one for one in allowed if (one.kind, one.name) == (kind, name)]
    if block and allow:
        return KnownEntries(None, "its lists name it as blocked and as allowed, for one agent each")
    listed = [*block, *allow]
    if listed and not one_agent and not all(one.reason.startswith(_OURS) for one in listed):
        return KnownEntries(None, "its lists do not say for which agent it is")
    install = "block" if block else "allow" if allow else ""
    return KnownEntries((Entry(name, "", install, None, None),))
