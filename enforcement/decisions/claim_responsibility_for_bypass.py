"""The decision `bypass.claim`: somebody says that they did an act that no decision covers, and why.

It changes nothing at the gateway. An act is claimed once: who comes later is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from approvals import registry
from approvals.errors import Refused
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.ledger.format import safe_display
from audit.models import Event
from audit.recording.actors import Actor, Target
from enforcement.component_kinds import KINDS, called
from enforcement.models import AdministrativeAct

KIND = "bypass"
CLAIMANTS = frozenset({"operator", "admin"})


def _act(target: Target, *, locked: bool = False) -> AdministrativeAct:
    """The act that a target names by its event `bypass.found`.

    Raises:
        Refused: `unknown_bypass`.
    """
    rows = AdministrativeAct.objects.select_for_update() if locked else AdministrativeAct.objects
    try:
        bypass = UUID(target.name)
    except ValueError:
        bypass = None
    # Only the spelling that the trail has, so that a search for the id finds the claim.
    found = rows.filter(bypass=bypass).first() if bypass and str(bypass) == target.name else None
    if found is None or target.instance not in {"", found.instance}:
        raise Refused(
            "unknown_bypass",
            "Name the event `bypass.found` of the act by its id.",
            pointer="/target/name",
        )
    return found


def _check_unclaimed(act: AdministrativeAct) -> None:
    if act.claim:
        raise Refused(
            "already_claimed", "Someone claimed this act already; its page says who and why."
        )


def _validate(_actor: Actor, target: Target, _params: Mapping[str, Any]) -> None:
    _check_unclaimed(_act(target))


def _severity(target: Target, _params: Mapping[str, Any]) -> str:
    return "HIGH" if _act(target).relaxes else "MEDIUM"


def _claim(ctx: CommitContext) -> Committed:
    act = _act(ctx.target, locked=True)
    _check_unclaimed(act)
    act.claim = ctx.operation
    act.save(update_fields=["claim"])
    entry = Event.objects.get(pk=act.event)
    return Committed(
        data={
            "act": act.act,
            "reported_action": act.action,
            "relaxes": act.relaxes,
            "at": act.instance,
            "row_event": str(act.event),
            "row_leaf_hash": bytes(entry.leaf_hash).hex(),
        },
        private={"about": words_of(act)},
    )


def words_of(act: AdministrativeAct) -> str:
    """`skill-unblock of skill pdf-exfil at edge-1`."""
    thing = (
        f" of {called(act.kind, safe_display.in_sentence(act.name))}" if act.kind in KINDS else ""
    )
    return f"{act.action}{thing} at {act.instance}"


def _sentence(target: Target, _params: Mapping[str, Any]) -> str:
    return f"Say that you did {words_of(_act(target))}"


registry.register(
    Verb(
        name="bypass.claim",
        event="bypass.claimed",
        label="Claim",
        roles=CLAIMANTS,
        stance=Stance.RECORD,
        target_kinds=frozenset({KIND}),
        commit=_claim,
        validate=_validate,
        severity=_severity,
        sentence=_sentence,
        needs_reason=lambda _actor, _target: True,
    )
)
