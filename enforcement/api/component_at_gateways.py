"""Components over the API: how each stands at the gateways, and what agents may still do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import batched, islice
from typing import Annotated, Any, Literal

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router, Schema

from accounts.bearer import caller
from api import openapi, paging
from api.problems import Problem
from enforcement import known_component_names, name_warnings
from enforcement.decisions import decision_severity
from enforcement.effects.conclude_effect import AgentEffect
from enforcement.gateways import decided_and_enforced_state, effects_at_gateways
from enforcement.gateways.decided_and_enforced_state import At

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


class StateOut(Schema):
    """The component at one gateway, without what its agents may do."""

    instance: str
    decided: str = Field(description="What the portal wants there: hold, block, allow or none")
    state: str = Field(description="held, blocked, allowed, not_enforced or none")
    detail: str


class ListedComponent(Schema):
    """One component of a list."""

    kind: str
    name: str
    severity: str | None = Field(description="Gravest open finding or latest scan")
    gateways: list[StateOut]


class ComponentList(Schema):
    """Components of one kind, in order of name."""

    items: list[ListedComponent]
    next: str | None


State = Literal["", "held", "blocked", "allowed", "not_enforced", "none"]


@router.get(
    "/components/{kind}",
    operation_id="portal_api_components_index",
    summary="The known components of one kind, and how each stands at the gateways",
    response=ComponentList,
    openapi_extra=openapi.may(403, 422),
)
def index(
    request: HttpRequest,
    kind: Kind,
    q: Annotated[str, Field(max_length=200, description="Words that the name has")] = "",
    state: Annotated[State, Field(description="Only those that have it at some gateway")] = "",
    limit: paging.Limit = paging.MOST,
    after: Annotated[str, Field(max_length=300, description="`next` of the page before")] = "",
) -> JsonResponse:
    """Known is what a gateway lists, a scan, finding or decision is about, or a manifest names."""
    _check_reader(request)
    words = q.casefold().split()
    names = [
        name
        for name in known_component_names.every(kind)
        if name > after and all(word in name.casefold() for word in words)
    ]
    found = list(islice(_states(kind, names, state), limit + 1))
    severities = decision_severity.found_for_each(kind, [name for name, _ in found])
    items = [
        {
            "kind": kind,
            "name": name,
            "severity": severities.get(name),
            "gateways": [_state(at) for at in states],
        }
        for name, states in found[:limit]
    ]
    last = items[-1]["name"] if len(found) > limit else None
    return JsonResponse({"items": items, "next": last})


def _states(kind: str, names: list[str], state: str) -> Iterator[tuple[str, list[At]]]:
    """Names with their states, read in chunks, so that the first page needs not read all."""
    for chunk in batched(names, paging.MOST + 1):
        for name, states in decided_and_enforced_state.of_each(kind, chunk).items():
            if not state or any(at.code == state for at in states):
                yield name, states


def _state(at: At) -> dict[str, str]:
    return {
        "instance": at.instance.name,
        "decided": at.wanted,
        "state": at.code,
        "detail": at.words,
    }


def _check_reader(request: HttpRequest) -> None:
    if not caller(request).actor.roles & READERS:
        raise Problem(403, "not_permitted", "Components are for operators, auditors and admins.")


@router.get(
    "/components/{kind}/{path:name}",
    operation_id="portal_api_components_show",
    summary="A component at each gateway, and what agents may still do with it",
    response=ComponentOut,
    openapi_extra=openapi.may(403, 422),
)
def show(request: HttpRequest, kind: Kind, name: str) -> JsonResponse:
    """Concluded from what each gateway reports and lists; no agent and no hook is asked."""
    _check_reader(request)
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
                    **_state(at),
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
