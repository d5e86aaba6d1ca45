"""Writing what was decided: the standing of an asset, inside the deciding transaction."""

from __future__ import annotations

from approvals import clock
from approvals.models import Approval, Status
from approvals.registry import CommitContext
from enforcement import instances
from enforcement.models import Asset, Decision

_NO_HOLD = {
    "holder": "",
    "held_by": "",
    "held_at": None,
    "held_until": "",
    "hold_approval": "",
    "hold_reason": "",
}


def decide(ctx: CommitContext, decision: Decision) -> dict[str, str]:
    """Set the standing decision, which ends a hold on the same scope. Returns before and after."""
    before = standing_of(ctx)
    rows = Asset.objects.filter(kind=ctx.target.kind, name=ctx.target.name)
    if not ctx.target.instance:
        # A decision about every instance ends exceptions, but those of the DEMO world.
        apart = instances.fleet().apart_from("")
        rows.exclude(instance="").exclude(instance__in=apart).delete()
    Asset.objects.update_or_create(
        kind=ctx.target.kind,
        name=ctx.target.name,
        instance=ctx.target.instance,
        defaults={
            "decision": decision,
            "decided_by": _name(ctx),
            "decided_sub": ctx.actor.sub,
            "decided_at": clock.now(),
            "reason": ctx.reason,
            "approval": ctx.approval,
            "operation": ctx.operation,
            **_NO_HOLD,
        },
    )
    _holds_are_settled(ctx)
    return {"before": before, "after": str(decision)}


def hold(ctx: CommitContext, holder: str) -> None:
    """Note a hold on top of whatever stands."""
    Asset.objects.update_or_create(
        kind=ctx.target.kind,
        name=ctx.target.name,
        instance=ctx.target.instance,
        defaults={
            "holder": holder,
            "held_by": _name(ctx),
            "held_at": clock.now(),
            "held_until": ctx.expires_at,
            "hold_approval": ctx.approval,
            "hold_reason": ctx.reason,
        },
    )


def release(ctx: CommitContext, holder: str) -> None:
    """End the hold of that holder, if it is the one that stands.

    The hold took the place of an allow at the gateway, and lifting it never writes an allow back
    (DESIGN 1.3): an allowed thing is undecided afterwards.
    """
    rows = Asset.objects.filter(kind=ctx.target.kind, name=ctx.target.name, holder=holder)
    held = list(rows.exclude(holder="").values_list("pk", flat=True))
    if not held:
        return
    Asset.objects.filter(pk__in=held, decision=Decision.ALLOW).update(decision=Decision.NONE)
    Asset.objects.filter(pk__in=held).update(**_NO_HOLD)
    _holds_are_settled(ctx)


def holder_of(kind: str, name: str, instance: str) -> str:
    """Who holds it on exactly this scope; empty when nobody does."""
    row = Asset.objects.filter(kind=kind, name=name, instance=instance).first()
    return row.holder if row else ""


def scopes_on_hold(kind: str, name: str) -> list[str]:
    """The scopes (instances, or "" for all) on which somebody holds it."""
    rows = Asset.objects.filter(kind=kind, name=name).exclude(holder="")
    return sorted(rows.values_list("instance", flat=True))


def standing_of(ctx: CommitContext) -> str:
    """The decision in force on the scope of an act: its own, else the one for every instance."""
    rows = Asset.objects.filter(kind=ctx.target.kind, name=ctx.target.name)
    scope = instances.fleet().scope_of(ctx.target.instance)
    own = rows.filter(instance=ctx.target.instance).first() or rows.filter(instance=scope).first()
    return own.decision if own else str(Decision.NONE)


def waiting_block(kind: str, name: str, instance: str = "") -> Approval | None:
    """The CRITICAL request to block it on that scope which waits; a milder one decides nothing."""
    return Approval.objects.filter(
        target_kind=kind,
        target_name=name,
        target_instance=instance,
        verb=f"{kind}.block",
        severity="CRITICAL",
        status=Status.PENDING,
    ).first()


def _holds_are_settled(ctx: CommitContext) -> None:
    """Older requests no longer hold this: somebody decided."""
    Approval.objects.filter(
        target_kind=ctx.target.kind,
        target_name=ctx.target.name,
        target_instance=ctx.target.instance,
        held=True,
    ).update(held=False)


def _name(ctx: CommitContext) -> str:
    return ctx.actor.name or ctx.actor.email or ctx.actor.sub
