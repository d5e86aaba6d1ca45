"""The decide form of an asset page: which acts make sense now, and what each would need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings

from approvals import policy, registry
from approvals.errors import Refused
from approvals.policy import break_glass_limits
from audit.ledger.format.allowed_field_values import SEVERITIES, gravest, severity_rank
from audit.recording.actors import Actor, Target
from enforcement.effects.conclude_effect import Summary
from enforcement.gateways import effects_at_gateways
from enforcement.gateways.decided_and_enforced_state import At
from enforcement.gateways.effects_at_gateways import GatewayEffect
from ui.times import duration

_RESTRICTS = frozenset({"block", "hold"})
_TONES = {"block": "danger", "hold": "", "release": "", "unblock": "", "allow": ""}
_ICONS = {
    "block": "ban",
    "hold": "pause",
    "release": "play",
    "unblock": "lock-open",
    "allow": "check",
}


@dataclass(frozen=True, slots=True)
class Act:
    """One button: `needs` says in words what the policy wants before it commits, `effects` what
    agents may still do afterwards at each gateway."""

    name: str
    label: str
    tone: str
    icon: str
    needs: str
    step_up: bool
    effects: tuple[str, ...] = ()
    leaves_use: bool = False
    """Whether it restricts and yet something is not known to be stopped."""


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What agents could do after an act of that `label`; `tone` is that of a notice."""

    label: str
    tone: str
    sentences: tuple[str, ...]


class DecideForm(forms.Form):
    """Reason, scope, raised severity and confirmed name of a decision."""

    act = forms.ChoiceField(choices=[(a, a) for a in _TONES])
    reason = forms.CharField(required=False, max_length=2000, widget=forms.Textarea)
    instance = forms.CharField(required=False, max_length=60)
    new = forms.BooleanField(required=False)  # confirms a name that nothing knows
    severity = forms.ChoiceField(required=False, choices=[("", ""), *((s, s) for s in SEVERITIES)])

    def clean(self) -> dict[str, Any]:
        """A block or an allow that stays carries its reason."""
        data = super().clean() or {}
        if data.get("act") in {"block", "allow"} and not data.get("reason", "").strip():
            self.add_error("reason", "Say why: this is what people read later.")
        return data


def acts(
    kind: str, name: str, states: Sequence[At], person: Actor, severity: str = ""
) -> list[Act]:
    """The acts that would change something, as the policy takes them at a raised `severity`."""
    target, raised_to = Target(kind, name), severity if severity in SEVERITIES else ""
    found = [_act(f"{kind}.{act}", act, target, person, raised_to) for act in _sensible(states)]
    return [act for act in found if act is not None]


def joined_labels(found: Sequence[Act]) -> str:
    """`Block, allow or hold`: the acts in one label; empty where there is none."""
    labels = [act.label if n == 0 else act.label.lower() for n, act in enumerate(found)]
    return " or ".join(filter(None, [", ".join(labels[:-1]), *labels[-1:]]))


def afterwards(found: Sequence[Act]) -> list[Afterwards]:
    """What agents could do after each act; acts that come to the same are one: `Block or Hold`."""
    alike: dict[tuple[str, ...], list[Act]] = {}
    for act in found:
        if act.effects:
            alike.setdefault(act.effects, []).append(act)
    return [
        Afterwards(
            " or ".join(act.label for act in some),
            "warn" if any(act.leaves_use for act in some) else "info",
            effects,
        )
        for effects, some in alike.items()
    ]


def _sensible(states: Sequence[At]) -> list[str]:
    wanted = {state.wanted for state in states} or {"none"}
    listed = {state.code for state in states}
    found = []
    if wanted != {"block"}:
        found.append("block")
    if wanted != {"allow"}:
        found.append("allow")
    if "block" in wanted or "allow" in wanted or listed & {"blocked", "allowed"}:
        found.append("unblock")
    found.append("release" if "hold" in wanted else "hold")
    if wanted == {"block"}:
        found.remove("hold")
    return found


def _act(verb_name: str, act: str, target: Target, person: Actor, raised_to: str) -> Act | None:
    verb = registry.get(verb_name)
    if break_glass_limits.why_not(person, verb):
        return None
    try:
        severity = gravest(*filter(None, (verb.severity(target, {}), raised_to)))
        rule = policy.decide(person, verb, target, severity)
    except Refused:
        return None
    if rule.kind == "refuse":
        return None
    effects = effects_at_gateways.everywhere(target.kind, target.name, act)
    return Act(
        act,
        "Clear the decision" if act == "unblock" else verb.label,
        _TONES[act],
        _ICONS[act],
        policy.in_words(rule.as_json(), verb, duration(rule.within_s or settings.STEP_UP_EXPIRY_S)),
        rule.kind == "require",
        tuple(effects_at_gateways.grouped(effects)),
        act in _RESTRICTS and not all(_all_stopped(effect) for effect in effects),
    )


def _all_stopped(effect: GatewayEffect) -> bool:
    agents = () if effect.not_sent or effect.only_copies else effect.agents
    return bool(agents) and all(one.summary == Summary.STOPPED for one in agents)


def raised(found: str) -> list[str]:
    """Severities that a person may raise an act to; never lower than what was found."""
    floor = severity_rank(found) if found else -1
    return [s for s in reversed(SEVERITIES) if severity_rank(s) > floor]
