"""Answers to hook events: the verdict under the agent's mode, and the part the agent obeys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from local.gateway.agents import AGENTS
from local.gateway.hooks.events import HookEvent
from local.gateway.hooks.runtime_policy import Verdict

_LABELS: Final = {"claudecode": "Claude Code", "codex": "Codex"}
_TAKE_CONTEXT: Final = ("SessionStart", "UserPromptSubmit", "UserPromptExpansion", "PostToolUse")


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
    remark = _remark(event, verdict, action)
    if remark:
        answer["additional_context"] = remark
    output = _output_for(event, action, verdict.reason, remark)
    if output:
        answer[AGENTS[event.agent].output_key] = output
    return answer


def _remark(event: HookEvent, verdict: Verdict, action: str) -> str:
    """Return what the agent is shown where something was found but not stopped."""
    if action == "block" or verdict.raw_action not in ("alert", "block"):
        return ""
    what = "would block this in action mode" if verdict.raw_action == "block" else "observed"
    label = _LABELS.get(event.agent, event.agent)
    return f"DefenseClaw {what} a {verdict.severity} {label} hook finding: {verdict.reason}"


def _output_for(event: HookEvent, action: str, reason: str, remark: str) -> Mapping[str, Any]:
    if event.agent == "cursor":
        return _cursor_output(event, action, reason, remark)
    if action == "block":
        if event.agent in ("claudecode", "codex"):
            return _deny_by_event(event.name, reason)
        return {"decision": "deny", "reason": reason}
    if remark and event.agent in ("claudecode", "codex") and event.name in _TAKE_CONTEXT:
        context = {"hookEventName": event.name, "additionalContext": remark}
        return {"hookSpecificOutput": context}
    if remark:
        return {"systemMessage": remark}
    return {"continue": True} if event.agent == "codex" and event.name == "Stop" else {}


def _cursor_output(event: HookEvent, action: str, reason: str, remark: str) -> Mapping[str, Any]:
    words = {"user_message": reason, "agent_message": reason}
    if event.name == "beforeSubmitPrompt":
        return {"continue": False, **words} if action == "block" else {"continue": True}
    if action == "block":
        return {"continue": True, "permission": "deny", **words}
    shown = {"agent_message": remark} if remark else {}
    return {"continue": True, "permission": "allow", **shown}


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
