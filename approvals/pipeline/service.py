"""The one entry point of every decision, from web, API, CLI and tasks alike (DESIGN 1.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from pydantic import ValidationError

from approvals import actor_json, clock, people_and_roles, policy, registry
from approvals.audit_events import approval_requested
from approvals.errors import FRESH_SIGN_IN, NothingToDo, Refused
from approvals.models import Approval, Channel, Effect
from approvals.pipeline import intent, locks, overtaken_requests, recheck
from approvals.pipeline.commit import commit_now
from approvals.pipeline.target_holds import place_hold
from approvals.policy import break_glass_limits
from approvals.registry import Stance, Verb
from approvals.step_up import any_eligible_approver_check, facts_shown_to_approver, rate_limit
from approvals.step_up.ask_next_approver import ask_next
from audit.clock import uuid7
from audit.ledger.format import safe_display
from audit.ledger.format.allowed_field_values import severity_rank
from audit.recording.actors import SYSTEM, Actor, Target

LONGEST_SENTENCE: Final = 500
"""Characters of a request that every phone shows whole."""


@dataclass(frozen=True, slots=True)
class Performed:
    """What `perform` did: committed (with its event) or waiting for an approval."""

    operation: str
    event_id: UUID | None = None
    approval: Approval | None = None
    effects: tuple[Effect, ...] = ()
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class _Request:
    verb: Verb
    actor: Actor
    target: Target
    params: dict[str, Any]
    reason: str
    severity: str
    rule: policy.Decision
    policy: policy.InForce


def _nothing(done: Performed) -> None:
    """Most callers keep nothing of their own with a decision."""


def perform(
    actor: Actor,
    verb: str,
    target: Target,
    *,
    params: Mapping[str, Any] | None = None,
    reason: str = "",
    severity: str | None = None,
    folded: str = "",
    before_commit: Callable[[Performed], None] = _nothing,
) -> Performed:
    """Take a decision, or ask for the step-up that the policy requires.

    `severity` may only raise what the verb finds. `folded` names the reason of an
    automatic ask, so that a storm of the same finding makes one approval. `before_commit` is called
    inside the transaction: what it writes is kept with the decision or not at all.

    Raises:
        Refused: `unknown_verb`, `bad_target`, `bad_params`, `not_permitted`, `no_approver`,
            `break_glass`, `fresh_sign_in_required`, `reason_required`, `too_much_to_show`,
            and those of the verb.
        NothingToDo: what is decided is so already.
    """
    request = _prepare(actor, verb, target, dict(params or {}), reason, severity)
    if why := break_glass_limits.why_not(actor, request.verb):
        raise Refused(break_glass_limits.CODE, why)
    if request.rule.kind == "refuse":  # not theirs any more since it was prepared
        raise _not_permitted(request.verb)
    request.verb.bars(actor, target)
    _check_needed(request)
    request.verb.validate(actor, target, request.params)
    operation = str(uuid7())
    if request.rule.kind == "commit":
        return _commit(request, operation, before_commit)
    return _ask(request, operation, folded, before_commit)


def holds_target(verb: str, target: Target, severity: str) -> bool:
    """Whether an automatic request of this severity would hold this now, or could not be made."""
    rule = policy.decide(SYSTEM, registry.get(verb), target, severity, policy.in_force())
    return rule.kind != "require" or rule.while_pending == "hold"


def _check_session_and_reason(verb: Verb, actor: Actor, target: Target, reason: str) -> None:
    """What every channel needs alike: a fresh sign-in and a reason, where the verb asks for one.

    Raises:
        Refused: `fresh_sign_in_required`, `reason_required`.
    """
    if verb.needs_fresh_sign_in(actor, target) and not actor.fresh:
        words = f"{verb.label} needs a sign-in of the last ten minutes with a second factor."
        raise Refused(FRESH_SIGN_IN, words)
    if verb.needs_reason(actor, target) and not reason.strip():
        raise Refused("reason_required", f"{verb.label} needs a reason here.", pointer="/reason")


def _check_needed(request: _Request) -> None:
    """Raise `NothingToDo` where it is so already."""
    verb, target = request.verb, request.target
    if so := verb.already(request.actor, target, request.params, request.severity):
        raise NothingToDo(so)


def _lock(request: _Request) -> None:
    """Take one decision about a thing at a time, also without a row, and judge it again."""
    target = request.target
    locks.lock_decisions(target)
    locks.lock_targets([target, *request.verb.parts(target, request.params)])
    request.verb.lock(target, request.params)
    _check_needed(request)


def _roles(verb: Verb) -> str:
    return " or ".join(sorted(verb.roles)) or "owner"


def _prepare(
    actor: Actor, name: str, target: Target, params: dict[str, Any], reason: str, raised: str | None
) -> _Request:
    try:
        verb = registry.get(name)
    except registry.UnknownVerb:
        near = get_close_matches(name, registry.names(), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise Refused(
            "unknown_verb", f"There is no verb {name!r}.{hint}", pointer="/verb"
        ) from None
    if target.kind not in verb.target_kinds or not target.name:
        kinds = " or ".join(sorted(verb.target_kinds))
        raise Refused("bad_target", f"{name} acts on a named {kinds}.", pointer="/target")
    _refuse_who_may_not(actor, verb, target)
    clean = checked(verb, params)
    verb = _as_it_relaxes(verb, target, clean)
    _check_session_and_reason(verb, actor, target, reason)
    return _judged(verb, actor, target, clean, reason, raised)


def _judged(
    verb: Verb, actor: Actor, target: Target, clean: dict[str, Any], reason: str, raised: str | None
) -> _Request:
    """The decision with how grave it is, under the rule of the policy in force that applies."""
    severity = _severity(verb, target, clean, raised)
    under = policy.in_force()
    rule = policy.decide(actor, verb, target, severity, under, clean)
    return _Request(verb, actor, target, clean, reason, severity, rule, under)


def _refuse_who_may_not(actor: Actor, verb: Verb, target: Target) -> None:
    """Refuse before parameters, severity or state are read: that may take long, and what it finds
    is not theirs to know. An automatic request (no subject) is for the policy to judge.

    Raises:
        Refused: `not_permitted`.
    """
    if actor.sub and not policy.may(actor, verb, target):
        raise _not_permitted(verb)


def _not_permitted(verb: Verb) -> Refused:
    return Refused("not_permitted", f"{verb.label} needs the role {_roles(verb)}.")


def _as_it_relaxes(verb: Verb, target: Target, params: Mapping[str, Any]) -> Verb:
    """The verb, recorded at once where these parameters relax nothing now."""
    return verb if verb.relaxes(target, params) else replace(verb, stance=Stance.RECORD)


def _severity(verb: Verb, target: Target, params: Mapping[str, Any], raised: str | None) -> str:
    found = verb.severity(target, params)
    return max((found, raised or found), key=severity_rank)


def checked(verb: Verb, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a decision as plain JSON, as its verb takes them.

    Raises:
        Refused: `bad_params`.
    """
    try:
        return verb.params.model_validate(params).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(p) for p in first["loc"])
        raise Refused(
            "bad_params", f"{where}: {first['msg']}", pointer=f"/params/{where}"
        ) from None


