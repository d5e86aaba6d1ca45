"""The remote steps of a decision: block, unblock, allow, and the stamp with the person's name.

Each is idempotent at the gateway, and read back before a retry when its answer was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from approvals.models import Effect, EffectState
from approvals.outbox import step_execution
from approvals.registry import EffectResult, EffectRun, effect
from enforcement.audit_database.scan_rows import SourceUnreadable, opened
from enforcement.decisions.steps import steps_at_outposts
from enforcement.decisions.steps.later_decision_wins import FINAL_STEPS, STEPS, not_now
from enforcement.effects.conclude_effect import conclude
from enforcement.effects.gateway_facts import V020
from enforcement.gateways import (
    attempt_tags,
    effect_change_events,
    effects_at_gateways,
    instances,
    one_call_at_a_time,
)
from enforcement.gateways.client import Gateway, GatewayError, Listed, NotAnswering
from enforcement.gateways.effects_at_gateways import GatewayEffect
from enforcement.gateways.instances import Instance
from enforcement.models import Watch
from enforcement.outposts import command_recipients

Step = Callable[[Gateway], EffectResult]

_LONGEST_WAIT_S = 900.0  # a gateway that asks for more is asked all the same


def run_step(step: str, payload: dict[str, Any], run: EffectRun, act: Step) -> EffectResult:
    """Carry a step out at its gateway, or have its outpost do that, unless it is out of turn."""
    wait = not_now(step, payload["kind"], payload["name"], run)
    if wait is not None:
        return steps_at_outposts.replaced(run, wait) if wait.state == "failed" else wait
    outpost = command_recipients.outpost_of(run.instance)
    return steps_at_outposts.run_at(outpost, payload, run) if outpost else at_gateway(run, act)


def at_gateway(run: EffectRun, act: Step) -> EffectResult:
    """Call the gateway of this step and turn what goes wrong into a state of the outbox.

    A step whose earlier try may have been carried out stays unknown until an answer settles it.
    """
    instance = instances.fleet().named(run.instance)
    if instance is None:
        return EffectResult("failed", f"{run.instance} is no longer registered.")
    try:
        if effects_at_gateways.settings_of(_watch(instance)).generation == V020:
            with one_call_at_a_time.turn_at(instance.name):
                return act(Gateway(instance))
        return act(Gateway(instance))
    except NotAnswering as trouble:
        state = "unknown" if trouble.maybe_done or _may_be_done(run) else "pending"
        wait = trouble.retry_in_s
        return EffectResult(
            state, trouble.detail, retry_in_s=None if wait is None else min(wait, _LONGEST_WAIT_S)
        )
    except GatewayError as refusal:
        return EffectResult("unknown" if _may_be_done(run) else "failed", refusal.detail)


def _may_be_done(run: EffectRun) -> bool:
    return Effect.objects.filter(pk=run.effect_id, state=EffectState.UNKNOWN).exists()


def _watch(instance: Instance) -> Watch | None:
    return Watch.objects.filter(name=instance.name).first()


def why_not_blocked(gateway: Gateway, kind: str) -> EffectResult | None:
    """A block or hold that would end the gateway's process waits."""
    settings = effects_at_gateways.settings_of(_watch(gateway.instance))
    why = effects_at_gateways.why_block_cannot_end_well(settings, kind)
    return EffectResult("pending", why, retry_in_s=60.0) if why else None


def send_what_waited_for_openclaw(instance: str) -> None:
    """Have blocks and holds tried now that waited until this gateway met its OpenClaw, also those
    whose tries came to an end, where nothing was decided since."""
    steps = Effect.objects.filter(instance=instance, kind__in=STEPS)
    waiting = steps.filter(
        detail=effects_at_gateways.WAITS_FOR_OPENCLAW,
        state__in=[EffectState.PENDING, EffectState.FAILED],
    )
    for step in waiting:
        same = steps.filter(target_kind=step.target_kind, target_name=step.target_name)
        if not same.filter(id__gt=step.pk).exists():
            step_execution.again(Effect.objects.filter(pk=step.pk))


def confirmed(gateway: Gateway, kind: str, name: str, wanted: str, said: str) -> EffectResult:
    """What a step came to by the lists read after it, and what agents may then still do.

    Raises:
        NotAnswering: the lists cannot be read, or do not have what the gateway acknowledged.
    """
    try:
        lists = gateway.blocked(), gateway.allowed()
    except GatewayError as trouble:
        words = f"{gateway.instance.name} acknowledged it, and then: {trouble.detail}"
        retry_in_s = trouble.retry_in_s if isinstance(trouble, NotAnswering) else None
        raise NotAnswering(words, maybe_done=True, retry_in_s=retry_in_s) from trouble
    block, allow = (any((x.kind, x.name) == (kind, name) for x in one) for one in lists)
    if not {"block": block, "allow": allow, "": True}[wanted]:
        words = f"{gateway.instance.name} acknowledged it, but its list does not have it."
        raise NotAnswering(words, maybe_done=True)
    facts = effects_at_gateways.facts_at(
        gateway.instance, _watch(gateway.instance), kind, name, lists
    )
    effect = GatewayEffect(gateway.instance, conclude(facts))
    effect_change_events.keep(gateway.instance.name, facts, wanted, effect.agents)
    if not wanted and block:
        said = f"{said}; its list still has a block, of one agent or of someone else"
    result = EffectResult(
        "done", f"{said}. {' '.join(effect.sentences)}", data={"effect": effect.as_json()}
    )
    if wanted == "block":
        return result
    ended = wanted != "allow"  # an allow may come first
    return with_files_left(result, gateway.instance, kind, name, was_restricted=ended)


