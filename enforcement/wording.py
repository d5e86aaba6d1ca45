"""How the room's events read: who decided, which gateway acknowledged, what is not enforced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from audit import actions
from audit.wording import PublicEvent, person, shown
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


def _told(event: PublicEvent) -> str:
    """`; 2 gateways are being told`."""
    count = _data(event).get("gateways")
    if not count:
        return "; no gateway could be told" if count == 0 else ""
    return "; 1 gateway is being told" if count == 1 else f"; {count} gateways are being told"


def _by(event: PublicEvent) -> str:
    actor, approver = event.get("actor") or {}, _data(event).get("approver")
    if not isinstance(approver, Mapping) or shown(approver.get("sub")) == shown(actor.get("sub")):
        return ""
    return f", approved by {person(approver)}"


def _failed(event: PublicEvent, wish: str) -> str:
    detail = shown(_data(event).get("detail")).rstrip(".")
    return f"{shown(event.get('instance'))} did not {wish}" + (f": {detail}" if detail else "")


def decided(act: str, state: str) -> Sentence:
    """For `blocked`, `unblocked`, `allowed`: `act` = "block", `state` = "is blocked"."""

    def sentence(event: PublicEvent) -> str:
        step, who, what = _data(event).get("step"), person(event.get("actor")), thing(event)
        instance, ok = shown(event.get("instance")), event.get("outcome") == "success"
        if step == "gateway.stamp":
            if ok:
                return f"{instance} wrote {who} into its own audit log as who decided on {what}"
            return _failed(event, f"write {who} into its own audit log as who decided on {what}")
        if step:
            if ok:
                return f"{instance} acknowledged: {what} {state} ({who})"
            return _failed(event, f"{act} {what} for {who}")
        return f"{who} decided to {act} {what}{_where(event)}{_by(event)}{_told(event)}"

    return sentence


def held(event: PublicEvent) -> str:
    """A hold was placed, or a gateway answered about it."""
    step, who, what = _data(event).get("step"), person(event.get("actor")), thing(event)
    instance = shown(event.get("instance"))
    if step and event.get("outcome") != "success":
        return _failed(event, f"hold {what}")
    if step and _data(event).get("kept"):
        return f"{instance} already blocks {what}; the hold changed nothing there"
    if step:
        return f"{instance} acknowledged: {what} is on hold"
    until = "" if _data(event).get("by_hand") else " while somebody decides"
    return f"{who} put {what}{_where(event)} on hold{until}{_told(event)}"


def released(event: PublicEvent) -> str:
    """A hold ended, or a gateway answered about it."""
    step, who, what = _data(event).get("step"), person(event.get("actor")), thing(event)
    instance = shown(event.get("instance"))
    if step and event.get("outcome") != "success":
        return _failed(event, f"lift the hold on {what}")
    if step and _data(event).get("left"):
        return f"{instance} keeps {what} blocked: somebody else's block had replaced the hold"
    if step:
        return f"{instance} acknowledged: the hold on {what} is lifted"
    return f"{who} ended the hold on {what}{_where(event)}{_by(event)}{_told(event)}"


def overridden(event: PublicEvent) -> str:
    """A person refused an automatic block: the override that is logged."""
    return f"{person(event.get('actor'))} refused to block {thing(event)}; the override is logged"


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
    actions.reword(f"{_kind}.blocked", decided("block", "is blocked"))
    actions.reword(f"{_kind}.unblocked", decided("unblock", "is no longer blocked"))
    actions.reword(f"{_kind}.allowed", decided("allow", "is allowed"))
    actions.reword(f"{_kind}.held", held)
    actions.reword(f"{_kind}.released", released)
    actions.reword(f"{_kind}.override_logged", overridden)
actions.reword("finding.opened", found)
actions.reword("alert.acknowledged", disposed("acknowledged"))
actions.reword("alert.dismissed", disposed("dismissed"))
