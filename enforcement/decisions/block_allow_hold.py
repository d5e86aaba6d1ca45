"""The verbs of enforcement: hold, release, block, unblock and allow for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from approvals import registry
from approvals.errors import Refused
from approvals.models import Effect
from approvals.registry import CommitContext, Committed, EffectSpec, Stance, Verb
from audit.ledger.format import safe_display
from audit.ledger.format.allowed_field_values import gravest
from audit.recording.actors import Actor, Target
from enforcement.component_kinds import KINDS, called, where
from enforcement.decisions import (
    decision_severity,
    expected_outcome,
    hold_and_block_owners,
    no_change,
    restrictions_of_wider_scope,
    stored_decisions_and_holds,
)
from enforcement.decisions.decision_params import Params, TerminalParams
from enforcement.decisions.hold_and_release_at_gateway import hold_reason, holder_of
from enforcement.decisions.steps import (
    later_decision_wins,
    terminal_steps,
)
from enforcement.findings import severities_outlasting_milder_scans
from enforcement.gateways import actor_entry_for_gateway_log, instances
from enforcement.models import Asset, Decision
from enforcement.outposts import command_recipients

OPERATOR = frozenset({"operator"})

prerequisites: list[Callable[[Target], list[str]]] = []
"""What must be true before an allow is useful, asked of other apps by the portal's wiring."""

when_allowed: list[Callable[[Target], object]] = []
"""What other apps do in the transaction that allows something, by the portal's wiring."""


def needs(target: Target) -> list[str]:
    """What other apps find missing before the target can be used."""
    return [need for ask in prerequisites for need in ask(target)]


def _reads(words: str) -> Callable[[Target, Mapping[str, Any]], str]:
    def sentence(target: Target, params: Mapping[str, Any]) -> str:
        thing = called(target.kind, safe_display.in_sentence(target.name))
        by_hand = ", carried out at the terminal there" if params.get("terminal") else ""
        return f"{words.format(thing=thing)} {where(target.instance)}{by_hand}"

    return sentence


def _steps(ctx: CommitContext, step: str, label: str, **payload: str) -> list[EffectSpec]:
    base = {"kind": ctx.target.kind, "name": ctx.target.name, **payload}
    return [
        EffectSpec(step, dict(base), instance.name, f"{label} {_at(instance)}")
        for instance in instances.fleet().scope(ctx.target.instance)
    ]


def _has_outpost(target: Target) -> bool:
    """Whether an outpost carries a decision out at one of the gateways that it covers."""
    covered = instances.fleet().scope(target.instance)
    return any(command_recipients.outpost_of(one.name) for one in covered)


def _at(instance: instances.Instance) -> str:
    return f"{instance.name} (DEMO)" if instance.demo else instance.name


@dataclass(frozen=True, slots=True)
class _Final:
    """Commit of an act that stays: decide here, tell each gateway, then name the person there."""

    act: str
    decision: Decision
    label: str

    def __call__(self, ctx: CommitContext) -> Committed:
        if self.decision == Decision.BLOCK:
            _check_nothing_graver(ctx)
        else:
            restrictions_of_wider_scope.check_all_gateways(ctx.target)
        if self.decision == Decision.ALLOW:
            restrictions_of_wider_scope.check_all_agents(ctx.target)
        moved = stored_decisions_and_holds.decide(ctx, self.decision)
        payload = {} if self.act == "unblock" else {"reason": ctx.reason.strip()[:400]}
        if by_hand := bool(ctx.params.get("terminal")):
            tell = [terminal_steps.step(ctx, self.act, self.label)]
        else:
            tell = _steps(ctx, f"gateway.{self.act}", f"{self.label} at", **payload)
        stamp = actor_entry_for_gateway_log.payload(ctx, self.act, moved["before"])
        stamps = [
            EffectSpec(
                "gateway.stamp",
                stamp,
                steps.instance,
                f"Record the decider in the audit log of {steps.instance}",
            )
            for steps in tell
            # Else its row has the tag.
            if not by_hand and command_recipients.outpost_of(steps.instance) is None
        ]
        data: dict[str, Any] = {"gateways": len(tell)}
        if self.act == "allow":
            if missing := needs(ctx.target):
                data["needs"] = missing
            if instances.fleet().counts_for_credentials(ctx.target.instance, Decision.ALLOW):
                for notify in when_allowed:
                    notify(ctx.target)
        return Committed(
            effects=[*tell, *stamps],
            data=data,
            changes={"decision": {"before": moved["before"], "after": moved["after"]}},
        )


