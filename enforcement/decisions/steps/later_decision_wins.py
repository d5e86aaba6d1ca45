"""The order of steps at one gateway: a later decision never loses to a late earlier one."""

from __future__ import annotations

from typing import Final

from django.db.models import Q, QuerySet

from approvals import clock
from approvals.models import Effect, EffectState
from approvals.registry import EffectResult, EffectRun
from enforcement.gateways import instances
from enforcement.models import Asset

TERMINAL: Final = "gateway.terminal"
"""A block, unblock or allow that a person carries out at the gateway's own terminal."""
COMMAND: Final = "gateway.command"
"""Another command there, such as a disable: no list shows it, and no later step replaces it."""
FINAL_STEPS: Final = ("gateway.block", "gateway.unblock", "gateway.allow", TERMINAL)
HOLD_STEPS: Final = ("gateway.hold", "gateway.release")
STEPS: Final = FINAL_STEPS + HOLD_STEPS

REPLACED: Final = "A later decision replaced it"
_RELAXING: Final = ("gateway.unblock", "gateway.allow")
_UNFINISHED = (EffectState.PENDING, EffectState.UNKNOWN)
# What makes a step pointless once it was decided later; see `_is_restricted_since` as well.
_REPLACED_BY: Final = {
    "gateway.block": FINAL_STEPS,
    "gateway.unblock": FINAL_STEPS,
    "gateway.allow": FINAL_STEPS,
    TERMINAL: FINAL_STEPS,
    "gateway.hold": STEPS,
    "gateway.release": (),
}


def not_now(step: str, kind: str, name: str, run: EffectRun) -> EffectResult | None:
    """Why this step must not be carried out now: replaced, or an earlier one is under way."""
    same = Effect.objects.filter(target_kind=kind, target_name=name, instance=run.instance)
    later = same.filter(id__gt=run.effect_id)
    replacing = later.filter(kind__in=_REPLACED_BY[step]).exclude(state=EffectState.FAILED)
    if replacing.exists() or (step in _RELAXING and _is_restricted_since(step, later)):
        return EffectResult("failed", _replaced(run))
    earlier = same.filter(kind__in=STEPS, id__lt=run.effect_id, state__in=_UNFINISHED)
    if earlier.filter(lease__gt=clock.now()).exists():
        return EffectResult("pending", "waits for an earlier step at this gateway", retry_in_s=1.0)
    return None


def _is_restricted_since(step: str, later: QuerySet[Effect]) -> bool:
    """Whether a block or hold was decided after what relaxes. Also one that came to nothing at the
    gateway: it was decided all the same, and what relaxes is older.

    A hold takes an allow's place for good. An unblock that finds the hold ended goes on.
    """
    if later.filter(Q(kind="gateway.block") | Q(kind=TERMINAL, payload__act="block")).exists():
        return True
    held = later.filter(kind="gateway.hold").order_by("-id").first()
    if held is None or step == "gateway.allow":
        return held is not None
    rows = Asset.objects.filter(kind=held.target_kind, name=held.target_name).exclude(holder="")
    scopes = {held.instance, instances.fleet().scope_of(held.instance)}
    return rows.filter(instance__in=scopes).exists()


def is_followed(step: str, kind: str, name: str, run: EffectRun) -> bool:
    """Whether another decision there, after this step, makes its command pointless.

    A release ends the hold of one request, also where another one was released since.
    """
    same = Effect.objects.filter(target_kind=kind, target_name=name, instance=run.instance)
    ends = ("gateway.hold", "gateway.block", TERMINAL) if step == "gateway.release" else STEPS
    later = same.filter(kind__in=ends, id__gt=run.effect_id).exclude(operation=run.operation)
    return later.exclude(state=EffectState.FAILED).exists()


def has_failed_release(kind: str, name: str, instance: str) -> bool:
    """Whether the newest step about a thing at a gateway is a release that failed."""
    steps = Effect.objects.filter(target_kind=kind, target_name=name, instance=instance)
    newest = steps.filter(kind__in=STEPS).order_by("-id").first()
    if newest is None or newest.kind != "gateway.release":
        return False
    return newest.state == EffectState.FAILED


def follows_own_release(run: EffectRun) -> bool:
    """Whether a hold that stays was sent with the end of another, which is under way.

    An outpost refuses a denial that is older than the newest hold.
    """
    own = Effect.objects.filter(operation=run.operation, instance=run.instance)
    ends = own.filter(kind="gateway.release", id__lt=run.effect_id)
    return ends.filter(state__in=_UNFINISHED).exists()


def _replaced(run: EffectRun) -> str:
    unsure = Effect.objects.filter(pk=run.effect_id, state=EffectState.UNKNOWN).exists()
    if unsure:
        return f"{REPLACED}; its own answer was lost, and it is not tried again."
    return f"{REPLACED} before it was sent."
