"""Hook routes of the agents, and the inspection of a single tool call."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus

from local.gateway.agents import AGENTS
from local.gateway.audit.log import AuditRow
from local.gateway.audit.scan_rows import Finding, ScanReport
from local.gateway.gateway import Gateway
from local.gateway.hooks.answers import answer_to
from local.gateway.hooks.events import HookEvent, read_event
from local.gateway.hooks.runtime_policy import ALLOWED, Verdict, inspect_answer
from local.gateway.rest.calls_and_replies import BadRequest, Call, Reply
from local.gateway.rest.enforcement_routes import json_object


def hook_of(agent: str) -> Callable[[Gateway, Call], Reply]:
    """Return the handler of an agent's hook route."""

    def handle(gateway: Gateway, call: Call) -> Reply:
        payload = json_object(call)
        event = read_event(agent, payload, native_selection=gateway.generation.native_selection)
        if event is None:
            gateway.hook_rows.write_rejection(
                agent, "missing_event", call.request_id, len(call.raw)
            )
            raise BadRequest("hook event name is required")
        verdict = _judge(gateway, event)
        answer = answer_to(event, verdict, gateway.mode_of(agent), str(uuid.uuid4()))
        gateway.hook_rows.write(event, verdict, answer, call.request_id, len(call.raw))
        return Reply(HTTPStatus.OK, answer)

    return handle


def record_wrong_method(gateway: Gateway, call: Call) -> None:
    """Write the row of a hook route called with another method than POST."""
    names = (agent.name for agent in AGENTS.values() if agent.hook_path == call.path)
    for name in names:
        gateway.hook_rows.write_rejection(name, "method", call.request_id, 0)


def _judge(gateway: Gateway, event: HookEvent) -> Verdict:
    if event.agent not in gateway.settings.agents:
        return ALLOWED
    for kind, name in (("skill", event.skill), ("plugin", event.plugin)):
        surface = "hook" if event.asks_for_tool else "prompt_expansion"
        verdict = ALLOWED
        if name:
            verdict = gateway.policy.judge_asset(event.agent, kind, name, surface)
        if verdict.always_enforced:
            return verdict
    if event.asks_for_tool:
        return gateway.policy.judge_tool(event.agent, event.tool, event.arguments, event.server)
    if event.asks_for_prompt:
        return gateway.policy.judge_text(event.prompt, prompt=True)
    return ALLOWED


def inspect_tool(gateway: Gateway, call: Call) -> Reply:
    """Judge one tool call, outside the hooks.

    0.8.4 applies the gateway's own mode for every agent, HEAD only answers for the primary one.
    """
    body = json_object(call)
    tool = body.get("tool") or body.get("tool_name")
    if not isinstance(tool, str) or not tool:
        raise BadRequest("tool is required")
    agent = str(body.get("connector") or gateway.settings.primary)
    if gateway.generation.inspect_is_for_primary_only:
        if agent != gateway.settings.primary:
            error = "connector does not match authenticated scope"
            return Reply(HTTPStatus.FORBIDDEN, {"error": error})
        mode = gateway.mode_of(agent)
    else:
        mode = gateway.guardrail_mode
    arguments = body.get("args") or body.get("arguments") or body.get("tool_input")
    verdict = gateway.policy.judge_tool(
        agent, tool, arguments, str(body.get("mcp_server_name") or "")
    )
    answer = inspect_answer(verdict, mode, has_would_block=gateway.generation.entries_per_agent)
    _write_rows(gateway, call, tool, verdict, answer)
    return Reply(HTTPStatus.OK, answer)


def _write_rows(
    gateway: Gateway, call: Call, tool: str, verdict: Verdict, answer: Mapping[str, object]
) -> None:
    if gateway.generation.scan_row_per_hook_event:
        findings = tuple(Finding(r.id, r.severity, r.title, "") for r in verdict.rules)
        report = ScanReport("inspect-http", f"/api/v1/inspect/tool:{tool}", findings)
        gateway.scans.write(report, verdict=verdict.raw_action, request_id=call.request_id)
    confidence = f"{float(str(answer['confidence'])):.2f}"
    details = (
        f"severity={verdict.severity} confidence={gateway.log.free_text(confidence)} "
        f"reason={_reason(gateway, verdict)} elapsed={gateway.log.free_text('120.199µs')} "
        f"mode={answer['mode']}"
    )
    if gateway.generation.entries_per_agent:
        would_block = str(bool(answer.get("would_block"))).lower()
        details += (
            f" would_block={would_block} raw_action={verdict.raw_action} "
            f"request_id={gateway.log.free_text(call.request_id)}"
        )
    gateway.log.write(
        AuditRow(f"inspect-tool-{verdict.raw_action}", tool, details, request_id=call.request_id)
    )


def _reason(gateway: Gateway, verdict: Verdict) -> str:
    return gateway.log.free_text(verdict.plain_reason) if verdict.plain_reason else ""
