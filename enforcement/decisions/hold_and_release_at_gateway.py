"""Holds at a gateway: visible by their reason, and lifted only if ours still stands there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from approvals.models import Effect, EffectState
from approvals.outbox import step_execution
from approvals.registry import EffectResult, EffectRun, effect
from audit.evidence.log_proof_levels import LogSizes
from audit.models import EventRow
from audit.recording.stored_event_loader import load_many
from enforcement.audit_database.open_read_only import SourceUnreadable
from enforcement.decisions.steps.later_decision_wins import STEPS
from enforcement.decisions.steps.remote_steps import (
    confirmed,
    run_step,
    why_not_blocked,
    with_files_left,
)
from enforcement.gateways import (
    attempt_tags,
    effects_at_gateways,
    enforcement_entries,
    instances,
)
from enforcement.gateways.attempt_tags import HOLD_MARK
from enforcement.gateways.client import Gateway, Listed
from enforcement.gateways.instances import Instance
from enforcement.models import OutpostCommand

NOT_SENT: Final = (
    "It is blocked there by someone else, and our hold was not sent: it is sent once the gateway "
    "no longer lists that block."
)
"""The detail of a hold that waits for the end of a block which is not ours."""


def hold_reason(holder: str, until: str) -> str:
    """The reason text by which a hold is known. One with a request stays after its time `until`
    where no one answers, so it names no time."""
    return f"{HOLD_MARK}{holder} until {'decided or released' if until else 'released by hand'}"


def holder_of(reason: str) -> str:
    """Whose hold such a reason tells of."""
    return reason.removeprefix(HOLD_MARK).partition(" ")[0]


def is_hold(reason: str) -> bool:
    """Whether a block at a gateway is a hold of a portal."""
    return reason.startswith(HOLD_MARK)


def _lines(blocked: Iterable[Listed], kind: str, name: str) -> list[Listed]:
    return [one for one in blocked if (one.kind, one.name) == (kind, name)]


def _blocks_of_all_agents(
    instance: Instance | None, blocked: Iterable[Listed], kind: str, name: str
) -> list[Listed]:
    """The lines about it in a list of blocks, which do not say for which agent they are; none where
    the audit database has no block for all agents."""
    lines = _lines(blocked, kind, name)
    if not lines or instance is None or instance.audit_db is None:
        return lines
    try:
        entries = enforcement_entries.in_database(instance.audit_db, kind, name)
    except SourceUnreadable:
        return lines
    for_all = [one for one in entries if one.name == name and not one.connector]
    return lines if any(one.install == "block" for one in for_all) else []


def _was_sent_by_us(there: Listed, run: EffectRun) -> bool:
    """Whether a hold or block at a gateway is one that this portal sent there."""
    if not is_hold(there.reason):
        return attempt_tags.is_of_this_portal(there, run.instance, attempt_tags.BLOCK)
    sent = Effect.objects.filter(
        target_kind=there.kind,
        target_name=there.name,
        instance=run.instance,
        kind="gateway.hold",
        payload__reason__startswith=f"{HOLD_MARK}{holder_of(there.reason)} ",
    )
    return sent.exists()


@effect("gateway.hold")
def hold(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Block with a reason that says it is a hold; a block of somebody else, and the hold of another
    portal, are left as they are, and this step waits for their end."""

    def act(gateway: Gateway) -> EffectResult:
        kind, name = payload["kind"], payload["name"]
        if wait := why_not_blocked(gateway, kind):
            return wait
        there = _blocks_of_all_agents(gateway.instance, gateway.blocked(), kind, name)
        ours = [one for one in there if _was_sent_by_us(one, run)]
        if there and not ours:
            return EffectResult("pending", NOT_SENT)
        if any(
            attempt_tags.is_ours(one, run, attempt_tags.BLOCK, payload["reason"]) for one in ours
        ):
            said = "on hold, as read back from the gateway"
            return confirmed(gateway, kind, name, "block", said)
        was_allowed = any((a.kind, a.name) == (kind, name) for a in gateway.allowed())
        tag = attempt_tags.mint(run, attempt_tags.BLOCK, kind, name)
        gateway.block(kind, name, attempt_tags.reason_with(tag, payload["reason"]), tag)
        said = "the gateway acknowledged the hold"
        result = confirmed(gateway, kind, name, "block", said)
        extra = {"replaced": "allow"} if was_allowed else {}
        return replace(result, data={**result.data, **extra})

    return run_step("gateway.hold", payload, run, act)


