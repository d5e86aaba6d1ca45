"""Kind and name of what a DefenseClaw scanner looked at, from the scanner and its target."""

from __future__ import annotations

import re
from typing import Final

from audit.importing.mapping.targets import plain_scanner
from audit.ledger.format import truncation
from enforcement.component_kinds import CALL, SCANNED

_LONGEST_NAME: Final = 300
_OF_CODE: Final = "codeguard"
_OF_CALLS: Final = frozenset(
    {
        "hook-rules",
        "asset-policy",
        "correlator",
        "inspect-http",
        "tool-call-inspect",
        "inline-codeguard",
        "ai-defense",
        "guardrail-llm",
        "mid-stream",
    }
)
"""What checks calls of agents, not things on disk (DefenseClaw `scanner/target_type.go`)."""
_OF_WINDOWS = re.compile(r"[A-Za-z]:\\|\\\\")
"""How a path of Windows begins; elsewhere a backslash is a character of a name."""
_AGENT = re.compile(r"([A-Za-z0-9_-]{1,60}):")
_OF_AGENT = re.compile(r"mcp://[^/]+/(.+)", re.DOTALL)


def asset_of(scanner: str, target: str) -> tuple[str, str]:
    """Kind and name of what was scanned: a skill or plugin is named by its folder, a server as
    agents name it."""
    plain = plain_scanner(scanner).removeprefix("defenseclaw-")
    if plain in _OF_CALLS:
        return CALL, short_name(target)
    kind = next((k for k in SCANNED if plain.startswith(k)), "code")
    if kind == "mcp":  # one server has a row for each agent that has it, and one without an agent
        of_agent = _OF_AGENT.fullmatch(target)
        return kind, short_name(of_agent[1] if of_agent else target)
    plain = target.replace("\\", "/") if _OF_WINDOWS.match(target) else target
    return kind, short_name(plain.rstrip("/").rpartition("/")[2] or target)


def agent_of(kind: str, target: str) -> str:
    """Whose call was checked: `codex` of `codex:PreToolUse`; empty where no agent is named."""
    named = _AGENT.match(target) if kind == CALL else None
    return named[1] if named else ""


def is_of_code(scanner: str) -> bool:
    """Whether it is a scanner of code, in which no gateway can hold anything."""
    return plain_scanner(scanner).startswith(_OF_CODE)


def short_name(name: str) -> str:
    """A name of at most 300 characters: of a longer one its start, length and SHA-256.

    No other name gives the same: one that is called like that is given a label as well.
    """
    if len(name) <= _LONGEST_NAME and truncation.MARK not in name:
        return name
    label = truncation.label(name)
    return name[: _LONGEST_NAME - len(label)] + label
