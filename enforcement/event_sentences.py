"""Sentences of enforcement events: who decided, which gateway confirmed, what is not enforced.

A function chooses a sentence with the names of `_words` in braces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.recording import action_registry
from audit.recording.sentences import PublicEvent, Sentence, approvers, people, shown, texts
from enforcement.component_kinds import KINDS, called
from enforcement.decisions.steps.later_decision_wins import COMMAND, TERMINAL
from enforcement.effects.gateway_facts import agent_label
from enforcement.effects.sentences import LABELS
from enforcement.posture import settings_catalogue

_NOTHING_OF_OURS = "nothing_of_ours"
"""How an outpost ends what relaxes where nothing that this portal added stands."""


def _data(event: PublicEvent) -> Mapping[str, Any]:
    return event.get("data") or {}


def _words(event: PublicEvent) -> Mapping[str, str]:
    """What sentences name."""
    said, data = texts(event), _data(event)
    target, approved = event.get("target") or {}, approvers(event)
    detail, about = said["detail"].rstrip("."), said["about"]
    actor = (event.get("actor") or {}).get("sub")
    by_others = any(one.get("sub") != actor for one in approved)
    return said | {
        "thing": called(str(target.get("kind", "")), said["name"]),
        "scope": _scope(target, data.get("gateways")),
        "by": f", approved by {people(approved)}" if by_others else "",
        "detail": f": {detail}" if detail else "",
        "in": f" in {about}" if about else "",
        "act": said["reported_action"] or "an act",
        "effect": _effect(data.get("effect")),
        "setting": settings_catalogue.label(said["setting"]),
        "approved": said["expected"],
    }


def _effect(effect: Any) -> str:
    """`; according to its lists: stopped for Codex`: what the entries meant for agents then."""
    found = [
        f"{LABELS[one['summary']]} for {agent_label(shown(one.get('agent')))}"
        for one in (effect if isinstance(effect, list) else [])
        if isinstance(one, Mapping) and one.get("summary") in LABELS
    ]
    return f"; according to its lists: {', '.join(found)}" if found else ""


def _scope(target: Mapping[str, Any], gateways: Any) -> str:
    """` on edge-1`, or ` at 2 gateways`: what was decided about; outcomes are other events."""
    where = f" on {target['instance']}" if target.get("instance") else ""
    if gateways == 0:
        return f"{where}, where no gateway was registered"
    if where or gateways is None:
        return where
    return " at 1 gateway" if gateways == 1 else f" at {gateways} gateways"


def _answered(event: PublicEvent, did: str, wish: str) -> str:
    """What a gateway answered about a step: that it did it, or that it did not."""
    did_it = event.get("outcome") == "success"
    return f"{{instance}} {did}" if did_it else f"{{instance}} did not {wish}{{detail}}"


_FILES_STAYED = ", and its files stayed in quarantine there"


def _decided(act: str) -> Sentence:
    def sentence(event: PublicEvent) -> str:
        step = _data(event).get("step")
        if step == "gateway.stamp":
            own_log = "{who} as the decider for {thing} in its own audit log"
            return _answered(event, f"recorded {own_log}", f"record {own_log}")
        if step == TERMINAL:
            did = f"shows the {act} of {{thing}} that {{who}} carried out there{{effect}}"
            return _answered(event, did, f"show the {act} of {{thing}} by {{who}}")
        if step:
            did = f"acknowledged the {act} of {{thing}} (by {{who}}){{effect}}"
            if _data(event).get("code") == _NOTHING_OF_OURS:
                did = f"kept {{thing}} as others set it; the {act} changed nothing there{{effect}}"
            if _data(event).get("not_undone"):
                did = f"{did}{_FILES_STAYED}"
            return _answered(event, did, f"{act} {{thing}} for {{who}}")
        return f"{{who}} decided to {act} {{thing}}{{scope}}{{by}}"

    return sentence


def _at_terminal(event: PublicEvent) -> str:
    """A disable, enable, quarantine or restore was decided, or a gateway's row of it is known."""
    act = shown(_data(event).get("act")) or "change"
    if _data(event).get("step"):
        did = f"shows the {act} of {{thing}} that {{who}} carried out there{{effect}}"
        return _answered(event, did, f"show the {act} of {{thing}} by {{who}}")
    return f"{{who}} decided to {act} {{thing}}{{scope}}{{by}}"


def _configured(event: PublicEvent) -> str:
    """The approved settings of a gateway changed, or its row of such a change is known."""
    if _data(event).get("step") == COMMAND:
        did = "shows the change of its guardrail that {who} carried out there"
        return _answered(event, did, "show the change of its guardrail by {who}")
    return "{who} changed the approved settings of the gateway {name}{by}"


def _held(event: PublicEvent) -> str:
    """A hold was placed, or a gateway answered about it."""
    data = _data(event)
    if data.get("step"):
        did = "acknowledged the hold of {thing}{effect}"
        if data.get("kept"):
            did = "was already blocking {thing}, so the hold changed nothing there"
        return _answered(event, did, "hold {thing}")
    until = "" if data.get("by_hand") else " pending a decision"
    return f"{{who}} decided to hold {{thing}}{{scope}}{until}"


