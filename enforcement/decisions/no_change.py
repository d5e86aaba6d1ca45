"""Decisions that would change nothing, and the sentence that says since when and by whom.

Something counts as decided only where every gateway of the scope confirmed it or is still being
sent it: a decision that a gateway lost or refused can be taken again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.models import Approval, Status
from audit.ledger.format import safe_display
from audit.ledger.format.allowed_field_values import severity_rank
from audit.recording.actors import Actor, Target
from enforcement.component_kinds import called, where
from enforcement.decisions import hold_and_block_owners, stored_decisions_and_holds
from enforcement.decisions.hold_and_block_owners import Restriction
from enforcement.decisions.steps import later_decision_wins
from enforcement.gateways import decided_and_enforced_state, instances
from enforcement.gateways.decided_and_enforced_state import At
from enforcement.models import Asset, Decision, Watch


def block(actor: Actor, target: Target, _params: Mapping[str, Any], severity: str) -> str:
    """Why a block is not needed; empty where it is, as by a second person or at a graver severity.

    A finding asks nobody about what any person blocked.
    """
    blocked = _decided(target, Decision.BLOCK)
    if not blocked or not actor.sub:
        return blocked
    return blocked if _is_theirs(actor, _blocks(target), severity) else ""


def allow(_actor: Actor, target: Target, _params: Mapping[str, Any], _severity: str) -> str:
    """Why an allow is not needed; empty where it is."""
    return _decided(target, Decision.ALLOW)


def unblock(_actor: Actor, target: Target, _params: Mapping[str, Any], _severity: str) -> str:
    """Why nothing has to be lifted; empty where something stands, or a list was never read."""
    rows, states = _rows(target), _states(target)
    stands = any(row.holder or row.decision != Decision.NONE for row in rows.values())
    if stands or any(state.code != "none" for state in states) or _unread(states):
        return ""
    lifted = stored_decisions_and_holds.decisive(rows, target.instance, "")
    by = f" {_since(lifted.decided_by, lifted.decided_at)}" if lifted and lifted.decided_at else ""
    return f"{_named(target)} is neither blocked nor allowed {where(target.instance)}{by}."


def hold(actor: Actor, target: Target, params: Mapping[str, Any], severity: str) -> str:
    """Why a hold is not needed: this person blocks or holds it already, and not at a milder
    severity. What only somebody else restricted, or a request can still end, they hold as well."""
    if blocked := block(actor, target, params, severity):
        return blocked
    holds = hold_and_block_owners.holds_on(hold_and_block_owners.on_scope(target))
    stays = [one for one in holds if one.sub == actor.sub and not _waits(one.approval)]
    if not _is_theirs(actor, stays, severity) or _lost(_states(target)):
        return ""
    held = _since(stays[0].by, stays[0].at)
    return f"{_named(target)} is already on hold {where(target.instance)}: {held}."


def release(_actor: Actor, target: Target, _params: Mapping[str, Any], _severity: str) -> str:
    """Why nothing has to be released; empty where a hold stands on this scope, or the release of
    one failed."""
    row = _rows(target).get(target.instance)
    if row is not None and row.holder:
        return ""
    at = instances.fleet().scope(target.instance)
    if any(later_decision_wins.has_failed_release(target.kind, target.name, x.name) for x in at):
        return ""
    return f"{_named(target)} is not on hold {where(target.instance)}."


def _decided(target: Target, decision: Decision) -> str:
    rows = _rows(target)
    row = stored_decisions_and_holds.decisive(rows, target.instance, "")
    stands = [row] if row and target.instance else [row for row in rows.values() if row.is_decided]
    differs = any(one.decision != decision for one in stands)
    held = any(one.holder for one in rows.values())
    if row is None or differs or held or _lost(_states(target)):
        return ""
    since = _since(row.decided_by, row.decided_at)
    return f"{_named(target)} is already {decision.label} {where(row.instance)}: {since}."


def _blocks(target: Target) -> list[Restriction]:
    row = stored_decisions_and_holds.decisive(_rows(target), target.instance, "")
    return hold_and_block_owners.blocks_on([row] if row else [])


def _is_theirs(actor: Actor, placed: Sequence[Restriction], severity: str) -> bool:
    """Whether one of these is the actor's, and not milder than this severity."""
    own = [one.severity for one in placed if one.sub == actor.sub and one.severity]
    return any(severity_rank(one) >= severity_rank(severity) for one in own)


def _rows(target: Target) -> dict[str, Asset]:
    """What stands on a scope: for one instance its own row, and the one for every instance."""
    rows = Asset.objects.filter(kind=target.kind, name=target.name)
    if target.instance:
        rows = rows.filter(instance__in=["", target.instance])
    return {row.instance: row for row in rows}


def _states(target: Target) -> list[At]:
    states = decided_and_enforced_state.everywhere(target.kind, target.name)
    return [at for at in states if target.instance in {"", at.instance.name}]


def _lost(states: Sequence[At]) -> bool:
    """Whether a gateway does not enforce what was decided, and no step is under way."""
    return any(at.code == decided_and_enforced_state.NOT_ENFORCED and not at.waits for at in states)


def _unread(states: Sequence[At]) -> bool:
    """Whether the lists of a gateway were never read, so that nobody knows what stands there."""
    read = Watch.objects.filter(listed_at__isnull=False).values_list("name", flat=True)
    return bool({at.instance.name for at in states} - set(read))


def _waits(approval: str) -> bool:
    """Whether the request that holds it is still open, and may end the hold."""
    if not approval:
        return False
    return Approval.objects.filter(pk=UUID(approval), status=Status.PENDING).exists()


def _named(target: Target) -> str:
    return called(target.kind, safe_display.short(target.name))


def _since(by: str, at: datetime | None) -> str:
    """`by Olu Operator since 2 Dec 2026 08:36 UTC`."""
    since = f" since {at:%-d %b %Y %H:%M} UTC" if at else ""
    return f"by {by or 'the portal'}{since}"