def send_waiting(instance: str, blocked: Iterable[Listed]) -> None:
    """Have holds that wait for the end of somebody else's block tried now where the list of a
    gateway no longer has it, also those whose tries came to an end."""
    gateway, lines = instances.fleet().named(instance), tuple(blocked)
    steps = Effect.objects.filter(instance=instance, kind__in=STEPS)
    waiting = steps.filter(
        kind="gateway.hold", detail=NOT_SENT, state__in=[EffectState.PENDING, EffectState.FAILED]
    )
    for step in waiting:
        later = steps.filter(
            target_kind=step.target_kind, target_name=step.target_name, id__gt=step.pk
        )
        kind, name = step.target_kind, step.target_name
        if not later.exists() and not _blocks_of_all_agents(gateway, lines, kind, name):
            step_execution.again(Effect.objects.filter(pk=step.pk))


def _why_stays_disabled(kind: str, name: str, instance: str) -> str:
    """Why nothing ends a hold there: an outpost placed it that is revoked, and disabled the thing,
    which the gateway's list of blocks does not show. Empty where none did."""
    holds = Effect.objects.filter(target_kind=kind, target_name=name, instance=instance)
    newest = holds.filter(kind="gateway.hold", state=EffectState.DONE).order_by("-id").first()
    installed = kind in effects_at_gateways.INSTALLED
    if newest is None or not installed or not _was_carried_out_by_outpost(newest):
        return ""
    return (
        f"Not lifted: the outpost that disabled it at {instance} is revoked, and the gateway's "
        f"address cannot enable it. Run `defenseclaw {kind} enable` there."
    )


def _was_carried_out_by_outpost(step: Effect) -> bool:
    """By its command, or by the trail: who deletes an outpost's row deletes its commands, too."""
    if OutpostCommand.objects.filter(pk=step.pk).exists():
        return True
    results = EventRow.of_operation(step.operation).filter(action=step.event, outcome="success")
    said = load_many(list(results.values_list("event", flat=True)), LogSizes())
    return any(
        one["instance"] == step.instance
        and one["data"].get("step") == step.kind
        and one["data"].get("outpost")
        for one in said
    )


@effect("gateway.release")
def release(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Lift what these holders placed; a block that replaced it belongs to somebody else and stays.

    The gateway offers no conditional delete, so a block placed between our look and our delete
    would be lifted with the hold; the gap is one round trip.
    """

    def act(gateway: Gateway) -> EffectResult:
        kind, name = payload["kind"], payload["name"]
        holders = payload.get("holders") or [payload["holder"]]  # one in steps of before
        ours = tuple(f"{HOLD_MARK}{holder} " for holder in holders)
        there = _lines(gateway.blocked(), kind, name)
        if not there and (why := _why_stays_disabled(kind, name, run.instance)):
            return EffectResult("failed", why)
        if not there:
            nothing = EffectResult("done", "nothing is held here")
            return with_files_left(nothing, gateway.instance, kind, name)
        if not any(one.reason.startswith(ours) for one in there):
            return EffectResult(
                "done", "the block here is someone else's; it stays", data={"left": True}
            )
        gateway.unblock(kind, name, attempt_tags.mint(run, attempt_tags.UNBLOCK, kind, name))
        said = "the gateway acknowledged that the hold is lifted"
        return confirmed(gateway, kind, name, "", said)

    return run_step("gateway.release", payload, run, act)