def _check_nothing_graver(ctx: CommitContext) -> None:
    """A block ends holds and requests, also those that came after it was asked for.

    Raises:
        Refused: `state_changed`: one of them is graver than the block.
    """
    if (
        gravest(ctx.severity, *severities_outlasting_milder_scans.severities(ctx.target))
        != ctx.severity
    ):
        raise Refused(
            "state_changed",
            "Someone held it, or asked to block it, at a graver severity meanwhile. Ask again.",
        )


def _validate_lifting(actor: Actor, target: Target, params: Mapping[str, Any]) -> None:
    terminal_steps.check_gateway(actor, target, params)
    restrictions_of_wider_scope.check_all_gateways(target)


def _validate_allowing(actor: Actor, target: Target, params: Mapping[str, Any]) -> None:
    terminal_steps.check_gateway(actor, target, params)
    restrictions_of_wider_scope.check_all_gateways(target)
    restrictions_of_wider_scope.check_all_agents(target)


def _hold(ctx: CommitContext) -> Committed:
    """Hold under the approval that waits, or by hand under the operation."""
    holder = ctx.approval or ctx.operation
    stored_decisions_and_holds.hold(ctx, holder)
    until = ctx.expires_at if ctx.approval else ""
    steps = _steps(ctx, "gateway.hold", "Hold at", reason=hold_reason(holder, until))
    return Committed(effects=steps, data={"gateways": len(steps), "by_hand": not ctx.approval})


def _release_own(ctx: CommitContext) -> Committed:
    """End the hold that this approval placed, and no other."""
    return _lift(
        ctx, [ctx.approval] if stored_decisions_and_holds.release(ctx, ctx.approval) else []
    )


def _release_by_hand(ctx: CommitContext) -> Committed:
    """End every hold that stands on this scope, or ask again where the release of one failed."""
    holders = stored_decisions_and_holds.release_all(ctx)
    failed = [
        one
        for one in instances.fleet().scope(ctx.target.instance)
        if later_decision_wins.has_failed_release(ctx.target.kind, ctx.target.name, one.name)
    ]
    return _lift(ctx, holders, None if holders else failed)


def _lift(
    ctx: CommitContext, holders: list[str], at: list[instances.Instance] | None = None
) -> Committed:
    """Lift a hold at each gateway, but where another holds it still: there it says whose it is.
    Where a block stands below, that is in force again.

    `at` are the gateways where the release failed; without it, all that the target covers.
    """
    if not holders and not at:
        return Committed(data={"gateways": 0})
    base = {"kind": ctx.target.kind, "name": ctx.target.name}
    steps, kept = [], []
    is_ended = ctx.approval in set(holders)
    for instance in at or instances.fleet().scope(ctx.target.instance):
        if stays := stored_decisions_and_holds.hold_at(
            ctx.target.kind, ctx.target.name, instance.name
        ):
            payload = base | {"reason": hold_reason(stays.holder, stays.until)}
            if is_ended and command_recipients.outpost_of(instance.name):
                # An outpost ends a hold only for the request that was denied.
                label = f"End this hold, and keep the other, at {_at(instance)}"
                ended = base | {"holders": [ctx.approval]}
                steps.append(EffectSpec("gateway.release", ended, instance.name, label))
            payload["kept_intent"] = stored_decisions_and_holds.intent_hash_of(stays)
            label = f"Keep on hold at {_at(instance)}"
            kept.append(EffectSpec("gateway.hold", payload, instance.name, label))
        elif block := _block_at(ctx.target, instance.name):
            payload = base | {"reason": block.reason.strip()[:400]}
            label = f"Keep blocked at {_at(instance)}"
            steps.append(EffectSpec("gateway.block", payload, instance.name, label))
        else:
            lifted = base | {"holders": _sent_before(ctx.target, instance.name, holders)}
            label = f"Release at {_at(instance)}"
            steps.append(EffectSpec("gateway.release", lifted, instance.name, label))
    stay = {step.instance for step in kept}
    released = [one for one in steps if one.kind == "gateway.release" and one.instance not in stay]
    return Committed(effects=[*steps, *kept], data={"gateways": len(released)})


def _block_at(target: Target, instance: str) -> Asset | None:
    row = stored_decisions_and_holds.decided_at(target.kind, target.name, instance)
    return row if row is not None and row.decision == Decision.BLOCK else None


def _sent_before(target: Target, instance: str, holders: list[str]) -> list[str]:
    """Whose hold may stand at a gateway where none of ours is wanted any more: the one that ends
    last may never have reached that gateway."""
    steps = Effect.objects.filter(
        target_kind=target.kind, target_name=target.name, instance=instance, kind="gateway.hold"
    )
    earlier = (holder_of(payload["reason"]) for payload in steps.values_list("payload", flat=True))
    return list(dict.fromkeys([*holders, *earlier]))


