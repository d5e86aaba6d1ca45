"""Whose holds, blocks, disables and quarantines a decision about a component would end.

What somebody else restricted, only they or an approval relaxes. Holds lie on each other, each with
its own holder. A block takes the place of the holds and blocks that it ends, and `Asset.also_by`
keeps whose those were. What was disabled or moved to quarantine at a terminal is in no row of
`Asset`: its steps say whose it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from approvals.models import Approval, Effect, EffectState
from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from enforcement.decisions.steps.later_decision_wins import COMMAND
from enforcement.gateways import instances
from enforcement.models import AdministrativeAct, Asset, Decision

NOBODY: Final = ""
"""Whose hold it is where a finding asked, and no person."""
UNKNOWN: Final = "?"
"""Whose hold by hand it is where the trail names nobody any more."""
_ENDED_BY: Final = {"disable": "enable", "quarantine": "restore"}
_UNFINISHED: Final = (EffectState.PENDING, EffectState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Restriction:
    """A hold or a block: the subject whose it is, and how grave.

    Attributes:
        sub: `NOBODY` where a finding placed it.
        severity: of the request, or as recorded on the trail; empty where the trail has no record.
        by, at: as the component's page shows them.
        approval: the request that holds it; empty for a block and a hold by hand.
    """

    sub: str
    severity: str
    by: str
    at: datetime | None
    approval: str = ""


def holds_on(rows: Iterable[Asset]) -> list[Restriction]:
    """Each hold on these rows, the newest of each row first."""
    held = [(row, hold) for row in rows for hold in row.holds]
    requests = {
        str(pk): (sub, severity)
        for pk, sub, severity in Approval.objects.filter(
            pk__in=[hold.approval for _, hold in held if hold.approval]
        ).values_list("pk", "requester_sub", "severity")
    }
    by_hand = {
        operation: (sub or UNKNOWN, severity)
        for operation, (sub, severity) in _recorded(
            "held", {row.kind for row, _ in held}, [hold.holder for _, hold in held]
        ).items()
    }
    placed = by_hand | requests
    return [
        Restriction(*placed.get(hold.holder, (UNKNOWN, "")), hold.by, hold.at, hold.approval)
        for _, hold in held
    ]


def blocks_on(rows: Iterable[Asset]) -> list[Restriction]:
    """Each block that stands on these rows, once for each person whose it is."""
    blocked = [row for row in rows if row.decision == Decision.BLOCK]
    recorded = _recorded(
        "blocked", {row.kind for row in blocked}, [row.operation for row in blocked]
    )
    return [
        Restriction(sub, recorded.get(row.operation, ("", ""))[1], row.decided_by, row.decided_at)
        for row in blocked
        for sub in dict.fromkeys([row.decided_sub, *row.also_by])
    ]


def _recorded(
    past: str, kinds: Collection[str], operations: Collection[str]
) -> dict[str, tuple[str, str]]:
    """Subject and severity of what these operations did, as the trail has them."""
    done = EventRow.objects.exclude(operation="").filter(  # as the index has it
        operation__in=operations, action__in=[f"{kind}.{past}" for kind in kinds]
    )
    return {
        operation: (sub, SEVERITIES[rank])
        for operation, sub, rank in done.values_list("operation", "actor_sub", "severity")
    }


def on_scope(target: Target) -> QuerySet[Asset]:
    """The row of exactly this scope, whose holds a release ends."""
    rows = Asset.objects.filter(kind=target.kind, name=target.name)
    return rows.filter(instance=target.instance)


def replaced_by(target: Target) -> QuerySet[Asset]:
    """The rows that a decision takes the place of: that of its scope and, for every instance, those
    of single instances; not those of the DEMO world."""
    if target.instance:
        return on_scope(target)
    rows = Asset.objects.filter(kind=target.kind, name=target.name)
    return rows.exclude(instance__in=instances.fleet().apart_from(""))


def replaced(actor: Actor, target: Target) -> list[str]:
    """The subjects of others whose holds and blocks a block takes the place of, sorted."""
    rows = list(replaced_by(target))
    return _others(actor, [*holds_on(rows), *blocks_on(rows)])


def releases_others(actor: Actor, target: Target) -> bool:
    """Whether a release ends a hold of somebody else."""
    return bool(_others(actor, holds_on(on_scope(target))))


def lifts_others(actor: Actor, target: Target) -> bool:
    """Whether an unblock or allow ends a hold or block of somebody else, or is an exception from
    their block for every instance. At a terminal and by an outpost it ends a disable, too."""
    rows = list(replaced_by(target))
    covering = instances.fleet().scope_of(target.instance)
    general = Asset.objects.filter(kind=target.kind, name=target.name, instance=covering)
    found = _others(actor, [*holds_on(rows), *blocks_on({*rows, *general})])
    return bool(found) or brings_back_from_others(actor, target)


def brings_back_from_others(actor: Actor, target: Target) -> bool:
    """Whether somebody else disabled it or moved its files to quarantine, or still may by a step
    that waits; one query. Who restricts it again takes nothing over from them, until an opposite
    act was carried out there since.

    A step that failed counts where its row arrived all the same. What came later goes by the
    gateway's rows where there are any: a command may run long after it was decided.
    """
    acts = Effect.objects.filter(kind=COMMAND, target_kind=target.kind, target_name=target.name)
    if target.instance:
        acts = acts.filter(instance=target.instance)
    else:
        acts = acts.exclude(instance__in=instances.fleet().apart_from(""))
    standing = Q()
    for act, opposite in _ENDED_BY.items():
        ends = acts.filter(payload__act=opposite).annotate(carried_out=_carried_out(opposite))
        seen = acts.filter(payload__act=act).annotate(carried_out=_carried_out(act))
        ended = ends.filter(instance=OuterRef("instance"), carried_out__gte=OuterRef("carried_out"))
        found = seen.filter(~Exists(ended), carried_out__isnull=False)
        standing |= Q(pk__in=found.values("pk")) | Q(payload__act=act, state__in=_UNFINISHED)
    return acts.filter(standing).exclude(actor__sub=actor.sub).exists()


def _carried_out(act: str) -> Coalesce:
    """When a step was carried out: the time of its row, else when it was done; else nothing."""
    rows = AdministrativeAct.objects.filter(
        operation=OuterRef("operation"), instance=OuterRef("instance"), act=act
    )
    done = Case(When(state=EffectState.DONE, then=F("updated")))
    return Coalesce(Subquery(rows.order_by("-at").values("at")[:1]), done)


def _others(actor: Actor, found: Iterable[Restriction]) -> list[str]:
    return sorted({one.sub for one in found} - {actor.sub, NOBODY})
