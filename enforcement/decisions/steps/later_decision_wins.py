"""The order of steps at one gateway: a later decision never loses to a late earlier one."""

from __future__ import annotations

from datetime import datetime
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
"""Another command there, such as a disable: no list shows it. A later block, hold, disable or
quarantine replaces what relaxes; nothing replaces the others."""
AT_TERMINALS: Final = (TERMINAL, COMMAND)
FINAL_STEPS: Final = ("gateway.block", "gateway.unblock", "gateway.allow", TERMINAL)
HOLD_STEPS: Final = ("gateway.hold", "gateway.release")
STEPS: Final = FINAL_STEPS + HOLD_STEPS

REPLACED: Final = "A later decision replaced it"
NEVER_SENT: Final = f"{REPLACED} before it was sent."
_RELAXING: Final = frozenset({"unblock", "allow", "enable", "restore"})
_RESTRICTING: Final = ("block", "disable", "quarantine")
_UNFINISHED = (EffectState.PENDING, EffectState.UNKNOWN)
# What makes a step pointless once it was decided later; see `_is_restricted_since` as well.
_REPLACED_BY: Final = {
    "gateway.block": FINAL_STEPS,
    "gateway.unblock": FINAL_STEPS,
    "gateway.allow": FINAL_STEPS,
    TERMINAL: FINAL_STEPS,
    COMMAND: (),
    "gateway.hold": STEPS,
    "gateway.release": (),
}
_IS_RESTRICTING: Final = Q(kind="gateway.block") | Q(
    kind__in=AT_TERMINALS, payload__act__in=_RESTRICTING
)


def not_now(step: str, kind: str, name: str, run: EffectRun, act: str = "") -> EffectResult | None:
    """Why this step must not be carried out now: replaced, or an earlier one is under way.

    Args:
        act: what a person carries out at a terminal for it.
    """
    same = Effect.objects.filter(target_kind=kind, target_name=name, instance=run.instance)
    later = same.filter(id__gt=run.effect_id)
    replacing = later.filter(kind__in=_REPLACED_BY[step]).exclude(state=EffectState.FAILED)
    act = act or step.removeprefix("gateway.")
    if replacing.exists() or (act in _RELAXING and _is_restricted_since(act, later)):
        return EffectResult("failed", words_of_replaced(step, run))
    earlier = same.filter(kind__in=STEPS, id__lt=run.effect_id, state__in=_UNFINISHED)
    if earlier.filter(lease__gt=clock.now()).exists():
        return EffectResult("pending", "waits for an earlier step at this gateway", retry_in_s=1.0)
    return None


def is_out_of_time(step: Effect, at: datetime) -> bool:
    """Whether what relaxes at a terminal was done at `at` although its step had failed by then, or
    a block, hold, disable or quarantine of the same thing had been decided after it."""
    if step.kind not in AT_TERMINALS or step.payload["act"] not in _RELAXING:
        return False
    if step.state == EffectState.FAILED and at > step.updated:
        return True
    same = Effect.objects.filter(
        target_kind=step.target_kind, target_name=step.target_name, instance=step.instance
    )
    later = same.filter(id__gt=step.pk, created__lt=at)
    if later.filter(_IS_RESTRICTING).exists():
        return True
    held = later.filter(kind__in=HOLD_STEPS).order_by("-id").first()
    return held is not None and held.kind == "gateway.hold"


def _is_restricted_since(act: str, later: QuerySet[Effect]) -> bool:
    """Whether a block, hold, disable or quarantine was decided after what relaxes. Also one that
    came to nothing at the gateway: it was decided all the same, and what relaxes is older.

    A hold takes an allow's place for good. What else relaxes and finds the hold ended goes on.
    """
    if later.filter(_IS_RESTRICTING).exists():
        return True
    held = later.filter(kind="gateway.hold").order_by("-id").first()
    if held is None or act == "allow":
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


def words_of_replaced(step: str, run: EffectRun) -> str:
    """How a replaced step ends: only one that surely was not sent is said to be so."""
    if step in AT_TERMINALS:
        return f"{REPLACED} before its row arrived."
    unsure = Effect.objects.filter(pk=run.effect_id, state=EffectState.UNKNOWN).exists()
    if unsure:
        return f"{REPLACED}; its own answer was lost, and it is not tried again."
    return NEVER_SENT
