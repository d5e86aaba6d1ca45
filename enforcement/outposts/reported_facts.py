"""What an outpost read at its gateway, as effects are concluded from it: entries and settings.

Of agents it names those that `config.yaml` has, and whether their settings call its hooks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from enforcement.effects.gateway_facts import V020, Agent, Entry, tool_of_agent
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.models import Outpost

_MODES: Final = frozenset({"observe", "action"})
_TAG: Final = re.compile(r"\[ATA [^\[\]]+\]")
_HOLD: Final = re.compile(r"(\[ATA [^\]]+\] )?ATA hold ")
_FOLDERS: Final = {"skill": "skills/", "plugin": "plugins/"}
_MOST_NAMES: Final = 5_000
"""More names an outpost does not report."""
_FIELDS: Final = ("install", "file", "runtime")


def entries_about(rows: Iterable[Mapping[str, Any]], kind: str, name: str) -> tuple[Entry, ...]:
    """The rows of DefenseClaw's `actions` about a thing, those of single agents included."""
    about = (row for row in rows if row.get("target_type") == kind and _is_about(row, kind, name))
    return tuple(_entry(row) for row in about)


def in_quarantine(names: Collection[str] | None, kind: str, name: str) -> frozenset[str] | None:
    """The agents whose copy of a skill or plugin lies in the quarantine folder, by the names that
    an outpost reported: `skills/codex/pdf`, and `skills/pdf` ("") where no agent is named. None
    where the folder was not read, or not to its end."""
    if names is None or kind not in _FOLDERS:
        return None
    found = [one.split("/") for one in names if one.startswith(_FOLDERS[kind])]
    mine = frozenset("/".join(path[1:-1]) for path in found if path[-1] == name)
    return mine if mine or len(names) < _MOST_NAMES else None


def installs(rows: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """How many of the rows block, and how many allow."""
    found = [_entry(row).install for row in rows]
    return found.count("block"), found.count("allow")


def _is_about(row: Mapping[str, Any], kind: str, name: str) -> bool:
    found = str(row.get("target_name", ""))
    return found == name or (kind == "tool" and tool_of_agent("", kind, found)[1] == name)


def _entry(row: Mapping[str, Any]) -> Entry:
    name, connector = str(row.get("target_name", "")), str(row.get("connector") or "")
    try:
        said = json.loads(str(row.get("actions_json")))
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return Entry(name, connector, "", None, None)
    install, file, runtime = (str(said.get(field) or "") for field in _FIELDS)
    return Entry(name, connector, install, file, runtime, ours=_ours(str(row.get("reason") or "")))


def _ours(reason: str) -> str:
    """Whose entry it is by its reason, as an outpost judges it without its journal."""
    if not _TAG.search(reason):
        return ""
    return "hold" if _HOLD.match(reason) else "block"


def settings_of(outpost: Outpost, config: Mapping[str, Any] | None) -> ReportedSettings:
    """Settings of the gateway next to an outpost, as its configuration has them."""
    said = config or {}
    if outpost.generation == V020:
        only = Agent("openclaw", _mode(said.get("guardrail.mode")), watched=True)
        return ReportedSettings(outpost.generation, (only,), managed=False)
    primary, general = said.get("guardrail.connector"), _mode(said.get("guardrail.mode"))
    modes = said.get("modes")
    named = dict(modes) if isinstance(modes, dict) else {}
    if isinstance(primary, str) and primary:
        named.setdefault(primary, general)
    agents = tuple(
        Agent(
            str(name),
            _mode(mode) or general,
            watched=name == primary if primary else None,
            hook=_is_hooked(said.get("hooks"), name),
        )
        for name, mode in sorted(named.items())  # PostgreSQL keeps no order of keys
    )
    managed = said.get("deployment_mode") == "managed_enterprise" if said else None
    return ReportedSettings(outpost.generation, agents, managed)


def _is_hooked(hooks: object, agent: object) -> bool | None:
    """None where the outpost does not report hooks. The gateway's list has no agent whose hooks it
    took out."""
    if not isinstance(hooks, Mapping):
        return None
    found = hooks.get(agent)
    return isinstance(found, Mapping) and found.get("installed") is True


def _mode(said: object) -> str | None:
    return said if isinstance(said, str) and said in _MODES else None
