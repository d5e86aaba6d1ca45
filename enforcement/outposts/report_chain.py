"""Taking in reports: each once and in order, and noticing when a chain has two continuations.

A report names the digest of the one before it. The same bytes again are answered as before, and a
number that is ahead is a gap for the outpost to fill. Other bytes under a number that was taken, or
after another report than ours, show that a second holder of the key goes on elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from approvals import due_work
from audit.models import EventRow
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.recording.stored_event_loader import AlteredEntry, load_many
from enforcement.models import Outpost, OutpostCommand, OutpostReport, OutpostState
from enforcement.outposts import (
    command_results,
    issued_commands,
    report_contents,
    sealed_rows,
)
from enforcement.outposts.report_format import Report
from enforcement.posture import drift

KEPT: Final = 1000
"""So many reports of an outpost are recognised. An older number was acknowledged long ago, so who
sends one goes on from an old copy."""
_FACTS: Final = ("entries", "quarantine", "config", "health")
CONCLUDED_AT_ONCE: Final = 10
"""So many steps of a report are concluded before it is answered; the worker takes the others."""
FORKED: Final = (
    "The log showed this outpost two histories: it got a checkpoint that the log's key signed and "
    "that does not go on from an earlier one. It relaxes nothing any more, and holds go on. Find "
    "out who used the log's key, then revoke it and enrol a new one."
)
JOURNAL_LOST: Final = (
    "The journal of commands of this outpost is another one than before: someone removed it or "
    "wrote to it, so the outpost does not know what it carried out before. Find out who, then "
    "revoke it and enrol a new one. Holds go on."
)
_ALARMS: Final = {"log_forked": FORKED, "journal_lost": JOURNAL_LOST}
MOST_NOT_IN_LOG: Final = 20
NOT_IN_LOG: Final = (
    "It carried out a hold or block whose decision the log did not show within ten minutes. It "
    "stays in force there. If no one here decided it, someone else signs commands with our key."
)


@dataclass(frozen=True, slots=True)
class Signed:
    """A report whose signature was checked."""

    report: Report
    digest: str
    signature: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A report is stored, now or since before."""

    n: int
    received_at: datetime


class NotAdmitted(Exception):
    """The outpost was suspended or revoked, or its row altered; `outpost` says which."""

    def __init__(self, outpost: Outpost) -> None:
        super().__init__(str(outpost))
        self.outpost = outpost


class Gap(Exception):
    """The report is ahead of the chain, which goes on at `next_n`."""

    def __init__(self, next_n: int) -> None:
        super().__init__(f"the chain goes on at {next_n}")
        self.next_n = next_n


def take(outpost_id: str, signed: Signed, actor: Actor, now: datetime) -> Taken | None:
    """Store a report whole, and conclude the steps that it has results of; None where it shows that
    the outpost is contested.

    Raises:
        NotAdmitted, Gap: nothing was stored.
        ImportRunning: rows of this gateway are being taken in by another process.
    """
    taken = _store(outpost_id, signed, actor, now)
    if taken is not None:
        steps = command_results.steps_of(outpost_id, signed.report.commands)
        for step in steps[:CONCLUDED_AT_ONCE]:
            due_work.run_at_once(step)
    return taken


def _store(outpost_id: str, signed: Signed, actor: Actor, now: datetime) -> Taken | None:
    with report_contents.alone(signed.report), transaction.atomic():
        outpost = Outpost.objects.select_for_update().get(pk=outpost_id)
        refused = outpost.suspended_at is not None or outpost.revoked_at is not None
        if refused or not sealed_rows.is_as_recorded(outpost):
            raise NotAdmitted(outpost)
        report = signed.report
        if report.n > outpost.next_n:
            raise Gap(outpost.next_n)
        if report.n < outpost.next_n:
            known = outpost.reports.filter(n=report.n, digest=signed.digest).first()
            if known is not None:
                return Taken(known.n, known.received_at)
        elif report.previous == outpost.head:
            _append(outpost, signed, actor, now)
            return Taken(report.n, now)
        _contest(outpost, signed, actor, now)
        return None


def _append(outpost: Outpost, signed: Signed, actor: Actor, now: datetime) -> None:
    report = signed.report
    report_contents.record_contents(outpost, report, signed.digest, actor, now)
    for code in _found_now(outpost, report.health):
        _raise_alarm(outpost, code, report.n, actor)
    _record_not_in_log(outpost, report.health, report.n, actor)
    command_results.take(outpost, report.commands, report.n, actor)
    OutpostReport.objects.create(
        outpost=outpost,
        n=report.n,
        digest=signed.digest,
        signature=signed.signature,
        received_at=now,
    )
    outpost.reports.filter(n__lte=report.n - KEPT).delete()
    outpost.next_n, outpost.head = report.n + 1, signed.digest
    outpost.reported_at, outpost.version, outpost.lag_s = now, report.version, report.lag_s
    outpost.save(update_fields=["next_n", "head", "reported_at", "version", "lag_s"])
    read = dict.fromkeys(_not_reported(report)) | {
        name: value for name in _FACTS if (value := getattr(report, name)) is not None
    }
    if isinstance(health := read.get("health"), dict):
        read["health"] = _journal(outpost) | health
    state, _ = OutpostState.objects.update_or_create(outpost=outpost, defaults=read | {"at": now})
    if report.entries is None and state.entries is not None:
        state.entries = command_results.entries_after(state.entries, report.commands)
        state.save(update_fields=["entries"])
    drift.update(outpost.instance, now)


