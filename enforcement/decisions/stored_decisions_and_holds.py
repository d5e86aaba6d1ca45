"""Writing what was decided: the standing of an asset, inside the deciding transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from approvals import clock
from approvals.models import Approval, Status
from approvals.registry import CommitContext
from enforcement.decisions import hold_and_block_owners
from enforcement.gateways import instances
from enforcement.models import Asset, Decision, Hold

_HOLD = (
    *("holder", "held_by", "held_at", "held_until", "hold_approval", "hold_reason"),
    "holds_below",
)


_NOT_HELD: dict[str, Any] = {
    "holder": "",
    "held_by": "",
    "held_at": None,
    "held_until": "",
    "hold_approval": "",
    "hold_reason": "",
    "holds_below": [],
}


def decide(ctx: CommitContext, decision: Decision) -> dict[str, str]:
    """Set the standing decision, which ends every hold on the scope. Returns before and after."""
    before = standing_of(ctx)
    blocks = decision == Decision.BLOCK
    also_by = hold_and_block_owners.replaced(ctx.actor, ctx.target) if blocks else []
    if not ctx.target.instance:
        hold_and_block_owners.replaced_by(ctx.target).exclude(instance="").delete()
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
            "also_by": also_by,
            **_NOT_HELD,
        },
    )
    _holds_are_settled(ctx)
    return {"before": before, "after": str(decision)}


def hold(ctx: CommitContext, holder: str) -> None:
    """Note a hold on top of whatever stands, other holds included."""
    row, _ = Asset.objects.select_for_update().get_or_create(
        kind=ctx.target.kind, name=ctx.target.name, instance=ctx.target.instance
    )
    placed = Hold(holder, _name(ctx), clock.now(), ctx.expires_at, ctx.approval, ctx.reason)
    row.put_holds([placed, *(one for one in row.holds if one.holder != holder)])
    row.save(update_fields=_HOLD)


def release(ctx: CommitContext, holder: str) -> bool:
    """End the hold of that holder alone; False where it holds nothing.

    The hold took the place of an allow at the gateway, and lifting it never writes an allow back
    (DESIGN 1.3): an allowed thing is undecided afterwards.
    """
    row = _own(ctx)
    if row is None or holder not in {one.holder for one in row.holds}:
        return False
    _keep(row, [one for one in row.holds if one.holder != holder])
    return True


def release_all(ctx: CommitContext) -> list[str]:
    """End every hold on this scope; the holders that were, the newest first."""
    row = _own(ctx)
    if row is None or not row.holder:
        return []
    ended = row.holds
    _keep(row, [])
    requests = [one.approval for one in ended if one.approval]
    Approval.objects.filter(pk__in=requests).update(held=False)
    return [one.holder for one in ended]


def _own(ctx: CommitContext) -> Asset | None:
    rows = Asset.objects.select_for_update().filter(kind=ctx.target.kind, name=ctx.target.name)
    return rows.filter(instance=ctx.target.instance).first()


def _keep(row: Asset, holds: list[Hold]) -> None:
    row.put_holds(holds)
    if not holds and row.decision == Decision.ALLOW:
        row.decision = Decision.NONE
    row.save(update_fields=[*_HOLD, "decision"])


def hold_at(kind: str, name: str, instance: str) -> Hold | None:
    """The hold in force at one instance: its own, else the one of the scope that covers it."""
    rows = {row.instance: row for row in Asset.objects.filter(kind=kind, name=name)}
    for scope in (instance, instances.fleet().scope_of(instance)):
        if scope in rows and rows[scope].holds:
            return rows[scope].holds[0]
    return None


def intent_hash_of(hold: Hold) -> str:
    """The hash of the intent of the request that holds it; empty for a hold by hand."""
    if not hold.approval:
        return ""
    hashes = Approval.objects.filter(pk=hold.approval).values_list("intent_hash", flat=True)
    return hashes.first() or ""


def decided_at(kind: str, name: str, instance: str) -> Asset | None:
    """The row whose decision is in force on a scope: its own, else that of what covers it."""
    rows = {row.instance: row for row in Asset.objects.filter(kind=kind, name=name)}
    return decisive(rows, instance, instances.fleet().scope_of(instance))


def decisive(rows: Mapping[str, Asset], instance: str, scope: str) -> Asset | None:
    """As `decided_at`, of rows by instance; a row on which nobody decided hides no other."""
    found = (rows[one] for one in (instance, scope) if one in rows)
    return next((row for row in found if row.is_decided), None)


def holders_of(kind: str, name: str, instance: str) -> list[str]:
    """Who holds it on exactly this scope, the newest first."""
    row = Asset.objects.filter(kind=kind, name=name, instance=instance).first()
    return [one.holder for one in row.holds] if row else []


def scopes_on_hold(kind: str, name: str) -> list[str]:
    """The scopes (instances, or "" for all) on which somebody holds it."""
    rows = Asset.objects.filter(kind=kind, name=name).exclude(holder="")
    return sorted(rows.values_list("instance", flat=True))


def scopes_blocked(kind: str, name: str) -> list[str]:
    """The scopes (instances, or "" for all) on which it is blocked."""
    rows = Asset.objects.filter(kind=kind, name=name, decision=Decision.BLOCK)
    return sorted(rows.values_list("instance", flat=True))


def standing_of(ctx: CommitContext) -> str:
    """The decision in force on the scope of an act: its own, else the one for every instance."""
    row = decided_at(ctx.target.kind, ctx.target.name, ctx.target.instance)
    return row.decision if row else str(Decision.NONE)


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
    scope = Q(target_instance=ctx.target.instance)
    if not ctx.target.instance:
        scope = ~Q(target_instance__in=instances.fleet().apart_from(""))
    Approval.objects.filter(
        scope, target_kind=ctx.target.kind, target_name=ctx.target.name, held=True
    ).update(held=False)


def _name(ctx: CommitContext) -> str:
    return ctx.actor.name or ctx.actor.email or ctx.actor.sub


def count_stuck() -> tuple[int, int]:
    """Rows of the list `On hold` whose request is over, of how many; the later queries only if
    there may be one. A denial that waits for its evidence is not over."""
    ended = Approval.objects.filter(status=Status.CLOSED, held=True, inferred=False)
    names = [str(pk) for pk in ended.values_list("pk", flat=True)]
    held = Asset.objects.exclude(holder="")
    stuck = held.filter(hold_approval__in=names).count() if names else 0
    return stuck, held.count() if stuck else 0
