"""Gateways of which the portal does not know what goes on: since when, and what it does not know.

Judged at the moment it is shown, from when a gateway last answered and was last read: a worker that
hangs or is gone shows within a minute as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from approvals import clock
from approvals.models import Effect, EffectState
from audit.ingest.pushes import spool
from audit.models import EventRow
from enforcement.audit_database.scan_rows import SourceUnreadable, opened
from enforcement.decisions.steps.later_decision_wins import STEPS
from enforcement.effects.gateway_facts import V020
from enforcement.gateways import (
    effects_at_gateways,
    instances,
    last_contact,
    unreachable_gateway_reasons,
)
from enforcement.gateways.instances import Instance
from enforcement.gateways.last_contact import REFUSES, LastHeard
from enforcement.models import Watch

LATEST: Final = timedelta(seconds=60)
"""So long after its last answer, or its last row, a gateway is shown as deaf."""
_GAPS_FOR: Final = timedelta(days=1)
_ROWS_WITHIN: Final = timedelta(seconds=10)
_ROWS_FOR: Final = timedelta(hours=1)
_ENFORCED: Final = "what is blocked and allowed there, and which of its agents are in action mode"
_ENTRIES: Final = "what is blocked and allowed there"
_FOUND: Final = "what its scanner found, and what was decided at the gateway itself"
_UNANSWERED: Final = "whether its agents get answers for their calls"
_PUSHED: Final = "what it pushed then: its audit database has it"


@dataclass(frozen=True, slots=True)
class Deaf:
    """One thing that is not known of a gateway. `since` is None where it was never known."""

    instance: str
    why: str
    since: datetime | None
    unknown: str
    silent: bool = False  # it does not answer
    refuses_token: bool = False  # it answers nothing else

    @property
    def state(self) -> str:
        """As its badge shows it."""
        if self.refuses_token:
            return REFUSES
        return "offline" if self.silent else "deaf"


def everywhere() -> list[Deaf]:
    """All of them, in the order of the instances file."""
    fleet, now = instances.fleet(), clock.now()
    watches = {w.name: w for w in Watch.objects.exclude(name="")}
    heard = last_contact.everywhere(fleet, watches)
    return [
        one
        for i in fleet.with_outposts
        for one in of_gateway(i, watches.get(i.name), heard[i.name], now)
    ]


def of_gateway(
    instance: Instance, watch: Watch | None, heard: LastHeard, now: datetime
) -> list[Deaf]:
    """What is not known of one gateway; of one that is about to be asked first, nothing is said."""
    found = [*_unheard_by_outpost(instance.name, heard, now), *_gaps(instance, now)]
    if watch is None:
        return found
    of_watch = [] if heard.outpost else _not_answering(instance, watch, now)
    return [
        *of_watch,
        *_not_read(instance, watch, now),
        *_rows_stopped(instance, watch, now),
        *found,
    ]


def _unheard_by_outpost(name: str, heard: LastHeard, now: datetime) -> Iterator[Deaf]:
    """A gateway that does not answer its outpost, and an outpost that reports nothing, no entries,
    or never did; one whose row somebody deleted has no time of its enrolment."""
    if heard.outpost is None:
        return
    reported = heard.at or heard.outpost.enrolled_at
    if reported is None or now - reported > last_contact.OUTPOST_SILENT_AFTER:
        why = f"The outpost of {name} does not report."
        yield Deaf(name, why, heard.at, f"{_ENFORCED}, and {_FOUND}", silent=True)
        return
    if heard.answers is False:
        why = f"{name} does not answer its outpost."
        yield Deaf(name, why, heard.down_since, _UNANSWERED, silent=True)
    if heard.lacks_entries:
        where = "`ata outpost status` on its host says why."
        why = f"The outpost of {name} cannot report its entries: {where}"
        yield Deaf(name, why, heard.no_entries_since, _ENTRIES)


def _not_answering(instance: Instance, watch: Watch, now: datetime) -> Iterator[Deaf]:
    if watch.reachable is False:
        why = watch.detail or f"{instance.name} does not answer."
        refuses, seen = watch.token_refused, watch.last_seen
        yield Deaf(instance.name, why, seen, _ENFORCED, silent=not refuses, refuses_token=refuses)
    elif watch.reachable and watch.last_seen and now - watch.last_seen > LATEST:
        why = "It was not heard of: no worker asks it, or what it answers takes too long."
        yield Deaf(instance.name, why, watch.last_seen, _ENFORCED, silent=True)


def _not_read(instance: Instance, watch: Watch, now: datetime) -> Iterator[Deaf]:
    if instance.audit_db is None:
        return
    if why := unreachable_gateway_reasons.why_not_read(instance, watch, now):
        yield Deaf(instance.name, f"Its audit database is not read: {why}.", watch.read_at, _FOUND)


def _rows_stopped(instance: Instance, watch: Watch, now: datetime) -> Iterator[Deaf]:
    """A gateway that acknowledged a step and wrote no row about it where we read: another database
    is in its place. 0.2.0 leaves rows out where its database is busy."""
    if instance.audit_db is None or watch.source:
        return
    if effects_at_gateways.settings_of(watch).generation in {"", V020}:
        return
    done = Effect.objects.filter(instance=instance.name, kind__in=STEPS, state=EffectState.DONE)
    done = done.filter(updated__gt=now - _ROWS_FOR, updated__lt=now - _ROWS_WITHIN)
    step = done.exclude(kind="gateway.release").order_by("-updated").first()
    if step is None or _has_row(instance, step.operation):
        return
    why = "It answers, and what it acknowledged last is not in the audit database that is read."
    yield Deaf(instance.name, why, step.updated, _FOUND)


def _has_row(instance: Instance, operation: str) -> bool:
    try:
        with opened(instance.audit_db or Path()) as source:
            return bool(source.rows_of(operation))
    except SourceUnreadable:
        return True  # that is said already


def _gaps(instance: Instance, now: datetime) -> Iterator[Deaf]:
    refused = spool.refused(instance.name)
    if refused is not None:
        why = f"{refused.bodies:,} of its pushes were refused: its spool was full."
        yield Deaf(instance.name, why, refused.first, _PUSHED)
    gaps = EventRow.objects.filter(
        action="defenseclaw.push_gap", instance=instance.name, time__gt=now - _GAPS_FOR
    )
    newest = gaps.order_by("-time").first()
    if newest is not None:
        yield Deaf(instance.name, "Something that it pushed is missing.", newest.time, _PUSHED)
