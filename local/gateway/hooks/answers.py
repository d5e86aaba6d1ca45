"""Answers to hook events: the verdict under the agent's mode, and the part the agent obeys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.gateway.agents import AGENTS
from local.gateway.hooks.events import HookEvent
from local.gateway.hooks.runtime_policy import Verdict


def action_under(verdict: Verdict, mode: str) -> str:
    """Return what is done: in observe, only a runtime disable stops anything."""
    if verdict.always_enforced or mode == "action":
        return verdict.raw_action
    return "allow"


def answer_to(event: HookEvent, verdict: Verdict, mode: str, evaluation_id: str) -> dict[str, Any]:
    """Return the body of a hook answer."""
    action = action_under(verdict, mode)
    answer: dict[str, Any] = {
        "action": action,
        "raw_action": verdict.raw_action,
        "severity": verdict.severity,
        "mode": mode,
        "would_block": verdict.raw_action == "block" and action != "block",
        "evaluation_id": evaluation_id,
    }
    if verdict.reason:
        answer["reason"] = verdict.reason
    if verdict.findings:
        answer["findings"] = list(verdict.findings)
    if verdict.rules:
        answer["rule_ids"] = [rule.id for rule in verdict.rules]
    output = _output_for(event, action, verdict.reason)
    if output:
        answer[AGENTS[event.agent].output_key] = output
    return answer


def _output_for(event: HookEvent, action: str, reason: str) -> Mapping[str, Any]:
    if action != "block":
        return {}
    if event.agent in ("claudecode", "codex"):
        return _deny_by_event(event.name, reason)
    if event.agent == "cursor":
        words = {"user_message": reason, "agent_message": reason}
        if event.name == "beforeSubmitPrompt":
            return {"continue": False, **words}
        return {"continue": True, "permission": "deny", **words}
    return {"decision": "deny", "reason": reason}


def _deny_by_event(name: str, reason: str) -> Mapping[str, Any]:
    if name == "PreToolUse":
        decision: dict[str, Any] = {
            "permissionDecision": "deny",
            "permissionDecisionReason": reason,
        }
    elif name == "PermissionRequest":
        decision = {"decision": {"behavior": "deny", "message": reason}}
    else:
        return {"decision": "block", "reason": reason}
    return {"hookSpecificOutput": {"hookEventName": name, **decision}}
