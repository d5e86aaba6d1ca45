"""Health, status and the guardrail's configuration."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Any, Final

from local.gateway import openclaw_connection
from local.gateway.audit.event_families import config_change_applied
from local.gateway.audit.instants import now_ns, rfc3339
from local.gateway.audit.log import CONFIG_DIGEST, AuditRow
from local.gateway.gateway import Gateway
from local.gateway.rest.calls_and_replies import BadRequest, Call, Reply
from local.gateway.rest.enforcement_routes import json_object
from local.gateway.settings import MODES

_MS: Final = 1_000_000


def _subsystems(gateway: Gateway) -> dict[str, Any]:
    settings, generation = gateway.settings, gateway.generation
    since = rfc3339(gateway.started)
    details: dict[str, Any] = {
        "skill_dirs": gateway.watcher.skill_folders,
        "plugin_dirs": 1,
        "skill_take_action": settings.take_action,
        "plugin_take_action": settings.take_action,
    }
    if generation.entries_per_agent:
        details["mcp_take_action"] = True
    connection: dict[str, Any] = {"state": openclaw_connection.state(settings), "since": since}
    if settings.upstream == "connected":
        connection["details"] = {"protocol": 3}
    elif generation.seals_rows:
        connection["details"] = {"summary": "standalone mode"}
    guardrail = "running" if generation.needs_token else "disabled"
    parts: dict[str, Any] = {
        "gateway": connection,
        "watcher": {"state": "running", "since": since, "details": details},
        "api": {
            "state": "running",
            "since": since,
            "details": {"addr": f"127.0.0.1:{settings.port}"},
        },
        "guardrail": {"state": guardrail, "since": since},
        "telemetry": {"state": "disabled", "since": since},
    }
    if not generation.needs_token:
        parts["splunk"] = {"state": "disabled", "since": since}
    sent = gateway.senders.health()
    if sent:
        failing = any(item["state"] != "healthy" for item in sent)
        parts["telemetry"] = {
            "state": "error" if failing else "running",
            "since": since,
            "details": {"destinations": sent},
        }
    if settings.managed:
        parts["managed"] = {"state": "running", "since": since}
    if generation.seals_rows:
        parts["connectors"] = [{"name": name, "state": "running"} for name in settings.agents]
    return parts


def _provenance(gateway: Gateway) -> dict[str, Any]:
    return {
        "schema_version": 7,
        "content_hash": CONFIG_DIGEST,
        "generation": 1 if gateway.generation.seals_rows else 0,
        "binary_version": gateway.generation.version,
    }


def health(gateway: Gateway, call: Call) -> Reply:
    """Answer without a token: the parts of the gateway and their states."""
    del call
    body = {
        "started_at": rfc3339(gateway.started),
        "uptime_ms": (now_ns() - gateway.started) // _MS,
        **_subsystems(gateway),
    }
    if gateway.generation.needs_token:
        body["provenance"] = _provenance(gateway)
    return Reply(HTTPStatus.OK, body)


def status(gateway: Gateway, call: Call) -> Reply:
    """Answer health, the modes of the agents, and where the data lies."""
    del call
    body: dict[str, Any] = {
        "health": {
            "started_at": rfc3339(gateway.started),
            "uptime_ms": (now_ns() - gateway.started) // _MS,
            **_subsystems(gateway),
        }
    }
    if gateway.generation.entries_per_agent:
        modes = [_mode(gateway, agent) for agent in gateway.settings.agents]
        body |= {
            "connector_mode": modes[0],
            "connector_modes": modes,
            "provenance": _provenance(gateway),
        }
    if gateway.generation.seals_rows:
        body["runtime"] = {"data_dir": str(gateway.home.data), "pid": os.getpid()}
    if not gateway.generation.needs_token and gateway.settings.upstream == "connected":
        body["gateway_hello"] = {"protocol": 3, "auth": {"deviceToken": "stand-in-device-token"}}
    return Reply(HTTPStatus.OK, body)


def _mode(gateway: Gateway, agent: str) -> dict[str, Any]:
    mode = gateway.mode_of(agent)
    return {
        "connector": agent,
        "mode": "observability",
        "guardrail_mode": mode,
        "policy_mode": mode,
        "hook_enforcement": mode == "action",
        "enforcement_surface": "hook",
        "hook_fail_mode": "closed",
        "enabled": True,
    }


def guardrail_config(gateway: Gateway, call: Call) -> Reply:
    """Answer the guardrail's live configuration."""
    del call
    return Reply(HTTPStatus.OK, _guardrail(gateway))


def _guardrail(gateway: Gateway) -> dict[str, Any]:
    live: dict[str, Any] = {"mode": gateway.guardrail_mode, "scanner_mode": "local"}
    if gateway.generation.entries_per_agent:
        live |= {
            "block_message": "",
            "connector": gateway.settings.primary,
            "hilt_enabled": False,
            "hilt_min_severity": "HIGH",
        }
    return live


def change_guardrail_config(gateway: Gateway, call: Call) -> Reply:
    """Change the gateway's mode until the next start; agents with their own mode keep it."""
    mode = json_object(call).get("mode")
    if mode not in MODES:
        later = gateway.generation.entries_per_agent
        raise BadRequest("mode must be observe or action" if later else "no valid fields to update")
    if not gateway.generation.changes_mode_live:
        refused = {
            "changed": [f"mode={mode}"],
            "error": "guardrail config change requires gateway restart",
            "restart_required": ["gateway"],
        }
        return Reply(HTTPStatus.CONFLICT, refused)
    gateway.guardrail_mode = str(mode)
    family = config_change_applied("guardrail-config-reload", "defenseclaw")
    gateway.log.write(
        AuditRow(
            "guardrail-config-reload",
            "",
            f"mode={mode}",
            request_id=call.request_id,
            family=family,
        )
    )
    body = {**_guardrail(gateway), "changed": [f"mode={mode}"], "status": "updated"}
    if gateway.generation.entries_per_agent:
        body["live"] = True
    return Reply(HTTPStatus.OK, body)
