"""The settings that a gateway reports in `/status` and `/health`, named keys only.

It may report what was in force when it started: `guardrail disable` without a restart leaves both
as they were. 0.2.0 has passwords in these answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from enforcement.posture.settings_catalogue import (
    BEYOND,
    MOST_CHARACTERS,
    MOST_LISTED,
    OFF,
    ON,
    destination_names,
)

_STATES: Final = {"running": ON, "disabled": OFF, "stopped": OFF}
_MODES: Final = frozenset({"action", "observe"})


def settings_in(status: Mapping[str, Any], mode_of_020: str = "") -> dict[str, Any]:
    """`values` by setting, and the families that it lists whole (`lists`), as `Watch.posture`
    keeps them."""
    health = _mapping(status.get("health"))
    values: dict[str, str] = {}
    lists: list[str] = []
    provenance = _mapping(status.get("provenance")) or _mapping(health.get("provenance"))
    _put(values, "version", provenance.get("binary_version"))
    for setting, part in (("guardrail", "guardrail"), ("watcher", "watcher")):
        _put(values, setting, _STATES.get(str(_mapping(health.get(part)).get("state"))))
    if "managed" in health:
        managed = str(_mapping(health["managed"]).get("state"))
        values["managed"] = ON if managed == "running" else OFF
    watcher = _mapping(_mapping(health.get("watcher")).get("details"))
    for kind in ("skill", "plugin", "mcp"):
        _put(values, f"take_action.{kind}", _switch(watcher.get(f"{kind}_take_action")))
    _agents(status, mode_of_020, values, lists)
    _destinations(health, values, lists)
    return {"values": values, "lists": lists}


def _agents(
    status: Mapping[str, Any], mode_of_020: str, values: dict[str, str], lists: list[str]
) -> None:
    modes = status.get("connector_modes")
    if not isinstance(modes, list):
        if mode_of_020 in _MODES:
            values["mode.openclaw"] = mode_of_020
        return
    lists.append("mode")
    if len(modes) > MOST_LISTED:
        values[f"mode.{BEYOND}"] = "observe"
    for one in map(_mapping, modes[:MOST_LISTED]):
        name = str(one.get("connector") or "")
        mode = one.get("guardrail_mode") or one.get("mode")
        if mode not in _MODES or one.get("enabled") is False:
            continue
        _put(values, f"mode.{name}", mode)
        _put(values, f"fail_mode.{name}", one.get("hook_fail_mode"))


def _destinations(health: Mapping[str, Any], values: dict[str, str], lists: list[str]) -> None:
    """HEAD lists destinations under `telemetry`, 0.8.4 under `sinks`, 0.2.0 has `splunk` alone."""
    telemetry = _mapping(_mapping(health.get("telemetry")).get("details"))
    _put(values, "retention_days", telemetry.get("retention_days"))
    found = telemetry.get("destinations")
    if isinstance(found, list):
        lists.append("destination")
    elif "sinks" in health:
        found = _mapping(_mapping(health["sinks"]).get("details")).get("sinks", [])
        lists.append("destination")
    elif "splunk" in health:
        state = _mapping(health["splunk"]).get("state")
        found = [{"name": "splunk", "enabled": state != "disabled"}]
    listed = [
        (_name(one), one.get("enabled") is True, "")
        for one in map(_mapping, found if isinstance(found, list) else [])
        if one.get("kind") != "sqlite"  # HEAD's database, which is no destination of the file
    ]
    if len(listed) > MOST_LISTED:
        values[f"destination.{BEYOND}"] = ON
    for name, on, _ in destination_names(listed[:MOST_LISTED]):
        values[f"destination.{name}"] = ON if on else OFF


def _name(destination: Mapping[str, Any]) -> str:
    scope = str(destination.get("scope") or "global")
    of_agent = "" if scope == "global" else f"{scope.removeprefix('connector:')}/"
    return f"{of_agent}{destination.get('name')}"


def _put(values: dict[str, str], setting: str, value: object) -> None:
    """Keep a value that a baseline could name."""
    text = str(value) if type(value) in {str, int} else ""
    plain = (setting + text).isascii() and (setting + text).isprintable()
    if text and plain and max(len(text), len(setting)) <= MOST_CHARACTERS:
        values[setting] = text


def _switch(flag: object) -> str | None:
    if flag in (True, "true"):
        return ON
    return OFF if flag in (False, "false") else None


def _mapping(said: object) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}
