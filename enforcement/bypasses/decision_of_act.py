"""Which remote step an act belongs to whose row has no tag: the right verb, target and time, once.

0.2.0 repeats no request id and cuts the reason of a hold, and its command line gives an unblock
neither. So a row without a tag is ours where a step of that verb was under way for that target, and
no row of the same action was taken for that step yet. From 0.8.4 on, what a person does at the
terminal for a step has its tag.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db.models import Q

from approvals.models import Effect, EffectState
from enforcement.decisions.steps.later_decision_wins import AT_TERMINALS, is_out_of_time
from enforcement.effects.gateway_facts import V020
from enforcement.gateways import instances
from enforcement.gateways.effects_at_gateways import settings_of
from enforcement.models import AdministrativeAct, OutpostCommand, Watch

CLOCKS_DIFFER: Final = timedelta(minutes=2)
_MOST: Final = 2
"""A step that was repeated because its answer was lost may have two rows."""
_STEPS: Final = {
    "block": ("gateway.block", "gateway.hold"),
    "unblock": ("gateway.unblock", "gateway.release"),
    "allow": ("gateway.allow",),
    "disable": ("gateway.hold", "gateway.block"),
    "enable": ("gateway.release", "gateway.unblock", "gateway.allow"),
}


def step_of(row: AdministrativeAct, generation: str) -> Effect | None:
    """The step that an act without a tag was done for; None where there is none.

    Args:
        generation: of the gateway that has the row.
    """
    fetched = OutpostCommand.objects.exclude(fetched_at=None).values("pk")
    sent = Q(attempts__gt=0) | Q(pk__in=fetched)
    ours = Q(kind__in=_STEPS.get(row.act, ())) & sent
    if generation == V020:
        ours |= Q(kind__in=AT_TERMINALS, payload__act=row.act)
    steps = Effect.objects.filter(
        ours,
        instance=row.instance,
        target_kind=row.kind,
        target_name=row.name,
        created__lte=row.at + CLOCKS_DIFFER,
    )
    for step in steps.order_by("-created"):
        finished = step.state in {EffectState.DONE, EffectState.FAILED}
        if finished and row.at > step.updated + CLOCKS_DIFFER:
            continue
        if row.relaxes and is_out_of_time(step, row.at):
            continue
        most = 1 if step.kind in AT_TERMINALS else max(1, min(step.attempts, _MOST))
        same = AdministrativeAct.objects.filter(
            operation=step.operation, instance=row.instance, action=row.action
        )
        if same.count() < most:
            return step
    return None


def is_too_late(row: AdministrativeAct) -> bool:
    """Whether an act that relaxes has the tag of a step at a terminal that did not cover it any
    more."""
    steps = Effect.objects.filter(operation=row.operation, instance=row.instance)
    return row.relaxes and any(is_out_of_time(step, row.at) for step in steps)


def generation_of(instance: str) -> str:
    """As the gateway answered last; as its outpost enrolled where the portal does not ask it."""
    fleet = instances.fleet()
    if instance not in {one.name for one in fleet.asked} and instance in fleet.outposts:
        return fleet.outposts[instance].generation
    return settings_of(Watch.objects.filter(name=instance).first()).generation
