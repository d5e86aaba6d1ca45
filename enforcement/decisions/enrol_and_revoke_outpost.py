"""The decisions about outposts: enrol, suspend, resume, revoke (docs/outpost.md).

They are about keys, so another person approves, where there is one. Only suspending is immediate.
A target such as `build-*` is a fleet code (`fleet_codes`), which suspending ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from approvals import clock, registry
from approvals.errors import Refused
from approvals.registry import AlreadyFn, CommitContext, Committed, Stance, Verb
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from enforcement.decisions import fleet_codes
from enforcement.gateways.instances import NAME
from enforcement.models import EnrolmentCode, Outpost
from enforcement.outposts import command_recipients, enrolment, sealed_rows

KIND = "outpost"
_ADMIN = frozenset({"admin"})


def live(instance: str) -> Outpost | None:
    """The outpost of an instance that is not revoked, suspended ones included."""
    return Outpost.objects.filter(instance=instance, revoked_at=None).first()


def is_in_log_alone(instance: str) -> bool:
    """Whether the log has an outpost of this gateway that counts, and no row of it is live: someone
    deleted the row, wrote to it, or put one of another outpost in its place."""
    newest, row = sealed_rows.recorded(instance).get(instance), live(instance)
    if newest is None or (row is not None and row.operation == newest.operation):
        return False
    return command_recipients.outpost_of(instance) is not None


def _locked(target: Target) -> Outpost:
    found = Outpost.objects.select_for_update().filter(instance=target.name, revoked_at=None)
    outpost = found.first()
    if outpost is None:
        raise _unknown(target)
    return outpost


def _unknown(target: Target) -> Refused:
    words = "This gateway has no outpost."
    if is_in_log_alone(target.name):
        words = (
            "Only the log still has the outpost of this gateway, and it gets no commands. It can "
            "be revoked."
        )
    return Refused("unknown_outpost", words, pointer="/target/name")


def _check_name(target: Target) -> None:
    if not NAME.fullmatch(target.name) or target.instance not in {"", target.name}:
        raise Refused(
            "bad_target",
            "Name the gateway: letters, digits, dot, dash and underscore, at most 60.",
            pointer="/target/name",
        )


def _may_enrol(_actor: Actor, target: Target, params: Mapping[str, Any]) -> None:
    fleet_codes.check_bounds(target, params)
    if fleet_codes.is_pattern(target):
        fleet_codes.check_pattern(target)
        return
    _check_name(target)
    if live(target.name) is not None:
        raise Refused(
            "already_enrolled", f"{target.name} has an outpost. Revoke it before another enrols."
        )


def _has_outpost(_actor: Actor, target: Target, _params: Mapping[str, Any]) -> None:
    _check_name(target)
    if live(target.name) is None:
        raise _unknown(target)


def _may_suspend(actor: Actor, target: Target, params: Mapping[str, Any]) -> None:
    """A pattern without a code, too: its row may have been taken out, to be put back later."""
    if fleet_codes.is_pattern(target):
        fleet_codes.check_pattern(target)
    else:
        _has_outpost(actor, target, params)


def _may_revoke(_actor: Actor, target: Target, _params: Mapping[str, Any]) -> None:
    _check_name(target)
    if live(target.name) is None and not is_in_log_alone(target.name):
        raise _unknown(target)


def _look(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Which outpost the gateway has. A suspension is left out: it must end no request to revoke.
    Of a fleet code: what ended those of its pattern last, which ends waiting requests for one."""
    if fleet_codes.is_pattern(target):
        return {"ended_by": enrolment.last_end(target.name)}
    outpost = live(target.name)
    return {"outpost": outpost.id if outpost else ""}