def with_files_left(
    result: EffectResult, instance: Instance, kind: str, name: str, *, was_restricted: bool = True
) -> EffectResult:
    """The same with what a step that relaxes does not undo: files that are in quarantine, or may
    be."""
    left = effects_at_gateways.files_left(instance, kind, name, restricted=was_restricted)
    if not left:
        return result
    lie = effects_at_gateways.lie_in_quarantine(instance, kind, name)
    data = {**result.data, **({"not_undone": ["quarantine"]} if lie else {})}
    return replace(result, detail=f"{result.detail.rstrip('.')}. {left}", data=data)


@effect("gateway.block")
def block(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """The block that stays."""

    def act(gateway: Gateway) -> EffectResult:
        kind, name, reason = payload["kind"], payload["name"], payload["reason"]
        if wait := why_not_blocked(gateway, kind):
            return wait
        if run.attempt > 1 and _is_listed(gateway.blocked(), payload, run, attempt_tags.BLOCK):
            said = "blocked, as read back from the gateway"
            return confirmed(gateway, kind, name, "block", said)
        tag = attempt_tags.mint(run, attempt_tags.BLOCK, kind, name)
        gateway.block(kind, name, attempt_tags.reason_with(tag, reason), tag)
        return confirmed(gateway, kind, name, "block", "the gateway acknowledged the block")

    return run_step("gateway.block", payload, run, act)


@effect("gateway.unblock")
def unblock(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Lift a block; nothing to lift is as good."""

    def act(gateway: Gateway) -> EffectResult:
        kind, name = payload["kind"], payload["name"]
        gateway.unblock(kind, name, attempt_tags.mint(run, attempt_tags.UNBLOCK, kind, name))
        said = "the gateway acknowledged that the block is lifted"
        return confirmed(gateway, kind, name, "", said)

    return run_step("gateway.unblock", payload, run, act)


@effect("gateway.allow")
def allow(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Allow, which skips scans at the gateway."""

    def act(gateway: Gateway) -> EffectResult:
        kind, name, reason = payload["kind"], payload["name"], payload["reason"]
        watch = _watch(gateway.instance)
        facts = effects_at_gateways.facts_at(gateway.instance, watch, kind, name)
        if why := effects_at_gateways.why_allow_cannot_end_well(facts):
            return EffectResult("failed", why)
        if run.attempt > 1 and _is_listed(gateway.allowed(), payload, run, attempt_tags.ALLOW):
            said = "allowed, as read back from the gateway"
            return confirmed(gateway, kind, name, "allow", said)
        tag = attempt_tags.mint(run, attempt_tags.ALLOW, kind, name)
        gateway.allow(kind, name, attempt_tags.reason_with(tag, reason), tag)
        return confirmed(gateway, kind, name, "allow", "the gateway acknowledged the allow")

    return run_step("gateway.allow", payload, run, act)


def _is_listed(
    listed: tuple[Listed, ...], payload: dict[str, Any], run: EffectRun, action: str
) -> bool:
    """Whether the list has what an earlier try of this very step wrote."""
    wanted = (payload["kind"], payload["name"])
    return any(
        (item.kind, item.name) == wanted
        and attempt_tags.is_ours(item, run, action, payload["reason"])
        for item in listed
    )


@effect("gateway.stamp")
def stamp(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Write the acting person into the gateway's own audit log, once the act itself is done there.

    DefenseClaw has one shared token and logs every call as `defenseclaw`; this row names the
    person. Before a repeat its audit database is read, where it is on this host; the row carries
    the tag of its try, so that elsewhere one that was written twice is recognised.
    """
    if command_recipients.outpost_of(run.instance):
        return EffectResult("failed", "Not sent: an outpost acts there, and its tag names this.")
    first = Effect.objects.filter(
        operation=run.operation, instance=run.instance, kind__in=FINAL_STEPS
    ).first()
    if first is not None and first.state == EffectState.FAILED:
        return EffectResult("failed", "The act itself was not carried out here.")
    if first is not None and first.state != EffectState.DONE:
        return EffectResult("pending", "waits for the act itself", retry_in_s=2.0 * run.attempt)

    def act(gateway: Gateway) -> EffectResult:
        activity, note = payload["activity"], payload["note"]
        what = (activity["action"], activity["target_type"], activity["target_id"])
        if run.attempt > 1 and _named_already(gateway.instance, run, *what):
            return EffectResult("done", "its audit log names the person, as read back from it")
        tag = attempt_tags.mint(run, *what)
        if gateway.stamp(activity, tag):
            return EffectResult(
                "done", "its audit log names the person", data={"route": "activity"}
            )
        said = f"[ATA {tag}] type={what[1]} {note['details']}"
        gateway.note({**note, "request_id": tag, "details": said})
        return EffectResult("done", "its audit log names the person", data={"route": "event"})

    return at_gateway(run, act)


def _named_already(instance: Instance, run: EffectRun, action: str, kind: str, name: str) -> bool:
    if instance.audit_db is None:
        return False
    try:
        with opened(instance.audit_db) as source:
            rows = source.rows_of(run.operation)
            return any(attempt_tags.names_person(row, run, action, kind, name) for row in rows)
    except SourceUnreadable:
        return False
