"""The settings that an outpost read on the gateway's host (`ata/outpost/gateway_facts.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from enforcement.posture.settings_catalogue import (
    BEYOND,
    FOUND,
    INSTALLED,
    MOST_CHARACTERS,
    MOST_LISTED,
    NOT_FOUND,
    NOT_INSTALLED,
    OFF,
    ON,
    destination_names,
)

_DESTINATIONS: Final = ("destination", "otel", "webhook")
_AS_WRITTEN: Final = {
    "scanner_mode": "guardrail.scanner_mode",
    "retention_days": "observability.local.retention_days",
    "config_file": "sha256",
}
_SWITCHES: Final = {
    "guardrail": "guardrail.enabled",
    "judge": "guardrail.judge.enabled",
    "watcher": "gateway.watcher.enabled",
    "auto_block": "watch.auto_block",
    "take_action.skill": "gateway.watcher.skill.take_action",
    "take_action.plugin": "gateway.watcher.plugin.take_action",
    "take_action.mcp": "gateway.watcher.mcp.take_action",
}


def settings_in(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """`values` by setting, and the families that it lists whole (`lists`). What the file does not
    name has DefenseClaw's default, which is not known here."""
    config = config or {}
    values: dict[str, str] = {}
    lists: list[str] = []
    for setting, key in _AS_WRITTEN.items():
        _put(values, setting, config.get(key))
    for setting, key in _SWITCHES.items():
        if isinstance(flag := config.get(key), bool):
            values[setting] = ON if flag else OFF
    if config.get("deployment_mode"):
        values["managed"] = ON if config["deployment_mode"] == "managed_enterprise" else OFF
    _modes(config, values, lists)
    for name, found in _named(config.get("scanners")):
        _put(values, f"scanner.{name}", FOUND if found is True else NOT_FOUND)
    _hooks(config, values, lists)
    _destinations(config.get("destinations"), values, lists)
    return {"values": values, "lists": lists}


def _modes(config: Mapping[str, Any], values: dict[str, str], lists: list[str]) -> None:
    """An agent without a mode has that of the guardrail."""
    whole = config.get("guardrail.mode")
    modes = config.get("modes")
    if isinstance(modes, Mapping):
        lists.append("mode")
        for name, mode in _named(modes):
            _put(values, f"mode.{name}", mode or whole)
        if len(modes) > MOST_LISTED:
            values[f"mode.{BEYOND}"] = "observe"
    elif first := config.get("guardrail.connector"):
        _put(values, f"mode.{first}", whole)


def _hooks(config: Mapping[str, Any], values: dict[str, str], lists: list[str]) -> None:
    hooks = config.get("hooks")
    if not isinstance(hooks, Mapping):
        return
    lists.append("hook")
    for name, one in _named(hooks):
        if isinstance(one, Mapping):
            installed = one.get("installed") is True
            _put(values, f"hook.{name}", INSTALLED if installed else NOT_INSTALLED)
            _put(values, f"hook_scripts.{name}", one.get("scripts"))
            _put(values, f"fail_mode.{name}", one.get("fail_mode"))
    if len(hooks) > MOST_LISTED:
        values[f"hook.{BEYOND}"] = NOT_INSTALLED


def _destinations(found: object, values: dict[str, str], lists: list[str]) -> None:
    if not isinstance(found, list):
        return
    lists += _DESTINATIONS
    read = [one for one in found if isinstance(one, Mapping)]
    for family in _DESTINATIONS:
        listed = [
            (str(one.get("name")), one.get("enabled") is True, str(one.get("host") or ""))
            for one in read
            if one.get("family") == family
        ]
        if len(listed) > MOST_LISTED:
            values[f"{family}.{BEYOND}"] = ON
        for name, on, host in destination_names(listed[:MOST_LISTED]):
            values[f"{family}.{name}"] = ON if on else OFF
            _put(values, f"{family}_host.{name}", host)


def _named(found: object) -> list[tuple[str, Any]]:
    """By name: the same ones are listed on each engine, whatever order it keeps of keys."""
    items = sorted(found.items())[:MOST_LISTED] if isinstance(found, Mapping) else []
    return [(str(name), value) for name, value in items]


def _put(values: dict[str, str], setting: str, value: object) -> None:
    text = str(value) if type(value) in {str, int} else ""
    plain = (setting + text).isascii() and (setting + text).isprintable()
    if text and plain and max(len(text), len(setting)) <= MOST_CHARACTERS:
        values[setting] = text
