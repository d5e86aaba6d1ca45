"""Which path answers what, and what the gateway says about itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from demo.defenseclaw import catalogue, enforcing, evidence, page
from demo.defenseclaw.instance import Instance
from demo.defenseclaw.wire import BadRequest, Call, Endpoint, Gateway, Reply, plain, reply
from demo.store.instant import go_text, now_ns

_SUBSYSTEMS: Final = (
    "gateway",
    "watcher",
    "config",
    "api",
    "guardrail",
    "telemetry",
    "ai_discovery",
    "application_protection",
)


def answer(gateway: Gateway, call: Call) -> Reply:
    """Return the reply to ``call``: 404 for an unknown path, 405 for a wrong method."""
    methods = _ROUTES.get(call.path)
    if methods is None:
        return plain(HTTPStatus.NOT_FOUND, "404 page not found")
    endpoint = methods.get(call.method)
    if endpoint is None:
        return plain(HTTPStatus.METHOD_NOT_ALLOWED, "method not allowed")
    try:
        return endpoint(gateway, call)
    except BadRequest as error:
        return reply({"error": str(error)}, HTTPStatus.BAD_REQUEST)


def _snapshot(instance: Instance) -> dict[str, object]:
    since = go_text(instance.started_at)
    return {
        "label": f"DEMO gateway {instance.name}",
        "started_at": since,
        "uptime_ms": (now_ns() - instance.started_at) // 1_000_000,
        **{name: {"state": "running", "since": since} for name in _SUBSYSTEMS},
    }


def _health(gateway: Gateway, call: Call) -> Reply:
    instance = gateway.instance
    return reply({**_snapshot(instance), "provenance": instance.provenance()})


def _status(gateway: Gateway, call: Call) -> Reply:
    instance = gateway.instance
    mode = {
        "connector": "openclaw",
        "mode": "action",
        "policy_mode": "default",
        "hook_fail_mode": "closed",
        "enabled": True,
    }
    return reply(
        {
            "health": _snapshot(instance),
            "provenance": instance.provenance(),
            "runtime": {"pid": os.getpid(), "data_dir": str(instance.database_path.parent)},
            "connector_mode": mode,
            "connector_modes": [mode],
        }
    )


def _page(gateway: Gateway, call: Call) -> Reply:
    body = page.render(gateway.instance).encode()
    return Reply(HTTPStatus.OK, body, "text/html; charset=utf-8")


def _fixed(make: Callable[[], object]) -> Endpoint:
    def fixed(gateway: Gateway, call: Call) -> Reply:
        return reply(make())

    return fixed


_ROUTES: Final[Mapping[str, Mapping[str, Endpoint]]] = {
    "/": {"GET": _page},
    "/health": {"GET": _health},
    "/status": {"GET": _status},
    "/enforce/block": {"POST": enforcing.block, "DELETE": enforcing.unblock},
    "/enforce/allow": {"POST": enforcing.allow},
    "/enforce/blocked": {"GET": enforcing.listing("block")},
    "/enforce/allowed": {"GET": enforcing.listing("allow")},
    "/skill/disable": {"POST": enforcing.switch("skill", "skillKey", disable=True)},
    "/skill/enable": {"POST": enforcing.switch("skill", "skillKey", disable=False)},
    "/plugin/disable": {"POST": enforcing.switch("plugin", "pluginName", disable=True)},
    "/plugin/enable": {"POST": enforcing.switch("plugin", "pluginName", disable=False)},
    "/alerts": {"GET": evidence.alerts},
    "/api/v1/alerts/disposition": {"POST": evidence.dispose},
    "/api/v1/observability/cli": {"POST": evidence.hand_over},
    "/audit/event": {"POST": evidence.audit_event},
    "/policy/evaluate": {"POST": enforcing.evaluate},
    "/skills": {"GET": _fixed(catalogue.skills)},
    "/mcps": {"GET": _fixed(catalogue.servers)},
    "/tools/catalog": {"GET": _fixed(catalogue.tools)},
    "/v1/skill/scan": {"POST": evidence.scan("skill")},
    "/v1/mcp/scan": {"POST": evidence.scan("mcp")},
    "/v1/plugin/scan": {"POST": evidence.scan("plugin")},
    "/scan/result": {"POST": evidence.scan_report},
    "/demo/scan": {"POST": evidence.stage},
    "/demo/stage": {"POST": evidence.stage_from_page},
}
