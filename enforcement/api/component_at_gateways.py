"""One component over the API: how it stands at each gateway, and what agents may still do."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema

from accounts.bearer import caller
from api import openapi
from api.problems import Problem
from enforcement import name_warnings
from enforcement.decisions import decision_severity
from enforcement.effects.conclusion import AgentEffect
from enforcement.gateways import decided_and_enforced_state, effects_at_gateways

router = Router(tags=["Enforcement"])
Kind = Literal["skill", "mcp", "plugin", "tool"]
READERS = frozenset({"operator", "auditor", "admin"})


class WayOut(Schema):
    """One way in which an agent uses the component."""

    way: str
    state: str = Field(description="open, stopped or unknown")
    why: str


class AgentOut(Schema):
    """What the entries at the gateway mean for one agent."""

    agent: str
    summary: str
    why: str
    ways: list[WayOut]


class GatewayOut(Schema):
    """The component at one gateway."""

    instance: str
    decided: str = Field(description="What the portal wants there: hold, block, allow or none")
    state: str
    detail: str
    effect: list[str] = Field(description="What agents may still do, in sentences")
    agents: list[AgentOut]


class ComponentOut(Schema):
    """One skill, MCP server, plugin or tool."""

    kind: str
    name: str
    severity: str | None = Field(description="Gravest open finding or latest scan")
    warning: str | None = Field(description="Why a decision about this name reaches no call")
    gateways: list[GatewayOut]


@router.get(
    "/components/{kind}/{path:name}",
    operation_id="portal_api_components_show",
    summary="A component at each gateway, and what agents may still do with it",
    response=ComponentOut,
    openapi_extra=openapi.may(403, 422),
)
def show(request: HttpRequest, kind: Kind, name: str) -> JsonResponse:
    """Concluded from what each gateway reports and lists; no agent and no hook is asked."""
    if not caller(request).actor.roles & READERS:
        raise Problem(403, "not_permitted", "Components are for operators, auditors and admins.")
    found = {e.instance.name: e for e in effects_at_gateways.everywhere(kind, name)}
    states = decided_and_enforced_state.everywhere(kind, name)
    return JsonResponse(
        {
            "kind": kind,
            "name": name,
            "severity": decision_severity.found(kind, name) or None,
            "warning": name_warnings.why_it_stops_nothing(kind, name) or None,
            "gateways": [
                {
                    "instance": at.instance.name,
                    "decided": at.wanted,
                    "state": at.code,
                    "detail": at.words,
                    "effect": effect.sentences if effect else [],
                    "agents": [_agent(one) for one in effect.agents] if effect else [],
                }
                for at in states
                for effect in [found.get(at.instance.name)]
            ],
        }
    )


def _agent(effect: AgentEffect) -> dict[str, Any]:
    return {
        "agent": effect.agent,
        "summary": str(effect.summary),
        "why": effect.why,
        "ways": [
            {"way": one.way.code, "state": str(one.state), "why": one.why} for one in effect.ways
        ],
    }
