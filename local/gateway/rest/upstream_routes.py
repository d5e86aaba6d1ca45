"""Routes that a gateway passes on to OpenClaw."""

from __future__ import annotations

import time
from http import HTTPStatus

from local.gateway import openclaw_connection
from local.gateway.agents import configured_servers
from local.gateway.audit.log import AuditRow
from local.gateway.gateway import Gateway
from local.gateway.rest.calls_and_replies import BadRequest, Call, Reply
from local.gateway.rest.enforcement_routes import json_object


def list_skills(gateway: Gateway, call: Call) -> Reply:
    """List the skills that OpenClaw knows."""
    del call
    openclaw_connection.call(gateway.settings, "skills.list")
    return Reply(HTTPStatus.OK, {"skills": []})


def list_tools(gateway: Gateway, call: Call) -> Reply:
    """List the tools that OpenClaw knows."""
    del call
    openclaw_connection.call(gateway.settings, "tools.catalog")
    return Reply(HTTPStatus.OK, {"tools": []})


def list_servers(gateway: Gateway, call: Call) -> Reply:
    """List the MCP servers in the primary agent's configuration."""
    del call
    names = sorted(configured_servers(gateway.home.folder, gateway.settings.primary))
    return Reply(HTTPStatus.OK, [{"name": name} for name in names])


def disable_skill(gateway: Gateway, call: Call) -> Reply:
    """Disable a skill in OpenClaw; writes no entry."""
    return _switch(gateway, call, "skill", "skillKey", "disable")


def enable_skill(gateway: Gateway, call: Call) -> Reply:
    """Enable a skill in OpenClaw."""
    return _switch(gateway, call, "skill", "skillKey", "enable")


def disable_plugin(gateway: Gateway, call: Call) -> Reply:
    """Disable a plugin in OpenClaw; later generations wait for it in vain."""
    return _switch(gateway, call, "plugin", "pluginName", "disable")


def enable_plugin(gateway: Gateway, call: Call) -> Reply:
    """Enable a plugin in OpenClaw."""
    return _switch(gateway, call, "plugin", "pluginName", "enable")


def patch_config(gateway: Gateway, call: Call) -> Reply:
    """Change OpenClaw's own configuration."""
    body = json_object(call)
    openclaw_connection.call(gateway.settings, "config.patch")
    return Reply(HTTPStatus.OK, {"status": "patched", "path": str(body.get("path", ""))})


def _switch(gateway: Gateway, call: Call, kind: str, key: str, verb: str) -> Reply:
    name = json_object(call).get(key)
    if not isinstance(name, str) or not name:
        raise BadRequest(f"{key} is required")
    if kind == "skill" or gateway.generation.dies_without_upstream:
        openclaw_connection.call(gateway.settings, f'{verb} {kind} "{name}"')
    else:
        if gateway.settings.upstream != "connected":
            time.sleep(gateway.settings.not_connected_seconds)
        openclaw_connection.call(gateway.settings, f'config.get for {kind} "{name}"')
    gateway.log.write(
        AuditRow(f"api-{kind}-{verb}", name, f"{verb}d via REST API", request_id=call.request_id)
    )
    return Reply(HTTPStatus.OK, {key: name, "status": f"{verb}d"})
