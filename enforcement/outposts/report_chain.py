"""Taking in reports: each once and in order, and noticing when a chain has two continuations.

A report names the digest of the one before it. The same bytes again are answered as before, and a
number that is ahead is a gap for the outpost to fill. Other bytes under a number that was taken, or
after another report than ours, show that a second holder of the key goes on elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from approvals import due_work
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from enforcement.models import Outpost, OutpostReport, OutpostState
from enforcement.outposts import command_results, report_contents, sealed_rows
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
    _record_fork(outpost, report.health, report.n, actor)
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


def _record_fork(
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