def _severity_of_block(target: Target, params: Mapping[str, Any]) -> str:
    found = decision_severity.of_blocking(target, params)
    waiting = stored_decisions_and_holds.waiting_block(target.kind, target.name, target.instance)
    if waiting is not None:
        raise Refused(
            "already_asked",
            f"A request to block it waits already: approval {waiting.pk}. Answer that one.",
        )
    return found


def _severity_of_release(target: Target, params: Mapping[str, Any]) -> str:
    found = decision_severity.of_loosening(target, params)
    held = stored_decisions_and_holds.holders_of(target.kind, target.name, target.instance)
    other = [] if held else stored_decisions_and_holds.scopes_on_hold(target.kind, target.name)
    if other:
        raise Refused(
            "nothing_held",
            f"{called(target.kind, target.name)} is not on hold {where(target.instance)}, "
            f"but {' and '.join(where(one) for one in other)}: name that.",
            pointer="/target/instance",
        )
    return found


def _look_before_release(target: Target, params: Mapping[str, Any]) -> dict[str, Any]:
    shown = decision_severity.look_before_loosening(target, params)
    return shown | {
        "holders": stored_decisions_and_holds.holders_of(target.kind, target.name, target.instance)
    }


def _register(kind: str) -> None:
    kinds = frozenset({kind})
    common: dict[str, Any] = {
        "roles": OPERATOR,
        "target_kinds": kinds,
        "needs_proof": _has_outpost,
    }
    final = common | {"params": TerminalParams}
    held = common | {"params": Params}
    registry.register(
        Verb(
            name=f"{kind}.block",
            event=f"{kind}.blocked",
            label="Block",
            risk=decision_severity.why_risky,
            stance=Stance.FINAL,
            expects=expected_outcome.expects("block"),
            commit=_Final("block", Decision.BLOCK, "Block"),
            sentence=_reads("Block {thing}"),
            look=decision_severity.look_before_blocking,
            severity=_severity_of_block,
            already=no_change.block,
            validate=terminal_steps.check_gateway,
            hold=_hold,
            release=_release_own,
            holds_elsewhere=True,
            if_approved=expected_outcome.BLOCKS[kind],
            if_denied="Nothing is blocked.",
            if_expired="Nothing is blocked for good; the hold stays until someone decides.",
            **final,
        )
    )
    registry.register(
        Verb(
            name=f"{kind}.unblock",
            event=f"{kind}.unblocked",
            label="Unblock",
            risk=decision_severity.why_risky,
            stance=Stance.LOOSEN,
            expects=expected_outcome.expects("unblock"),
            commit=_Final("unblock", Decision.NONE, "Unblock"),
            sentence=_reads("Unblock {thing}"),
            look=decision_severity.look_before_loosening,
            severity=decision_severity.of_loosening,
            already=no_change.unblock,
            about_others=hold_and_block_owners.lifts_others,
            validate=_validate_lifting,
            if_approved="Each gateway named is asked to lift its block and scan it again.",
            if_denied="It stays as it is.",
            if_expired="It stays as it is.",
            **final,
        )
    )
    registry.register(
        Verb(
            name=f"{kind}.allow",
            event=f"{kind}.allowed",
            label="Allow",
            stance=Stance.LOOSEN,
            expects=expected_outcome.expects("allow"),
            commit=_Final("allow", Decision.ALLOW, "Allow"),
            risk=decision_severity.why_allow_is_risky,
            sentence=_reads("Allow {thing}"),
            look=decision_severity.look_before_allowing,
            severity=decision_severity.of_allowing,
            already=no_change.allow,
            about_others=hold_and_block_owners.lifts_others,
            validate=_validate_allowing,
            if_approved=expected_outcome.ALLOWS[kind],
            if_denied="It stays as it is.",
            if_expired="It stays as it is.",
            **final,
        )
    )
    registry.register(
        Verb(
            name=f"{kind}.hold",
            event=f"{kind}.held",
            label="Hold",
            risk=decision_severity.why_risky,
            stance=Stance.TIGHTEN,
            commit=_hold,
            sentence=_reads("Put {thing} on hold"),
            severity=decision_severity.of_tightening,
            already=no_change.hold,
            **held,
        )
    )
    registry.register(
        Verb(
            name=f"{kind}.release",
            event=f"{kind}.released",
            label="Release",
            risk=decision_severity.why_risky,
            stance=Stance.LOOSEN,
            expects=expected_outcome.expects("release"),
            commit=_release_by_hand,
            sentence=_reads("Release {thing} from hold"),
            look=_look_before_release,
            severity=_severity_of_release,
            already=no_change.release,
            about_others=hold_and_block_owners.releases_others,
            if_approved="Each gateway where the hold still stands is asked to lift it.",
            if_denied="The hold is not ended.",
            if_expired="The hold is not ended.",
            **held,
        )
    )


for _kind in KINDS:
    _register(_kind)
