"""Rows of HEAD that place a hook event in its session: relationships, turn, tool call, prompt."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final

from local.gateway.audit.event_families import Family
from local.gateway.hooks.events import HookEvent

_LIFECYCLE: Final = "gateway.hook.lifecycle"
_AFTER_TOOL: Final = frozenset({"PostToolUse", "PostToolUseFailure", "postToolUse", "AfterTool"})
_ENDINGS: Final = frozenset({"Stop", "stop", "AfterAgent"})
_SESSION_EVENTS: Final = {"SessionStart": "session_start", "SessionEnd": "session_end"}
_RELATIONSHIPS_OF_TOOL_CALL: Final = 5
_RELATIONSHIPS: Final = 3


def lineage_of(event: HookEvent) -> Iterator[tuple[str, Family]]:
    """Yield action and family of each such row, in the order in which HEAD writes them."""
    is_tool_call = event.asks_for_tool or event.name in _AFTER_TOOL
    for _ in range(_RELATIONSHIPS_OF_TOOL_CALL if is_tool_call else _RELATIONSHIPS):
        yield "correlation.relationship.changed", _relationship()
    if event.asks_for_tool:
        yield from _tool_call(event, "tool_start", "tool.invocation.requested")
    elif event.name in _AFTER_TOOL:
        yield from _tool_call(event, "tool_end", "tool.invocation.completed")
    elif event.asks_for_prompt:
        yield "lifecycle", _lifecycle(event, "turn_start")
        yield "llm_prompt", _prompt(event)
    elif event.name == "UserPromptExpansion":
        yield "lifecycle", _lifecycle(event, "event")
        yield "llm_prompt", _prompt(event)
    elif event.name in _ENDINGS:
        yield "lifecycle", _lifecycle(event, "turn_end")
    else:
        yield "lifecycle", _lifecycle(event, _SESSION_EVENTS.get(event.name, "event"))


def _relationship() -> Family:
    body = {"defenseclaw.correlation.relationship.id": f"rel_{uuid.uuid4().hex * 2}"}
    return Family(
        "correlation.relationship.changed",
        "telemetry.ingest",
        body,
        "correlate",
        producer="defenseclaw.correlation",
    )


def _lifecycle(event: HookEvent, name: str) -> Family:
    body = {
        "defenseclaw.agent.lifecycle.event": name,
        "defenseclaw.agent.type": event.agent,
        "gen_ai.agent.name": event.agent,
        "gen_ai.conversation.id": event.session_id,
    }
    return Family(name, "agent.lifecycle", body, "observe", producer=_LIFECYCLE)


def _tool_call(event: HookEvent, moment: str, invocation: str) -> Iterator[tuple[str, Family]]:
    body = {
        "gen_ai.conversation.id": event.session_id,
        "gen_ai.tool.call.id": event.tool_id,
        "gen_ai.tool.name": event.tool,
    }
    yield "tool_invocation", Family(moment, "tool.activity", body, "observe", producer=_LIFECYCLE)
    yield (
        "tool_invocation",
        Family(invocation, "tool.activity", body, "observe", producer="gateway.hook.tool"),
    )


def _prompt(event: HookEvent) -> Family:
    """The whole prompt, raw: HEAD redacts nothing in its own database by default."""
    body = {
        "gen_ai.conversation.id": event.session_id,
        "gen_ai.input.messages": event.prompt,
        "gen_ai.provider.name": event.agent,
    }
    return Family("model.request", "model.io", body, "observe", producer="gateway.hook.model")
