"""The settings of a gateway that a baseline can name, and which changes of them weaken it.

A setting is a family such as `guardrail`, or a family and a name such as `mode.codex`. Values are
short texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from enforcement.effects.gateway_facts import agent_label

ABSENT: Final = "absent"
"""Of something that a complete list of the gateway does not have."""
ON, OFF = "on", "off"
INSTALLED, NOT_INSTALLED = "installed", "not installed"
FOUND, NOT_FOUND = "found", "not found"
NAME: Final = re.compile(r"[a-z_]{1,24}(?:\.[ -~]{1,120})?")
MOST_SETTINGS: Final = 300
MOST_CHARACTERS: Final = 120
MOST_LISTED: Final = 150
"""So many agents, programs and destinations of one gateway are compared."""
BEYOND: Final = f"beyond the first {MOST_LISTED}"
"""Stands for those that are not: it differs from every baseline, and no baseline can name it."""
_MOST_OF_A_NAME: Final = 99  # with family and number still a setting
_GOOD: Final = frozenset({ON, INSTALLED, FOUND})
_SWITCH: Final = (ON, OFF)


@dataclass(frozen=True, slots=True)
class Family:
    """`label` has a `{}` where the setting has a name. `listed`: one that the baseline does not
    name, and that is there, is a difference."""

    label: str
    values: tuple[str, ...] = ()
    listed: bool = False


FAMILIES: Final[Mapping[str, Family]] = {
    "version": Family("Version"),
    "guardrail": Family("Guardrail", _SWITCH),
    "mode": Family("Mode of {}", ("action", "observe", ABSENT), listed=True),
    "fail_mode": Family("Hook of {} when the gateway is down", ("closed", "open")),
    "hook": Family("Hook of {}", (INSTALLED, NOT_INSTALLED)),
    "hook_scripts": Family("Hook scripts of {}"),
    "take_action": Family("take_action for {}", _SWITCH),
    "watcher": Family("Watching of folders", _SWITCH),
    "auto_block": Family("Automatic blocks", _SWITCH),
    "judge": Family("Judge of the guardrail", _SWITCH),
    "scanner_mode": Family("Scanner mode"),
    "scanner": Family("Program {}", (FOUND, NOT_FOUND)),
    "destination": Family("Destination {}", (ON, OFF, ABSENT), listed=True),
    "otel": Family("Telemetry destination {}", (ON, OFF, ABSENT), listed=True),
    "webhook": Family("Webhook {}", (ON, OFF, ABSENT), listed=True),
    "destination_host": Family("Host of destination {}"),
    "otel_host": Family("Host of telemetry destination {}"),
    "webhook_host": Family("Host of webhook {}"),
    "retention_days": Family("Days that rows are kept"),
    "managed": Family("Managed by the enterprise", _SWITCH),
    "config_file": Family("Content of config.yaml"),
}
_HEADINGS: Final[Mapping[str, str]] = {
    "mode": "{} mode",
    "fail_mode": "{} hook when the gateway is down",
    "hook": "{} hook",
    "hook_scripts": "{} hook scripts",
    "watcher": "Folder watching",
}
"""How tables name what a sentence names by its label. Labels are in signed sentences: they stay."""
_PLACES: Final = {family: place for place, family in enumerate(FAMILIES)}
_OF_AGENTS: Final = frozenset({"mode", "fail_mode", "hook", "hook_scripts"})
_HOSTS: Final = frozenset({"destination_host", "otel_host", "webhook_host"})
_DESTINATIONS: Final = frozenset({"destination", "otel", "webhook"})


def family_of(setting: str) -> Family | None:
    """The family of a setting; None where it is none that a gateway has."""
    if not NAME.fullmatch(setting):
        return None
    family, dot, _ = setting.partition(".")
    found = FAMILIES.get(family)
    return found if found is not None and bool(dot) == ("{}" in found.label) else None


def destination_names(found: Iterable[tuple[str, bool, str]]) -> list[tuple[str, bool, str]]:
    """Destinations (name, whether it is on, host) under names that none of them shares.

    A second `siem` is `siem #2`, what a setting cannot be named for is `unnamed`. What is on comes
    first, so that sources which list them in another order name them alike.
    """
    named = [(name if _is_name(name) else "unnamed", on, host) for name, on, host in found]
    unique: dict[str, tuple[bool, str]] = {}
    for name, on, host in sorted(named, key=lambda one: (one[0], not one[1], one[2])):
        number, free = 1, name
        while free in unique:
            number += 1
            free = f"{name} #{number}"
        unique[free] = (on, host)
    return [(name, on, host) for name, (on, host) in unique.items()]


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MOST_OF_A_NAME and text.isascii() and text.isprintable()


def label(setting: str) -> str:
    """`Mode of Codex`, as sentences name a setting."""
    family, _, name = setting.partition(".")
    found = FAMILIES.get(family)
    if found is None:
        return setting
    return found.label.format(agent_label(name) if family in _OF_AGENTS else name)


def heading(setting: str) -> str:
    """`Codex mode`, as a table names it."""
    family, _, name = setting.partition(".")
    found = _HEADINGS.get(family)
    return found.format(agent_label(name)) if found else label(setting)


def agent_of(setting: str) -> str:
    """`Codex`, the agent that a setting is about; empty where it is about the gateway."""
    family, _, name = setting.partition(".")
    return agent_label(name) if family in _OF_AGENTS else ""


def order(setting: str) -> tuple[int, str]:
    """Sorts settings as the catalogue has them."""
    family = setting.partition(".")[0]
    return (_PLACES.get(family, len(_PLACES)), setting)


def is_valid(setting: str, value: str) -> bool:
    """Whether a baseline may name this value."""
    found = family_of(setting)
    if (
        found is None
        or setting.endswith(f".{BEYOND}")
        or not value.isascii()
        or not value.isprintable()
    ):
        return False
    return 0 < len(value) <= MOST_CHARACTERS and (not found.values or value in found.values)


def expected(baseline: Mapping[str, str], setting: str) -> str | None:
    """What a baseline says about a setting; None where it does not judge it."""
    named = baseline.get(setting)
    found = family_of(setting)
    if named is None and found is not None and found.listed:
        return ABSENT
    return named


def weakens(setting: str, approved: str, seen: str) -> bool:
    """Whether a gateway protects less, or shows less, with `seen` than with `approved`."""
    family = setting.partition(".")[0]
    if approved == seen:
        return False
    if family == "mode":
        return approved == "action" or seen == ABSENT
    if family == "fail_mode":
        return approved == "closed"
    if family == "managed":
        return seen == ON
    if family == "retention_days":
        return _is_shorter(seen, approved)
    if family in _HOSTS:
        return approved != ABSENT
    return approved in _GOOD


def sends_out(setting: str, value: str) -> bool:
    """Whether that is a destination that gets data of the gateway, or the host of one."""
    family = setting.partition(".")[0]
    return family in _HOSTS or (family in _DESTINATIONS and value == ON)


def is_weak(setting: str, value: str) -> bool:
    """Whether another value of the same setting protects or shows more."""
    found = family_of(setting)
    better = found.values if found else ()
    return any(weakens(setting, one, value) for one in better)


def _is_shorter(days: str, than: str) -> bool:
    """0 days mean without end."""
    if not days.isdecimal() or not than.isdecimal():
        return False
    return int(days) != 0 and (int(than) == 0 or int(days) < int(than))
