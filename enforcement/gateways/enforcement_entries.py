"""The entries about one thing at one gateway: its `actions` table, else its lists over REST.

The lists do not say for which agent an entry is, nor what is disabled or in quarantine.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from enforcement.audit_database.open_read_only import columns_of, connected
from enforcement.effects.gateway_facts import IN_LISTS, Entry
from enforcement.gateways import attempt_tags
from enforcement.gateways.attempt_tags import ALLOW, BLOCK
from enforcement.gateways.client import Listed

_FIELDS = ("install", "file", "runtime")


@dataclass(frozen=True, slots=True)
class KnownEntries:
    """`entries` is None where they are not known, and `unread` says why."""

    entries: tuple[Entry, ...] | None
    unread: str = ""
    source: str = IN_LISTS


def in_database(path: Path, kind: str, name: str) -> tuple[Entry, ...]:
    """The rows of `actions` about a thing, those of single agents included.

    Raises:
        SourceUnreadable: the database cannot be read now.
    """
    with connected(path) as source:
        return _about(source, kind, name)


def all_in_database(
    path: Path, things: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[Entry, ...]]:
    """As `in_database`, of several things by kind and name. Raises SourceUnreadable."""
    with connected(path) as source:
        return {thing: _about(source, *thing) for thing in things}


def _about(source: sqlite3.Connection, kind: str, name: str) -> tuple[Entry, ...]:
    columns = columns_of(source, "actions")
    connector = "connector" if "connector" in columns else "''"
    rows = source.execute(
        f"SELECT target_name, {connector}, actions_json, source_path FROM actions "  # noqa: S608 - fixed names
        "WHERE target_type = :kind AND (target_name = :name OR (:kind = 'tool' AND target_name "
        "LIKE '@%' AND substr(target_name, -length(:name) - 1) = '/' || :name))",
        {"kind": kind, "name": name},
    ).fetchall()
    recorded = _is_in_quarantine(source, kind, name) if rows else None
    return tuple(_entry(row, recorded) for row in rows)


def _is_in_quarantine(source: sqlite3.Connection, kind: str, name: str) -> bool | None:
    """Whether a record says so, which a restore deletes. Where no records are kept, False where an
    act since the last quarantine let the files come back, and None where none did."""
    columns = columns_of(source, "quarantine_records")
    if not {"target_type", "target_name", "state"} <= columns:
        return False if _may_be_back(source, kind, name) else None
    active = source.execute(
        "SELECT 1 FROM quarantine_records "
        "WHERE target_type = ? AND target_name = ? AND state = 'active' LIMIT 1",
        (kind, name),
    )
    return active.fetchone() is not None


def _may_be_back(source: sqlite3.Connection, kind: str, name: str) -> bool:
    """Whether the audit log of 0.2.0 or 0.8.4 has an unblock, allow or restore of a skill or plugin
    behind its last quarantine: the mark of that stays, and a later block moves no installed files.
    """
    if kind not in {"skill", "plugin"}:
        return False
    columns = columns_of(source, "audit_events")
    if not {"action", "target", "details"} <= columns:
        return False
    lifted, moved = source.execute(
        "SELECT max(CASE WHEN action IN ('api-enforce-unblock', 'api-enforce-allow', "
        ":kind || '-unblock', :kind || '-allow', :kind || '-restore') THEN rowid END), "
        "max(CASE WHEN action IN ('watcher-block', 'quarantine', :kind || '-quarantine') "
        "OR details LIKE '%reason=blocked%' THEN rowid END) FROM audit_events "
        "WHERE action IN ('api-enforce-unblock', 'api-enforce-allow', :kind || '-unblock', "
        ":kind || '-allow', :kind || '-restore', 'watcher-block', 'quarantine', "
        ":kind || '-quarantine', 'install-rejected') AND (target = :name OR "
        "substr(target, -length(:name) - 1) = '/' || :name) "
        "AND (action NOT LIKE 'api-enforce-%' OR details LIKE 'type=' || :kind || '%')",
        {"kind": kind, "name": name},
    ).fetchone()
    return lifted is not None and (moved is None or lifted > moved)


def _entry(row: sqlite3.Row, recorded: bool | None) -> Entry:
    try:
        said = json.loads(row[2])
    except (ValueError, TypeError):
        said = None
    if not isinstance(said, dict):
        return Entry(str(row[0]), str(row[1] or ""), "", None, None)
    install, file, runtime = (str(said.get(one) or "") for one in _FIELDS)
    path = str(row[3] or "")
    return Entry(str(row[0]), str(row[1] or ""), install, file, runtime, recorded, path=path)


def in_lists(
    kind: str,
    name: str,
    blocked: Iterable[Listed],
    allowed: Iterable[Listed],
    *,
    instance: str,
    one_agent: bool,
) -> KnownEntries:
    """What the lists of an instance say. An entry counts for all agents where this portal wrote it,
    or where there is but one agent. Tools of single agents are listed as `@codex/Bash`."""
    lines = [("block", BLOCK, one) for one in blocked] + [("allow", ALLOW, one) for one in allowed]
    about = [line for line in lines if line[2].kind == kind and _is_about(line[2], name)]
    for_all = [line for line in about if line[2].name == name]
    if len({install for install, _, _ in for_all}) > 1:
        return KnownEntries(None, "its lists name it as blocked and as allowed, for one agent each")
    ours = all(attempt_tags.is_of_this_portal(one, instance, action) for _, action, one in for_all)
    if not ours and not one_agent and kind != "tool":
        return KnownEntries(None, "its lists do not say for which agent it is")
    found = {one.name: Entry(one.name, "", install, None, None) for install, _, one in about}
    return KnownEntries(tuple(({name: Entry(name, "", "", None, None)} | found).values()))


def _is_about(listed: Listed, name: str) -> bool:
    own = listed.kind == "tool" and listed.name.startswith("@")
    return listed.name == name or (own and listed.name.endswith(f"/{name}"))
