"""The gateway's entries of one component: what they have, and what a command changed in them."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ata.outpost.audit_database import opened
from ata.outpost.commands.command_journal_queries import Added, Place
from ata.outpost.commands.signed_command import TargetKey
from ata.outpost.reported_fields import cell

type Rows = list[dict[str, Any]]
DIMENSIONS: Final = ("install", "file", "runtime")
_UNSET: Final = ("", "none", "enable")
_STOPPED: Final = {"install": "block", "file": "quarantine", "runtime": "disable"}
_TAG: Final = re.compile(r"\[ATA ([^\[\]]+)\]")
_HOLD: Final = re.compile(r"(\[ATA [^\]]+\] )?ATA hold ")


class EntriesUnreadable(Exception):
    """The gateway's database cannot be read now."""


def read(data: Path, target: TargetKey) -> Rows:
    """The rows of `actions` of a component.

    Raises:
        EntriesUnreadable.
    """
    try:
        with opened(data / "audit.db") as database:
            rows = database.entries_of(*target)
    except (sqlite3.Error, OSError) as error:
        raise EntriesUnreadable(str(error)) from error
    return [{name: cell(value) for name, value in one.items()} for one in rows]


def values(rows: Iterable[Mapping[str, Any]]) -> dict[Place, str]:
    """What is set where; several rows of one agent do not occur."""
    found: dict[Place, str] = {}
    for row in rows:
        set_here = _actions(row)
        for dimension in DIMENSIONS:
            value = set_here.get(dimension)
            if isinstance(value, str) and value not in _UNSET:
                found[str(row.get("connector") or ""), dimension] = value
    return found


def reason_of(rows: Iterable[Mapping[str, Any]], agent: str) -> str:
    """The reason of an agent's row; the row of all agents has the agent ""."""
    for row in rows:
        if str(row.get("connector") or "") == agent:
            return str(row.get("reason") or "")
    return ""


def found_of_portal(rows: Rows) -> dict[Place, Added]:
    """What reads as the portal's from before this journal; of which request is not known."""
    found: dict[Place, Added] = {}
    for place, value in values(rows).items():
        reason = reason_of(rows, place[0])
        tag = _TAG.search(reason)
        if tag and _STOPPED.get(place[1]) == value:
            act = "hold" if _HOLD.match(reason) else "block"
            found[place] = Added(value, act, "", tag[1])
    return found


def added(
    before: Rows | None, after: Rows, tags: Iterable[str], ours: Container[Place]
) -> list[tuple[str, str, str, str]]:
    """What stands now with one of these tags and did not before, or was put there by an earlier
    command of ours: agent, dimension, value, tag. Where nobody knows what stood before, nothing
    counts as new."""
    now = values(after)
    was = now if before is None else values(before)
    found: list[tuple[str, str, str, str]] = []
    for place, value in now.items():
        reason = reason_of(after, place[0])
        tag = next((one for one in tags if tagged(one) in reason), "")
        if tag and (was.get(place) != value or place in ours):
            found.append((*place, value, tag))
    return found


def tagged(tag: str) -> str:
    """How a reason names the decision."""
    return f"[ATA {tag}]"


def _actions(row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found = json.loads(str(row.get("actions_json") or "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