def _released(event: PublicEvent) -> str:
    """A hold ended, or a gateway answered about it."""
    step = _data(event).get("step")
    if step == "gateway.hold":  # another one's hold stays
        did = "acknowledged the hold on {thing} in the name of another request or person"
        return _answered(event, did, "keep the hold on {thing} in the name of another")
    if step:
        did = "acknowledged the end of the hold on {thing}{effect}"
        if _data(event).get("code") == _NOTHING_OF_OURS:
            did = "kept {thing} as others set it: nothing there was our hold{effect}"
        elif _data(event).get("outpost") and _data(event).get("left"):
            did = "ended the hold on {thing}, and left what others set there{effect}"
        elif _data(event).get("left"):
            did = "kept {thing} blocked: the block there was not our hold"
        if _data(event).get("not_undone"):
            did = f"{did}{_FILES_STAYED}"
        return _answered(event, did, "lift the hold on {thing}")
    return "{who} decided to end the hold on {thing}{scope}{by}"


def _found(event: PublicEvent) -> str:
    title = "{title}" if shown(_data(event).get("title")) else "something"
    finder = "{instance}" if shown(event.get("instance")) else "A gateway"
    return f"{finder} found “{title}” in {{thing}}"


def _disposed(past: str) -> Sentence:
    def sentence(event: PublicEvent) -> str:
        if _data(event).get("step"):
            did = f"has the alert as {past} in its own list (by {{who}})"
            return _answered(event, did, f"mark the alert as {past} in its own list")
        title = "{title}" if shown(_data(event).get("title")) else "a finding"
        return f"{{who}} {past} “{title}”{{in}}"

    return sentence


def _bypassed(event: PublicEvent) -> str:
    """A gateway recorded an act of a person that no decision covers."""
    kind = str((event.get("target") or {}).get("kind", ""))
    about = " of {thing}" if kind in KINDS else ""
    return f"{{instance}} recorded {{act}}{about}, which no decision here covers"


def _claimed(event: PublicEvent) -> str:
    """Who says that they did such an act."""
    return "{who} said that they did " + ("{about}" if _data(event).get("about") else "{act}")


def _enrolled(event: PublicEvent) -> str:
    """An outpost may enrol."""
    if _data(event).get("fleet"):
        most = "1 outpost" if _data(event).get("uses") == 1 else "up to {uses} outposts"
        return f"{{who}} decided to let {most} enrol on hosts named {{name}}, until {{until}}{{by}}"
    return "{who} decided to let an outpost enrol next to the gateway {name}{by}"


_OUTPOST_SUSPENDED = action_registry.get("outpost.suspended").sentence


def _suspended(event: PublicEvent) -> str:
    """An outpost's reports are refused, or a fleet code ended."""
    if _data(event).get("code"):
        words = "The fleet code for hosts named {name} ended: its requester is no longer an admin"
        return words.format_map(_words(event))
    if _data(event).get("fleet"):
        return "{who} ended the fleet code for hosts named {name}".format_map(_words(event))
    return _OUTPOST_SUSPENDED(event)


def _posture(event: PublicEvent) -> str:
    """A setting of a gateway is not as approved, or is so again."""
    if event.get("outcome") == "success":
        return "{instance} is as approved again: {setting} is {seen}"
    return "{instance} is not as approved: {setting} is {seen}, approved is {approved}"


def _effect_changed(event: PublicEvent) -> str:
    """What a gateway does about a decision is another effect than before, or than was decided."""
    decided = _DECIDED.get(shown(_data(event).get("decided")), "decided on")
    if event["action"] == "effect.observed":
        return f"{{thing}}, {decided} here, was found so at {{instance}}{{effect}}"
    if event["action"] == "effect.differs":
        return (
            f"{{instance}} was found to differ from the decision: {{thing}} was {decided}{{effect}}"
        )
    return f"What {{instance}} does about {{thing}}, {decided} here, changed{{effect}}"


_DECIDED = {"hold": "put on hold", "block": "blocked", "allow": "allowed"}
_OF_KINDS: Mapping[str, Sentence] = {
    "blocked": _decided("block"),
    "unblocked": _decided("unblock"),
    "allowed": _decided("allow"),
    "held": _held,
    "quarantined": _at_terminal,
    "restored": _at_terminal,
    "released": _released,
    "override_logged": lambda _event: (
        "{who} denied the automatic block of {thing}, recorded as an override"
    ),
}


def _reword(name: str, template: Sentence) -> None:
    action_registry.reword(name, lambda event: template(event).format_map(_words(event)))


for _kind in KINDS:
    for _past, _template in _OF_KINDS.items():
        _reword(f"{_kind}.{_past}", _template)
_reword("finding.opened", _found)
_reword("bypass.found", _bypassed)
_reword("bypass.claimed", _claimed)
for _act in ("observed", "changed", "differs"):
    _reword(f"effect.{_act}", _effect_changed)
_reword("outpost.enrolled", _enrolled)
action_registry.reword("outpost.suspended", _suspended)
_reword("gateway.configured", _configured)
_reword("posture.changed", _posture)
_reword("alert.acknowledged", _disposed("acknowledged"))
_reword("alert.dismissed", _disposed("dismissed"))
