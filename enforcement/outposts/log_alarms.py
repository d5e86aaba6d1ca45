"""Alarms that outposts raise about the log of this portal (`ledger.alarm`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from audit.recording.actors import Actor, Target
from audit.recording.record import record
from enforcement.models import Outpost, OutpostState

FORKED: Final = (
    "The log showed this outpost two histories: it got a checkpoint that the log's key signed and "
    "that does not go on from an earlier one. It relaxes nothing any more, and holds go on. Find "
    "out who used the log's key, then revoke it and enrol a new one."
)


def record_fork(
    outpost: Outpost, health: Mapping[str, Any] | None, report: int, actor: Actor
) -> None:
    """Record it the first time that an outpost reports two histories of the log."""
    known = OutpostState.objects.filter(outpost=outpost).first()
    if not has_fork(health) or (known is not None and has_fork(known.health)):
        return
    record(
        actor,
        "ledger.alarm",
        outcome="failure",
        target=Target("outpost", outpost.instance, outpost.instance),
        data={"code": "log_forked", "outpost": outpost.id, "report": report},
        reason=FORKED,
    )


def has_fork(health: object) -> bool:
    """Whether an outpost reported that the log has two histories."""
    return isinstance(health, Mapping) and bool(health.get("log_forked_at"))
