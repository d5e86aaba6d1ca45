"""Hook events as the agents document them, read into one form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_TOOL_EVENTS: Final = frozenset(
    {
        "PreToolUse", "PermissionRequest", "preToolUse", "beforeMCPExecution",
        "beforeShellExecution", "beforeReadFile", "BeforeTool",
    }
)  # fmt: skip
_PROMPT_EVENTS: Final = frozenset({"UserPromptSubmit", "beforeSubmitPrompt", "BeforeAgent"})
_LEADING_SKILL: Final = re.compile(r"\$([\w.-]+)")


@dataclass(frozen=True, slots=True)
class HookEvent:
    """What an agent is about to do. `skill` and `plugin` name an asset that it would use."""

    agent: str
    name: str
    session_id: str = ""
    turn_id: str = ""
    tool: str = ""
    tool_id: str = ""
    arguments: object = None
    prompt: str = ""
    server: str = ""
    skill: str = ""
    plugin: str = ""

    @property
    def raw_id(self) -> str:
        """Identifier of the raw event, where it belongs to a tool call or a prompt."""
        known = self.tool_id or self.prompt
        return f"raw-{hashlib.sha256(known.encode()).hexdigest()[:16]}" if known else ""

    @property
    def asks_for_tool(self) -> bool:
        """Whether the agent waits for a verdict on a tool call."""
        return self.name in _TOOL_EVENTS

    @property
    def asks_for_prompt(self) -> bool:
        """Whether the agent waits for a verdict on a prompt."""
        return self.name in _PROMPT_EVENTS


def read_event(
    agent: str, payload: Mapping[str, Any], *, native_selection: bool
) -> HookEvent | None:
    """Read an agent's payload; None where the event has no name."""
    name = _first(payload, "hook_event_name", "hook_event", "event")
    if not name:
        return None
    arguments = payload.get("tool_input") or payload.get("arguments")
    if not arguments and isinstance(payload.get("command"), str):
        arguments = {"command": payload["command"]}
    prompt = _first(payload, "prompt", "user_prompt")
    skill, plugin = _named_assets(agent, name, payload, arguments, any_command=native_selection)
    if agent == "codex" and native_selection and name == "UserPromptSubmit":
        match = _LEADING_SKILL.match(prompt.lstrip())
        skill = match[1] if match else skill
    return HookEvent(
        agent=agent,
        name=name,
        session_id=_first(payload, "session_id", "conversation_id"),
        turn_id=_first(payload, "turn_id", "generation_id"),
        tool=_first(payload, "tool_name", "tool"),
        tool_id=_first(payload, "tool_use_id", "tool_call_id"),
        arguments=arguments,
        prompt=prompt,
        server=_first(payload, "mcp_server_name"),
        skill=skill,
        plugin=plugin,
    )


def _named_assets(
    agent: str, name: str, payload: Mapping[str, Any], arguments: object, *, any_command: bool
) -> tuple[str, str]:
    """Return skill and plugin that an event names in the forms DefenseClaw reads.

    A slash command is a skill where its source says so; with `any_command` also elsewhere.
    """
    if agent == "codex":
        return _first(payload, "skill_name"), _first(payload, "plugin_name")
    if agent != "claudecode":
        return "", ""
    if payload.get("tool_name") == "Skill" and isinstance(arguments, Mapping):
        return _first(arguments, "skill"), ""
    if name != "UserPromptExpansion":
        return "", ""
    kind = _first(payload, "expansion_type", "type")
    if kind == "mcp_prompt":
        return "", ""
    command = _first(payload, "command_name", "name", "command", "expansion_name").lstrip("/")
    source = _first(payload, "command_source", "source")
    if source == "plugin":
        return "", command.partition(":")[0]
    return (command, "") if any_command or source == "skill" else ("", "")


def _first(values: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
