"""Sentences of enforcement events: who decided, which gateway confirmed, what is not enforced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from audit.recording import action_registry
from audit.recording.sentences import PublicEvent, person, shown
from enforcement.kinds import KINDS, called

Sentence = Callable[[PublicEvent], str]


def thing(event: PublicEvent) -> str:
    """`skill pdf-exfil`."""
    target = event.get("target") or {}
    return called(str(target.get("kind", "")), shown(target.get("name")))


def _data(event: PublicEvent) -> Mapping[str, Any]:
    return event.get("data") or {}


def _where(event: PublicEvent) -> str:
    target = event.get("target") or {}
    return f" on {target['instance']}" if target.get("instance") else ""


def _scope(event: PublicEvent) -> str:
    """` on edge-1`, or ` at 2 gateways`: what was decided about; outcomes are other events."""
    where, count = _where(event), _data(event).get("gateways")
    if count == 0:
        return f"{where}, where no gateway was registered"
    if where or count is None:
        return where
    return " at 1 gateway" if count == 1 else f" at {count} gateways"


def _by(event: PublicEvent) -> str:
    actor, approver = event.get("actor") or {}, _data(event).get("approver")
    if not isinstance(approver, Mapping) or shown(approver.get("sub")) == shown(actor.get("sub")):
        return ""
    return f", approved by {person(approver)}"


def _failed(event: PublicEvent, wish: str) -> str:
    detail = shown(_data(event).get("detail")).rstrip(".")
    return f"{shown(event.get('instance'))} did not {wish}" + (f": {detail}" if detail else "")


def decided(act: str) -> Sentence:
    """For `blocked`, `unblocked`, `allowed`: `act` = "block"."""

    def sentence(event: PublicEvent) -> str:
        step, who, what = _data(event).get("step"), person(event.get("actor")), thing(event)
        instance, ok = shown(event.get("instance")), event.get("outcome") == "success"
        if step == "gateway.stamp":
            if ok:
                return f"{instance} wrote {who} into its own audit log as who decided on {what}"
            return _failed(event, f"write {who} into its own audit log as who decided on {what}")
        if step:
            if ok:
                return f"{instance} acknowledged the {act} of {what} ({who})"
            return _failed(event, f"{act} {what} for {who}")
        return f"{who} decided to {act} {what}{_scope(event)}{_by(event)}"

    return sentence


def held(event: PublicEvent) -> str:
    """A hold was placed, or a gateway answered about it."""
    step, who, what = _data(event).get("step"), person(event.get("actor")), thing(event)
    instance = shown(event.get("instance"))
    if step and event.get("outcome") != "success":
        return _failed(event, f"hold {what}")
    if step and _data(event).get("kept"):
        return f"{instance} already blocked {what}; the hold changed nothing there"
    if step:
        return f"{instance} acknowledged the hold of {what}"
    until = "" if _data(event).get("by_hand") else " until the request is answered"
    return f"{who} decided to hold {what}{_scope(event)}{until}"


def released(event: PublicEvent) -> str:
    """A hold ended, or a gateway answered about it."""
    step, who, what = _data(event).get("step"), person(event.get("actor")), thing(event)
    instance = shown(event.get("instance"))
    if step == "gateway.hold":  # another one's hold stays
        if event.get("outcome") != "success":
            return _failed(event, f"keep the hold on {what} in the name of another")
        return (
            f"{instance} acknowledged the hold on {what} in the name of another request or person"
        )
    if step and event.get("outcome") != "success":
        return _failed(event, f"lift the hold on {what}")
    if step and _data(event).get("left"):
        return f"{instance} kept {what} blocked: the block there was not our hold"
    if step:
        return f"{instance} acknowledged the end of the hold on {what}"
    return f"{who} decided to end the hold on {what}{_scope(event)}{_by(event)}"


def overridden(event: PublicEvent) -> str:
    """A person refused an automatic block: the override that is logged."""
    return f"{person(event.get('actor'))} refused to block {thing(event)}; the override was logged"


def found(event: PublicEvent) -> str:
    """A scanner found something."""
    title = shown(_data(event).get("title")) or "something"
    return f"{shown(event.get('instance')) or 'A gateway'} found “{title}” in {thing(event)}"


def disposed(past: str) -> Sentence:
    """For `acknowledged`, `dismissed`."""

    def sentence(event: PublicEvent) -> str:
        data, who = _data(event), person(event.get("actor"))
        if data.get("step"):
            instance = shown(event.get("instance"))
            if event.get("outcome") == "success":
                return f"{instance} has the alert as {past} in its own list ({who})"
            return _failed(event, f"mark the alert as {past} in its own list")
        title, about = shown(data.get("title")), shown(data.get("about"))
        return f"{who} {past} “{title or 'a finding'}”" + (f" in {about}" if about else "")

    return sentence


for _kind in KINDS:
    action_registry.reword(f"{_kind}.blocked", decided("block"))
    action_registry.reword(f"{_kind}.unblocked", decided("unblock"))
    action_registry.reword(f"{_kind}.allowed", decided("allow"))
    action_registry.reword(f"{_kind}.held", held)
    action_registry.reword(f"{_kind}.released", released)
    action_registry.reword(f"{_kind}.override_logged", overridden)
action_registry.reword("finding.opened", found)
action_registry.reword("alert.acknowledged", disposed("acknowledged"))
action_registry.reword("alert.dismissed", disposed("dismissed"))
