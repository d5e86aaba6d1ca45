"""Which handler answers which request."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from local.gateway.agents import AGENTS
from local.gateway.gateway import Gateway
from local.gateway.rest import (
    alert_routes,
    enforcement_routes,
    hook_routes,
    scan_routes,
    status_routes,
    upstream_routes,
)
from local.gateway.rest.calls_and_replies import Call, Reply

type Handler = Callable[[Gateway, Call], Reply]

_ALL: Final[dict[str, dict[str, Handler]]] = {
    "/health": {"GET": status_routes.health},
    "/status": {"GET": status_routes.status},
    "/v1/guardrail/config": {
        "GET": status_routes.guardrail_config,
        "PATCH": status_routes.change_guardrail_config,
    },
    "/enforce/block": {"POST": enforcement_routes.block, "DELETE": enforcement_routes.unblock},
    "/enforce/allow": {"POST": enforcement_routes.allow},
    "/enforce/blocked": {"GET": enforcement_routes.blocked},
    "/enforce/allowed": {"GET": enforcement_routes.allowed},
    "/policy/evaluate": {"POST": enforcement_routes.evaluate},
    "/api/v1/inspect/tool": {"POST": hook_routes.inspect_tool},
    "/alerts": {"GET": alert_routes.alerts},
    "/audit/event": {"POST": alert_routes.audit_event},
    "/v1/skill/scan": {"POST": scan_routes.scan_skill},
    "/v1/plugin/scan": {"POST": scan_routes.scan_plugin},
    "/v1/mcp/scan": {"POST": scan_routes.scan_mcp},
    "/skills": {"GET": upstream_routes.list_skills},
    "/tools/catalog": {"GET": upstream_routes.list_tools},
    "/mcps": {"GET": upstream_routes.list_servers},
    "/skill/disable": {"POST": upstream_routes.disable_skill},
    "/skill/enable": {"POST": upstream_routes.enable_skill},
    "/plugin/disable": {"POST": upstream_routes.disable_plugin},
    "/plugin/enable": {"POST": upstream_routes.enable_plugin},
    "/config/patch": {"POST": upstream_routes.patch_config},
}
_SEALED_ONLY: Final[dict[str, dict[str, Handler]]] = {
    "/api/v1/alerts/disposition": {"POST": alert_routes.disposition},
    "/api/v1/observability/cli": {"POST": alert_routes.observability},
}
_NOT_AT_OLDEST: Final = ("/v1/plugin/scan",)


def _routes_of(gateway: Gateway) -> dict[str, dict[str, Handler]]:
    routes = dict(_ALL)
    if gateway.generation.seals_rows:
        routes |= _SEALED_ONLY
    if not gateway.generation.entries_per_agent:
        return {path: methods for path, methods in routes.items() if path not in _NOT_AT_OLDEST}
    for name in gateway.generation.agents:
        if AGENTS[name].hook_path:
            routes[AGENTS[name].hook_path] = {"POST": hook_routes.hook_of(name)}
    return routes


def answer(gateway: Gateway, call: Call) -> Reply:
    """Answer a request that passed the checks."""
    methods = _routes_of(gateway).get(call.path)
    if methods is None:
        return Reply(HTTPStatus.NOT_FOUND, text="404 page not found\n")
    handler = methods.get(call.method)
    if handler is None:
        if call.path.endswith("/hook"):
            hook_routes.record_wrong_method(gateway, call)
        return Reply(HTTPStatus.METHOD_NOT_ALLOWED, text="method not allowed\n")
    return handler(gateway, call)
