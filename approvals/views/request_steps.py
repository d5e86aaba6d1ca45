"""The steps of an approval, from the hold to each remote step, as `components/steps.html` reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from approvals.models import (
    Answer,
    Approval,
    Ask,
    AskState,
    Channel,
    Effect,
    EffectState,
    Outcome,
    Status,
)
from approvals.proven_approvals import Signature, all_signed, approved_asks, is_signed
from approvals.views.request_labels import (
    at_the_beginning,
    awaited,
    person_name,
    recorded_as_approved,
    verb_of,
    whose,
)
from audit.recording.actors import Actor
from enforcement.component_kinds import KINDS
from enforcement.decisions.steps.later_decision_wins import NEVER_SENT
from ui import local_tenant

Step = dict[str, Any]
_HOLDS = (".held", ".suspended")
_RELEASES = (".released", ".resumed")
_STATES = {
    EffectState.DONE: "done",
    EffectState.FAILED: "failed",
    EffectState.UNKNOWN: "unknown",
    EffectState.PENDING: "doing",
}


def steps(
    approval: Approval,
    ask: Ask | None,
    effects: Sequence[Effect],
    viewer: Actor,
    signed: Collection[Signature],
    event_url: str = "",
) -> list[Step]:
    """All steps in order; what did not happen says so. `ask` is the one that the page is about,
    `signed` are those whose signed approval is at hand."""
    held = [e for e in effects if e.event.endswith(_HOLDS)]
    ended = [e for e in effects if e.event.endswith(_RELEASES) and e.verb == approval.verb]
    ended = [] if _is_release_itself(approval) else ended
    own = [e for e in effects if e not in held and e not in ended]
    found = _hold(approval, held)
    for one in approved_asks(approval):
        found += _approved_before(one, viewer, signed) if one != ask else []
    found += _ask_steps(approval, ask, viewer, signed)
    found += [_signature(approval, ask, signed), _commit(approval, event_url)]
    found += [_remote(e) for e in own] + _release(approval, ended)
    return [step for step in found if step]


def _is_release_itself(approval: Approval) -> bool:
    return approval.verb.endswith((".release", ".resume", ".unblock"))


def _hold(approval: Approval, effects: Sequence[Effect]) -> list[Step]:
    if not _is_held_meanwhile(approval):
        return []
    if not effects:
        here = "On hold in this portal; no gateway was sent it"
        if approval.target_kind not in KINDS:
            here = "Suspended in this portal"
        return [{"state": "done", "text": here, "when": approval.created}]
    done = sum(e.state == EffectState.DONE for e in effects)
    places = "1 gateway" if len(effects) == 1 else f"{len(effects)} gateways"
    if done == len(effects):
        return [{"state": "done", "text": f"Hold acknowledged by {places}", "when": _last(effects)}]
    sent = [e for e in effects if not _was_replaced(e)]
    if not sent:
        text = f"Hold not sent to {places}: a later decision replaced it"
        return [{"state": "not", "text": text}]
    if len(sent) < len(effects):
        return _hold(approval, sent)
    worst = next((e for e in effects if e.state == EffectState.FAILED), None)
    state = "failed" if worst else "doing"
    detail = f"{worst.instance}: {worst.detail}" if worst else f"{done} of {len(effects)} so far"
    return [{"state": state, "text": f"Hold at {places}", "detail": detail}]


def _was_replaced(effect: Effect) -> bool:
    """Whether a later decision made the step pointless before it was sent."""
    return effect.state == EffectState.FAILED and effect.detail == NEVER_SENT


def _is_held_meanwhile(approval: Approval) -> bool:
    """Whether its rule holds what it is about while it waits, and its verb can."""
    verb = verb_of(approval)
    can_hold = verb is None or verb.hold is not None
    return can_hold and approval.rule.get("while_pending") == "hold"


def _ask_steps(
    approval: Approval, ask: Ask | None, viewer: Actor, signed: Collection[Signature]
) -> list[Step]:
    closed = approval.status == Status.CLOSED
    if ask is None:
        state = "not" if closed else "doing"
        detail = "" if closed else "no one who could approve has signed in yet"
        return [
            {"state": state, "text": "Send the push", "detail": detail},
            {"state": "not" if closed else "todo", "text": "Answer"},
        ]
    name = person_name(ask.person, viewer)
    if approval.answer == Answer.APPROVED:
        return [_push(ask, name, closed), _approved(ask, name, signed)]
    return [_push(ask, name, closed), _answer(approval, ask, name, closed)]


def _approved_before(ask: Ask, viewer: Actor, signed: Collection[Signature]) -> list[Step]:
    name = person_name(ask.person, viewer)
    return [_push(ask, name, closed=False), _approved(ask, name, signed)]


def _approved(ask: Ask, name: str, signed: Collection[Signature]) -> Step:
    if is_signed(ask, signed):
        return {"state": "done", "text": f"{at_the_beginning(name)} approved"}
    return {"state": "unknown", "text": recorded_as_approved(name)}


def _push(ask: Ask, name: str, closed: bool) -> Step:
    if ask.channel == Channel.PASSKEY:
        return {"state": "done", "text": f"Asked {name} to answer here", "when": ask.started}
    to = f"to {whose(name)} device"
    if ask.state == AskState.STARTING:
        state = "not" if closed else "doing"
        return {"state": state, "text": f"Send the push {to}", "detail": ask.detail}
    if ask.state == AskState.FAILED and ask.detail.startswith(("not_enrolled", "issuer_unreach")):
        return {"state": "failed", "text": f"Send the push {to}", "detail": ask.detail}
    return {"state": "done", "text": f"{_issuer()} accepted the push {to}", "when": ask.started}


def _answer(approval: Approval, ask: Ask, name: str, closed: bool) -> Step:
    who = at_the_beginning(name)
    match approval.answer:
        case Answer.DENIED if approval.inferred:
            return {"state": "unknown", "text": f"{who} denied, as far as the clock tells"}
        case Answer.DENIED:
            return {"state": "failed", "text": f"{who} denied"}
    if closed:
        silent = approval.outcome == Outcome.EXPIRED
        return {"state": "not", "text": "No one answered" if silent else "No answer used"}
    if ask.state == AskState.STARTING:
        return {"state": "todo", "text": f"{whose(who)} answer" if name != "you" else "Your answer"}
    said = f"one of two; the {awaited(ask)} has yet to" if ask.answers else ""
    text = "Your answer" if name == "you" else f"{name}’s answer"
    return {"state": "doing", "text": text, "detail": said}


def _issuer() -> str:
    """Who accepts a push and signs its answer."""
    return "DEMO: the local tenant" if local_tenant.is_local() else "Auth0"


_SIGNATURES: dict[str, str] = {
    Channel.PASSKEY: "the passkey’s signature",
    Channel.BOTH: "both signatures",
    Channel.EITHER: "the signature",
}


def _signature(approval: Approval, ask: Ask | None, signed: Collection[Signature]) -> Step:
    by = Channel(ask.channel) if ask else Channel.CIBA
    if by == Channel.EITHER and ask and len(ask.answers) == 1:
        by = Channel(next(iter(ask.answers)))
    whose_ = f"{_issuer()}’s signature" if by == Channel.CIBA else _SIGNATURES[by]
    text = f"Check {whose_.removeprefix('DEMO: ')}"
    if approval.answer == Answer.APPROVED:
        if not all_signed(approval, signed):
            return {"state": "unknown", "text": text, "detail": "it was not found"}
        return {"state": "done", "text": f"{whose_[:1].upper()}{whose_[1:]} checked"}
    if approval.status != Status.CLOSED:
        return {"state": "todo", "text": text}
    broken = approval.outcome == Outcome.FAILED and approval.outcome_code in _UNPROVEN
    return {"state": "failed" if broken else "not", "text": text}


_UNPROVEN = frozenset(
    {"details_differ", "details_missing", "wrong_subject", "nothing_signed", "keys_unreachable"}
)


def _commit(approval: Approval, event_url: str) -> Step:
    if approval.outcome == Outcome.APPROVED:
        done: Step = {"state": "done", "text": "Applied and recorded", "when": approval.closed}
        return done | ({"url": event_url, "action": "Event"} if event_url else {})
    if approval.status == Status.CLOSED:
        return {"state": "not", "text": "Nothing was committed"}
    return {"state": "todo", "text": "Apply and record"}


def _remote(effect: Effect) -> Step:
    text = effect.label or f"{effect.kind} at {effect.instance}"
    step: Step = {"state": _STATES[EffectState(effect.state)], "text": text}
    if effect.detail and effect.state != EffectState.DONE:
        step["detail"] = effect.detail
    if effect.state == EffectState.DONE:
        step["when"] = effect.updated
    return step


def _release(approval: Approval, effects: Sequence[Effect]) -> list[Step]:
    if effects:
        return [_remote(e) for e in effects]
    was_held = _is_held_meanwhile(approval)
    if approval.status == Status.CLOSED and was_held and approval.outcome != Outcome.APPROVED:
        if approval.held:
            return [{"state": "doing", "text": "The hold stays until someone decides"}]
        return [{"state": "done", "text": "The hold ended"}]
    return []


def open_effects(effects: Iterable[Effect]) -> bool:
    """Whether a remote step is still to come."""
    return any(e.state in {EffectState.PENDING, EffectState.UNKNOWN} for e in effects)


def _last(effects: Sequence[Effect]) -> Any:
    return max(e.updated for e in effects)