def _look_to_revoke(target: Target, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Which outpost the gateway has, and which enrolment of the log ends with it: a row that says
    so may be another one's."""
    alone, seen = is_in_log_alone(target.name), _look(target, params)
    if not (alone or seen["outpost"]):
        return seen
    newest = sealed_rows.recorded(target.name).get(target.name)
    enrolment = newest.operation if newest else ""
    return {"outpost": "" if alone else seen["outpost"], "enrolment": enrolment}


def _enrol(ctx: CommitContext) -> Committed:
    _may_enrol(ctx.actor, ctx.target, ctx.params)
    if not ctx.approval:
        raise Refused("needs_another_person", "Another person has to approve a new outpost.")
    right = EnrolmentCode(
        approval=UUID(ctx.approval),
        operation=ctx.operation,
        instance=ctx.target.name,
        decided_at=clock.now(),
        uses=ctx.params.get("uses", 1),
        until=fleet_codes.end_of(ctx.params),
    )
    right.seal = sealed_rows.seal(right)
    right.save(force_insert=True)
    if fleet_codes.is_pattern(ctx.target):
        return Committed(data={"fleet": ctx.target.name, **ctx.params})
    return Committed()


def _said(outpost: Outpost) -> Committed:
    """Names the outpost and its gateway in the entry, where the target's name is committed only."""
    return Committed(data={"outpost": outpost.id, "gateway": outpost.instance})


def _suspend(ctx: CommitContext) -> Committed:
    if fleet_codes.is_pattern(ctx.target):
        return Committed(data=fleet_codes.end(ctx.target))
    outpost = _locked(ctx.target)
    sealed_rows.change(outpost, suspended_at=clock.now(), suspended_by=ctx.operation)
    return _said(outpost)


def _resume(ctx: CommitContext) -> Committed:
    outpost = _locked(ctx.target)
    sealed_rows.change(outpost, suspended_at=None, suspended_by="")
    return _said(outpost)


def _is(*, suspended: bool) -> AlreadyFn:
    """Says that an outpost is so already; empty where it is not."""

    def already(_actor: Actor, target: Target, _params: Mapping[str, Any], _severity: str) -> str:
        outpost = live(target.name)
        if outpost is None or (outpost.suspended_at is not None) != suspended:
            return ""
        state = "suspended" if suspended else "not suspended"
        return f"The outpost of {target.name} is {state}."

    return already


def _lock_enrolments(target: Target, _params: Mapping[str, Any]) -> None:
    """An outpost that enrols meanwhile is not the one that somebody decided to revoke."""
    enrolment.lock_open_codes(target.name)


def _lock_fleet(target: Target, _params: Mapping[str, Any]) -> None:
    """A device that enrols by a fleet code meanwhile is enrolled, or refused."""
    if fleet_codes.is_pattern(target):
        enrolment.lock_fleet_codes(target.name)


def _revoke(ctx: CommitContext) -> Committed:
    _may_revoke(ctx.actor, ctx.target, ctx.params)
    enrolment.end_open_codes(ctx.target.name)
    return Committed(data=sealed_rows.revoke(ctx.target.name, ctx.operation))


def _after_revoking(target: Target, _params: Mapping[str, Any]) -> str:
    """What approving comes to where only the log has the outpost."""
    if not is_in_log_alone(target.name):
        return ""
    return (
        "The gateway counts as without an outpost: what waits is sent to the gateway's own "
        "address, if the portal has one. Another outpost can enrol. The log keeps that the row of "
        "the revoked one was missing or altered."
    )


def _risk_of_enrolling(target: Target, params: Mapping[str, Any]) -> str:
    if fleet_codes.is_pattern(target):
        return fleet_codes.risk(params)
    return "a device joins that carries out decisions at the gateway"


def _after_enrolling(target: Target, params: Mapping[str, Any]) -> str:
    return fleet_codes.outcome(params) if fleet_codes.is_pattern(target) else ""


def _enrol_sentence(target: Target, params: Mapping[str, Any]) -> str:
    if fleet_codes.is_pattern(target):
        return fleet_codes.enrol_sentence(target, params)
    return f"Let an outpost enrol next to the gateway {safe_display.short(target.name)}"


def _suspend_sentence(target: Target, _params: Mapping[str, Any]) -> str:
    name = safe_display.short(target.name)
    if fleet_codes.is_pattern(target):
        return f"End the fleet code for hosts named {name}"
    return f"Suspend the outpost of the gateway {name}"


def _sentence(words: str) -> Any:
    def sentence(target: Target, _params: Mapping[str, Any]) -> str:
        return f"{words} {safe_display.short(target.name)}"

    return sentence


registry.register(
    Verb(
        name="outpost.enrol",
        event="outpost.enrolled",
        label="Enrol",
        roles=_ADMIN,
        stance=Stance.LOOSEN,
        target_kinds=frozenset({KIND}),
        commit=_enrol,
        validate=_may_enrol,
        look=_look,
        params=fleet_codes.EnrolParams,
        severity=lambda _target, _params: "CRITICAL",
        sentence=_enrol_sentence,
        risk=_risk_of_enrolling,
        expects=_after_enrolling,
        if_approved="The requester gets a code, which one device can use within 15 minutes.",
        if_denied="No outpost enrols.",
        if_expired="No outpost enrols.",
    )
)
registry.register(
    Verb(
        name="outpost.suspend",
        event="outpost.suspended",
        label="Suspend",
        roles=_ADMIN,
        stance=Stance.TIGHTEN,
        target_kinds=frozenset({KIND}),
        commit=_suspend,
        validate=_may_suspend,
        already=_is(suspended=True),
        look=_look,
        lock=_lock_fleet,
        severity=lambda _target, _params: "HIGH",
        sentence=_suspend_sentence,
    )
)
registry.register(
    Verb(
        name="outpost.resume",
        event="outpost.resumed",
        label="Resume",
        roles=_ADMIN,
        stance=Stance.LOOSEN,
        target_kinds=frozenset({KIND}),
        commit=_resume,
        validate=_has_outpost,
        already=_is(suspended=False),
        look=_look,
        severity=lambda _target, _params: "HIGH",
        sentence=_sentence("Resume the outpost of the gateway"),
        risk=lambda _target, _params: "what it reports of the gateway counts again",
        if_approved="Its reports are taken in again.",
        if_denied="It stays suspended.",
        if_expired="It stays suspended.",
    )
)
registry.register(
    Verb(
        name="outpost.revoke",
        event="outpost.revoked",
        label="Revoke",
        roles=_ADMIN,
        stance=Stance.FINAL,
        target_kinds=frozenset({KIND}),
        commit=_revoke,
        validate=_may_revoke,
        look=_look_to_revoke,
        lock=_lock_enrolments,
        severity=lambda _target, _params: "HIGH",
        sentence=_sentence("Revoke the outpost of the gateway"),
        if_approved="Its reports are refused for good; another outpost can enrol.",
        expects=_after_revoking,
        if_denied="It is not revoked; a suspension stays until someone resumes it.",
        if_expired="It is not revoked; a suspension stays until someone resumes it.",
    )
)
