"""What all gateways and agents would do with any name: each way of use, open, stopped or unknown.

Concluded from what each gateway reports and lists; no agent and no hook is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import needs_role
from approvals import clock
from enforcement import known_component_names, name_warnings
from enforcement.component_kinds import KINDS, called, noun
from enforcement.effects import conclude_effect
from enforcement.effects.all_agents_summary import Overall
from enforcement.effects.conclude_effect import AgentEffect, State, Summary, WayState
from enforcement.effects.gateway_facts import agent_label
from enforcement.effects.sentences import LABELS
from enforcement.findings import decision_queue
from enforcement.findings.decision_queue import Component
from enforcement.gateways import effects_at_gateways, instances
from enforcement.gateways.instances import Instance
from enforcement.models import Asset, Decision, Outpost, Watch
from enforcement.posture.readings import reported_entries
from enforcement.views import effects_of_decisions

_MOST: Final = 300
_LISTED: Final = 10
_MOST_UNDECIDED: Final = 5
"""Components that need a decision, of those that are listed."""
_OPEN_ALL_THE_SAME: Final = frozenset(
    {
        Summary.AT_NEXT_INSTALL,
        Summary.ONLY_IN_ACTION_MODE,
        Summary.RECORDED_ONLY,
        Summary.RULES_OFF,
    }
)
_TONES: Final = {State.STOPPED: "ok", State.OPEN: "warn", State.UNKNOWN: "off"}


@dataclass(frozen=True, slots=True)
class UseRow:
    """One way in which one agent of one gateway uses it."""

    gateway: Instance
    agent: str
    way: str
    state: str
    tone: str
    why: str


@require_safe
@never_cache
@needs_role("operator", "auditor", "admin")
def effects(request: HttpRequest) -> HttpResponse:
    """The form, and the answer for the kind and the name in the address."""
    kind, name = request.GET.get("kind", ""), request.GET.get("name", "").strip()
    context: dict[str, Any] = {
        "kinds": [(one, noun(one)) for one in KINDS],
        "kind": kind if kind in KINDS else KINDS[0],
        "name": name,
        "crumbs": [
            {"text": "Findings", "url": "/enforcement/"},
            {"text": "What may agents use?"},
        ],
    }
    mistake = _mistake(kind, name) if kind or name else ""
    if mistake:
        context["mistake"] = mistake
    elif name:
        context |= _answer(kind, name)
    else:
        context["listed"] = _listed()
    return render(request, "enforcement/effects.html", context, status=422 if mistake else 200)


def _mistake(kind: str, name: str) -> str:
    if kind not in KINDS:
        return f"Choose one of: {', '.join(noun(one) for one in KINDS)}."
    if not name:
        return "Write a name, as the agent calls it."
    if len(name) > _MOST or not name.isprintable():
        return f"A name has at most {_MOST} characters, all of them printable."
    return ""


def _listed() -> list[dict[str, Any]]:
    """Components that need a decision, those without a hold first, and those that were decided last
    with what that comes to. A hold answers no finding: what is on hold can need a decision."""
    undecided = decision_queue.undecided().filter(kind__in=KINDS)
    rows = decision_queue.by_component(undecided)[:_MOST_UNDECIDED]
    found = decision_queue.components(rows, undecided)
    needing = {(one.gravest.kind, one.gravest.name): one for one in found}
    held = [
        row
        for row in Asset.objects.exclude(holder="").filter(name__in={name for _, name in needing})
        if (row.kind, row.name) in needing
    ]
    on_hold = {(row.kind, row.name) for row in held}
    last = effects_of_decisions.last_decided(_LISTED)
    others = [row for row in last if (row.kind, row.name) not in needing]
    restricting = (row for row in [*held, *others] if _state(row) != "allowed")
    effects = effects_of_decisions.overall_of_each(restricting)
    free = [_needing(one) for key, one in needing.items() if key not in on_hold]
    needs = [*free, *(_decided(row, effects) | {"needs": True} for row in held)]
    return [*needs, *(_decided(row, effects) for row in others)][:_LISTED]


def _needing(one: Component) -> dict[str, Any]:
    found = one.gravest
    return {
        "kind": found.kind,
        "name": found.name,
        "called": called(found.kind, found.name),
        "where": one.gateways,
        "needs": True,
        "since": found.at,
    }


def _decided(row: Asset, effects: Mapping[int, Overall]) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "name": row.name,
        "called": called(row.kind, row.name),
        "where": row.instance or "every gateway",
        "state": _state(row),
        "effect": effects.get(row.pk),
        "since": effects_of_decisions.since(row),
    }


def _state(row: Asset) -> str:
    if row.holder:
        return "held"
    return "blocked" if row.decision == Decision.BLOCK else "allowed"


def _answer(kind: str, name: str) -> dict[str, Any]:
    watches = {watch.name: watch for watch in Watch.objects.exclude(name="")}
    outposts = {one.instance: one for one in Outpost.objects.filter(revoked_at=None)}
    registered = {one.name: one for one in instances.fleet().instances}
    rows: list[UseRow] = []
    without_agents: list[str] = []
    unread: list[str] = []
    never_read: list[str] = []
    for at in sorted({*registered, *outposts}):
        outpost = outposts.get(at)
        gateway = registered.get(at) or instances.known_by_outpost(at)
        if outpost is not None and reported_entries(outpost, clock.now()) is not None:
            facts = effects_at_gateways.facts_from_outpost(outpost, kind, name)
        elif at in registered:
            facts = effects_at_gateways.facts_at(gateway, watches.get(at), kind, name)
        else:
            unread.append(at)
            continue
        concluded = conclude_effect.conclude(facts)
        rows += [row for effect in concluded for row in _rows(gateway, effect)]
        if not concluded:
            never = outpost is None and effects_at_gateways.was_never_read(watches.get(at))
            (never_read if never else without_agents).append(at)
    known = known_component_names.is_known(kind, name)
    return {
        "answered": True,
        "called": called(kind, name),
        "known": known,
        "nearest": () if known else known_component_names.nearest(kind, name),
        "matches_nothing": name_warnings.why_it_stops_nothing(kind, name),
        "rows": rows,
        "open": sum(row.state == State.OPEN for row in rows),
        "unknown": any(row.state == State.UNKNOWN for row in rows)
        or bool(without_agents or unread or never_read),
        "without_agents": without_agents,
        "unread_outposts": unread,
        "never_read": never_read,
    }


def _rows(gateway: Instance, effect: AgentEffect) -> list[UseRow]:
    agent = agent_label(effect.agent)
    if not effect.ways:
        unknown = _TONES[State.UNKNOWN]
        return [UseRow(gateway, agent, "all", str(State.UNKNOWN), unknown, effect.why)]
    return [
        UseRow(
            gateway,
            agent,
            one.way.words,
            str(one.state),
            _TONES[one.state],
            _why(effect, one),
        )
        for one in effect.ways
    ]


def _why(effect: AgentEffect, way: WayState) -> str:
    """Why a way stands so; of an open one also what the entries there mean instead."""
    if way.state != State.OPEN:
        return way.why or effect.why
    if effect.summary in _OPEN_ALL_THE_SAME:
        why = way.why or effect.why
        return LABELS[effect.summary] + (f": {why}" if why else "")
    return way.why
