"""The ways in which an agent uses a thing, and what at a gateway stops each of them.

By generation, kind and agent, as observed at real gateways (tests/gateways/observed). What was not
observed is `UNPROVEN`: its state is unknown once the entry that might stop it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from enforcement.effects.gateway_facts import HEAD, V020, V084


class Lever(StrEnum):
    """What stops a way of use."""

    INSTALL = "block"  # a block of the exact name; only in action mode, not in managed_enterprise
    RUNTIME = "disable"  # `runtime=disable`, in every mode
    FILES = "quarantine"  # the files are moved away
    NOTHING = "nothing"
    UNPROVEN_INSTALL = "block, never observed"
    UNPROVEN_RUNTIME = "disable, never observed"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of use. `words` follow "Claude Code's", `why` says why a block leaves it open."""

    code: str
    words: str
    lever: Lever
    why: str = ""


_NO_SERVER_NAME: Final = (
    "its call carries no server name that DefenseClaw matches (documented form, never recorded)"
)
_UNNAMED_SKILL: Final = (
    "0.8.4 looks at one only where its source is called skill; Claude Code was seen to name the "
    "settings that it is from"
)
_FILES: Final = Way("files", "reading of its files", Lever.FILES)
_TOOL: Final = Way("tool_call", "calls", Lever.INSTALL)
_MCP_CALL: Final = Way("tool_call", "tool calls", Lever.INSTALL)
_PLUGIN_COPY: Final = Way("plugin_copy", "copy inside a plugin", Lever.NOTHING)
_SKILL_TOOL: Final = Way("skill_tool", "Skill tool", Lever.RUNTIME)
_SKILL_SLASH: Final = Way("slash_command", "slash command", Lever.RUNTIME)

OF_OBSERVED_AGENTS: Final[dict[tuple[str, str, str], tuple[Way, ...]]] = {
    (V020, "skill", "openclaw"): (Way("use", "use of it", Lever.UNPROVEN_RUNTIME), _FILES),
    (V020, "plugin", "openclaw"): (Way("use", "use of it", Lever.UNPROVEN_RUNTIME), _FILES),
    (V020, "mcp", "openclaw"): (
        Way(
            "tool_call",
            "tool calls",
            Lever.NOTHING,
            "0.2.0 looks at an MCP server's entry only when it is registered or scanned",
        ),
    ),
    (V020, "tool", "openclaw"): (_TOOL,),
    (V084, "skill", "claudecode"): (
        _SKILL_TOOL,
        # Asked on 30 Nov 2026: block for the source `skill`, allow for `userSettings`, which HEAD's
        # own tests have as observed.
        Way("slash_command", "slash command", Lever.NOTHING, _UNNAMED_SKILL),
        _FILES,
    ),
    (V084, "skill", "codex"): (
        Way("named_prompt", "prompt that names it", Lever.UNPROVEN_RUNTIME),
        _FILES,
    ),
    (V084, "plugin", "claudecode"): (Way("slash_command", "slash command", Lever.RUNTIME), _FILES),
    (V084, "plugin", "codex"): (Way("tool_call", "tool calls", Lever.NOTHING), _FILES),
    (V084, "mcp", "claudecode"): (
        _MCP_CALL,
        Way("server_prompt", "server prompts", Lever.NOTHING),
        _PLUGIN_COPY,
    ),
    (V084, "mcp", "codex"): (_MCP_CALL,),
    (V084, "mcp", "openclaw"): (Way("tool_call", "tool calls", Lever.UNPROVEN_INSTALL),),
    (V084, "tool", "claudecode"): (_TOOL,),
    (V084, "tool", "codex"): (_TOOL,),
    (HEAD, "skill", "claudecode"): (_SKILL_TOOL, _SKILL_SLASH, _FILES),
    (HEAD, "skill", "codex"): (
        Way("named_prompt", "prompt that names it ($name)", Lever.RUNTIME),
        _FILES,
    ),
    (HEAD, "skill", "cursor"): (Way("use", "use of it", Lever.NOTHING), _FILES),
    (HEAD, "skill", "geminicli"): (Way("use", "use of it", Lever.NOTHING), _FILES),
    (HEAD, "plugin", "claudecode"): (
        Way("slash_command", "slash command", Lever.UNPROVEN_RUNTIME),
        _FILES,
    ),
    (HEAD, "plugin", "codex"): (Way("use", "use of it", Lever.NOTHING), _FILES),
    (HEAD, "plugin", "cursor"): (Way("use", "use of it", Lever.UNPROVEN_RUNTIME), _FILES),
    (HEAD, "plugin", "geminicli"): (Way("use", "use of it", Lever.UNPROVEN_RUNTIME), _FILES),
    (HEAD, "mcp", "claudecode"): (
        _MCP_CALL,
        Way("server_prompt", "server prompts", Lever.NOTHING),  # asked on 29 Nov 2026: allow
        _PLUGIN_COPY,
    ),
    (HEAD, "mcp", "codex"): (_MCP_CALL,),
    (HEAD, "mcp", "cursor"): (Way("tool_call", "tool calls", Lever.NOTHING, _NO_SERVER_NAME),),
    (HEAD, "mcp", "geminicli"): (Way("tool_call", "tool calls", Lever.NOTHING, _NO_SERVER_NAME),),
    (HEAD, "tool", "claudecode"): (_TOOL,),
    (HEAD, "tool", "codex"): (_TOOL,),
    (HEAD, "tool", "cursor"): (_TOOL,),
    (HEAD, "tool", "geminicli"): (_TOOL,),
}

_ELSEWHERE: Final[dict[str, tuple[Way, ...]]] = {
    "skill": (Way("use", "use of it", Lever.UNPROVEN_RUNTIME), _FILES),
    "plugin": (Way("use", "use of it", Lever.UNPROVEN_RUNTIME), _FILES),
    "mcp": (Way("tool_call", "tool calls", Lever.UNPROVEN_INSTALL),),
    "tool": (Way("tool_call", "calls", Lever.UNPROVEN_INSTALL),),
}
"""Of an agent that was never run with a generation."""


def ways_of(generation: str, kind: str, agent: str) -> tuple[Way, ...]:
    """The ways in which an agent uses a kind of thing."""
    return OF_OBSERVED_AGENTS.get((generation, kind, agent), _ELSEWHERE.get(kind, ()))