def _not_reported(report: Report) -> set[str]:
    """Facts that the outpost cannot report now, as its health names them: what it reported before
    may not be so, and is forgotten."""
    named = (report.health or {}).get("not_reported")
    return {name for name in _FACTS if name in named} if isinstance(named, list) else set()


def _contest(outpost: Outpost, signed: Signed, actor: Actor, now: datetime) -> None:
    """Record it the first time; from then on the outpost is contested."""
    if outpost.contested_at is not None:
        return
    sealed_rows.change(outpost, contested_at=now)
    report = signed.report
    known = outpost.reports.filter(n=report.n).first()
    record(
        actor,
        "outpost.contested",
        target=Target("outpost", outpost.instance, outpost.instance),
        data={
            "outpost": outpost.id,
            "n": report.n,
            "next": outpost.next_n,
            "taken": known.digest if known else "",
            "head": outpost.head,
            "other": signed.digest,
            "other_previous": report.previous,
        },
    )


def _found_now(outpost: Outpost, health: Mapping[str, Any] | None) -> Iterator[str]:
    """Codes of alarms that a report gives reason for, next to the one before it. A journal is
    named by its first line, and stays the same one as long as lines are only added."""
    if has_fork(health):
        yield "log_forked"
    state = OutpostState.objects.filter(outpost=outpost).first()
    before = state.health.get("journal") if state and isinstance(state.health, dict) else None
    if before and (health or {}).get("journal", before) != before:
        yield "journal_lost"


def _raise_alarm(outpost: Outpost, code: str, report: int, actor: Actor) -> None:
    """Record an alarm about an outpost once, as the trail has it."""
    if _ALARMS[code] in alarms(outpost):
        return
    record(
        actor,
        "ledger.alarm",
        outcome="failure",
        target=Target("outpost", outpost.instance, outpost.instance),
        data={"code": code, "outpost": outpost.id, "report": report},
        reason=_ALARMS[code],
    )


def alarms(outpost: Outpost) -> list[str]:
    """The sentences of the alarms about an outpost that are on record."""
    codes = {one.get("code") for one in _alarm_data(outpost)}
    return [words for code, words in _ALARMS.items() if code in codes]


def _alarm_data(outpost: Outpost) -> list[Mapping[str, Any]]:
    """The data of the alarms about an outpost, and of no earlier one of its gateway; of those that
    were altered nothing."""
    found = EventRow.objects.filter(
        action="ledger.alarm", target_kind="outpost", target_name=outpost.instance
    )
    ids = list(found.order_by("recorded_at").values_list("event", flat=True))
    try:
        events = load_many(ids)
    except AlteredEntry:
        events = [event for one in ids for event in _readable(one)]
    return [one["data"] for one in events if one["data"].get("outpost") == outpost.id]


def _readable(event: UUID) -> list[dict[str, Any]]:
    try:
        return load_many([event])
    except AlteredEntry:
        return []


def _journal(outpost: Outpost) -> dict[str, Any]:
    """The journal of commands that an outpost named last; a report without it forgets none."""
    state = OutpostState.objects.filter(outpost=outpost).first()
    health = state.health if state and isinstance(state.health, dict) else {}
    return {"journal": health["journal"]} if "journal" in health else {}


def _record_not_in_log(
    outpost: Outpost, health: Mapping[str, Any] | None, report: int, actor: Actor
) -> None:
    """Record each command of an outpost once whose decision it did not find in the log."""
    issued = OutpostCommand.objects.filter(pk__in=not_in_log(health), outpost=outpost)
    found = {str(one.pk) for one in issued if issued_commands.is_sealed(one)}
    known = {one.get("command") for one in _alarm_data(outpost)} if found else set()
    for command in sorted(found - known):
        record(
            actor,
            "ledger.alarm",
            outcome="failure",
            target=Target("outpost", outpost.instance, outpost.instance),
            data={
                "code": "command_not_in_log",
                "outpost": outpost.id,
                "command": command,
                "report": report,
            },
            reason=NOT_IN_LOG,
        )


def not_in_log(health: object) -> set[str]:
    """Ids of holds and blocks whose decision an outpost reported as not in the log."""
    found = health.get("not_in_log") if isinstance(health, Mapping) else None
    named = found[:MOST_NOT_IN_LOG] if isinstance(found, list) else []
    return {
        one
        for one in named
        if isinstance(one, str) and re.fullmatch(command_results.COMMAND_ID, one)
    }


def has_fork(health: object) -> bool:
    """Whether an outpost reported that the log has two histories."""
    return isinstance(health, Mapping) and bool(health.get("log_forked_at"))
