"""Single questions to a gateway: lists, inspection, hook events as the agents send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.gateways.act import Act
from tests.gateways.asset_files import agents_with, quarantined
from tests.gateways.peers import Answer

TOOL_INPUT: Final = {"title": "x"}


def policy(act: Act) -> str:
    """Verdict of `/policy/evaluate`."""
    body = {"domain": "admission", "input": {"target_type": act.kind, "target_name": act.name}}
    return str(act.peer.rest("POST", "/policy/evaluate", body).field("data", "verdict"))


def inspect(act: Act, tool: str, arguments: Mapping[str, object] | None = None) -> Answer:
    """Answer of `/api/v1/inspect/tool`, as the primary agent asks."""
    body: dict[str, object] = {"tool": tool, "args": dict(arguments or {})}
    return act.peer.rest("POST", "/api/v1/inspect/tool", body)


def in_words(answer: Answer) -> str:
    """`block mode=action MCP-BLOCK`, as 0.8.4 was written down."""
    body = answer.body if isinstance(answer.body, dict) else {}
    words = [str(body.get("action"))]
    if body.get("would_block"):
        words += [f"raw={body.get('raw_action')}", "would_block"]
    words.append(f"mode={body.get('mode')}")
    findings = body.get("findings") or []
    words += [str(findings[0]).split(":")[0].split(" ")[0]] if findings else []
    return " ".join(words)


def action(answer: Answer) -> str:
    """`allow`, `block` or `would_block`."""
    return "would_block" if answer.field("would_block") else str(answer.field("action"))


def place(act: Act) -> str:
    """Where the thing is: disk, quarantine, or "" for neither."""
    agents = iter((act.agent,))
    if agents_with(act.peer.home, agents, act.kind, act.name):
        return "disk"
    return "quarantine" if quarantined(act.peer.home, act.kind, act.name) else ""


# Hook events as the agents send them


def tool_call(act: Act, agent: str, tool: str, arguments: object = None, **more: object) -> Answer:
    """A tool call before it runs."""
    event = {"cursor": "preToolUse", "geminicli": "BeforeTool"}.get(agent, "PreToolUse")
    payload = {"tool_name": tool, "tool_input": arguments or TOOL_INPUT, **more}
    return act.peer.hook(agent, event, payload)


def slash_command(act: Act, name: str, source: str = "user", kind: str = "slash_command") -> Answer:
    """A slash command of Claude Code."""
    payload = {
        "expansion_type": kind,
        "command_name": name,
        "command_args": "",
        "command_source": source,
        "prompt": f"/{name}",
    }
    return act.peer.hook("claudecode", "UserPromptExpansion", payload)


def codex_prompt(act: Act, text: str) -> Answer:
    """A prompt typed into Codex."""
    return act.peer.hook("codex", "UserPromptSubmit", {"prompt": text})


def skill_call(act: Act) -> Answer:
    """Claude Code's Skill tool."""
    return tool_call(act, "claudecode", "Skill", {"skill": act.name})