def _sentence(request: _Request) -> str:
    """What is asked, as page, phone and command line say it: safe to read, with a warning where
    the name could pass for another. The intent holds the exact name."""
    words = request.verb.sentence(request.target, request.params)
    warning = safe_display.warning(request.target.name)
    return safe_display.visible(words) + (f" ⚠ The name {warning}" if warning else "")


def _whole_sentence(request: _Request) -> str:
    """The sentence of what somebody has to approve: nothing of it is left out.

    Raises:
        Refused: `too_much_to_show`.
    """
    sentence, asks_phone = _sentence(request), request.rule.channel != Channel.PASSKEY
    is_cut = asks_phone and request.verb.by_passkey(request.target, request.params)
    if is_cut or len(sentence) > LONGEST_SENTENCE:
        raise Refused(
            "too_much_to_show",
            f"A phone shows {LONGEST_SENTENCE} characters; this takes more. Split it into several.",
            pointer="/params",
        )
    return sentence


def _intent(request: _Request, not_after_s: int, state_digest: str) -> intent.Intent:
    return intent.build(
        actor=request.actor,
        verb=request.verb.name,
        target=request.target,
        params=request.params,
        severity=request.severity,
        policy_digest=request.policy.digest,
        state_digest=state_digest,
        not_after=clock.now() + timedelta(seconds=not_after_s),
    )


def _commit(
    request: _Request, operation: str, before_commit: Callable[[Performed], None]
) -> Performed:
    prepared = request.verb.prepare(request.actor, request.target, request.params)
    sentence = safe_display.shortened(_sentence(request), LONGEST_SENTENCE)  # nobody approves it
    with transaction.atomic(durable=True):
        _lock(request)
        now = _judged_again(request)
        done = commit_now(
            verb=now.verb,
            actor=now.actor,
            target=now.target,
            params=now.params,
            reason=now.reason,
            severity=now.severity,
            operation=operation,
            intent_hash=_intent(now, settings.STEP_UP_EXPIRY_S, _state(now)).hash,
            policy_digest=now.policy.digest,
            prepared=prepared,
        )
        for about in (now.target, *done.parts):
            overtaken_requests.close(about, by=now.actor)
        performed = Performed(
            operation=operation,
            event_id=done.event_id,
            effects=done.effects,
            sentence=sentence,
        )
        before_commit(performed)
    return performed


def _judged_again(request: _Request) -> _Request:
    """The decision as it is judged under its lock: with the roles, severity and rule in force.

    Raises:
        Refused: `not_permitted`: with the roles in force it is not theirs to take so;
            `changed_meanwhile`: what it relaxes, how grave it is or the policy changed since it was
            judged, so that it needs an approval, or none.
    """
    actor, target, params = (
        people_and_roles.with_current_roles(request.actor),
        request.target,
        request.params,
    )
    verb = _as_it_relaxes(registry.get(request.verb.name), target, params)
    now = _judged(verb, actor, target, params, request.reason, request.severity)
    if now.rule.kind == request.rule.kind:
        return now
    if actor.roles != request.actor.roles:
        lost = " and ".join(sorted(request.actor.roles - actor.roles))
        raise Refused(
            "not_permitted",
            f"You no longer have the role {lost}: Auth0 or your last sign-in no longer lists it. "
            "Sign in again if it was assigned to you since.",
        )
    raise Refused(
        "changed_meanwhile",
        "What this decision is about, or the policy, changed in the meantime, and with it whether "
        "someone has to approve. Try again.",
    )


def _ask(
    request: _Request, operation: str, folded: str, before_commit: Callable[[Performed], None]
) -> Performed:
    with transaction.atomic(durable=True):
        _lock(request)
        asked, now = _judged_again(request), clock.now()
        asked.verb.bars(asked.actor, asked.target)
        asked.verb.validate(asked.actor, asked.target, asked.params)
        row = _row(asked, now) | {"operation": operation}
        approval, is_new = _one_approval(folded, _open_key(asked), row)
        if is_new:
            rate_limit.check_in_vain(asked.actor, now)
            asked.verb.count_request(asked.target, asked.params)
            if asked.rule.while_pending == "hold":
                place_hold(approval, asked.actor)
            ask_next(approval, asked.actor, now)
            approval_requested(approval, asked.actor)
        performed = Performed(operation=approval.operation, approval=approval)
        before_commit(performed)
    return performed


def _intent_to_approve(request: _Request, state: str) -> intent.Intent:
    rule = request.rule
    follow = not request.actor.sub or (rule.escalate and rule.approver == "another")
    follow = follow or rule.first is not None
    return _intent(request, recheck.open_for_s(rule.within_s, others_follow=follow), state)


def _row(request: _Request, now: datetime) -> dict[str, Any]:
    state = _state(request)
    made = _intent_to_approve(request, state)
    return {
        "id": uuid7(),
        "verb": request.verb.name,
        "target_kind": request.target.kind,
        "target_name": request.target.name,
        "target_instance": request.target.instance,
        "params": request.params,
        "reason": request.reason,
        "severity": request.severity,
        "sentence": _whole_sentence(request),
        **registry.facts(
            request.verb, request.actor, request.target, request.params, request.severity
        ),
        "requested_by": facts_shown_to_approver.requested_by(request.actor, request.params),
        "intent": made.text,
        "intent_hash": made.hash,
        "state_digest": state,
        "policy_digest": request.policy.digest,
        "rule": request.rule.as_json(),
        "single_person": any_eligible_approver_check.only_requester_can(
            request.rule, request.actor, request.verb.by_passkey(request.target, request.params)
        ),
        "requester": actor_json.to_json(request.actor) if request.actor.sub else {},
        "requester_iss": request.actor.iss,
        "requester_sub": request.actor.sub,
        "created": now,
        "expires_at": now + timedelta(seconds=request.rule.within_s),
        "due": now,
    }


def _one_approval(folded: str, open_key: str, row: dict[str, Any]) -> tuple[Approval, bool]:
    """The approval that asks for this already, or a new one, and whether it is new.

    Where two ask at once, the database lets one make it (both keys are unique) and the other waits
    for that row; `get_or_create` then reads it, with its own savepoint around the refusal.
    """
    if folded:
        return Approval.objects.get_or_create(folded=folded, defaults=row | {"open_key": open_key})
    if open_key:
        return Approval.objects.get_or_create(open_key=open_key, defaults=row)
    return Approval.objects.create(**row), True


def _state(request: _Request) -> str:
    """Digest of what the actor was shown."""
    return intent.digest(dict(request.verb.look(request.target, request.params)))


def _open_key(request: _Request) -> str:
    """Names this request while it waits: by whom, what, on what, how grave. Asking for the same
    again is the same request, with the code that is out already."""
    if not request.actor.sub:
        return ""  # automatic asks are folded by their own reason
    actor, target = request.actor, request.target
    same = [actor.iss, actor.sub, request.verb.name, target.kind, target.name, target.instance]
    return intent.digest([*same, request.params, request.severity])
