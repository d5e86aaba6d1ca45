"""Records what a report holds: rows through the importer, one entry for each range of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from audit.importing import gateway_registry_and_seal_keys, import_run_events
from audit.importing.lock import import_lock
from audit.importing.mapping import Mapper, Matches
from audit.importing.portal_operation_lookup import Operations
from audit.importing.pushed_row_matching import Forms
from audit.importing.quarantine.writer import Quarantine
from audit.importing.report import Counts, ImportReport
from audit.importing.row_batch_writer import RowWriter
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from enforcement.findings import reported_scans
from enforcement.models import Outpost
from enforcement.outposts.report_format import Report, source_row

_LOCK_WAIT_S: Final = 2.0


def alone(report: Report) -> AbstractContextManager[None]:
    """The lock that imports and pushes of this gateway take, where the report has rows. Pushes hold
    it for moments, and often: an outpost that was refused would try again seconds later.

    Raises:
        ImportRunning: another process holds it.
    """
    return import_lock(report.instance, _LOCK_WAIT_S) if report.rows else nullcontext()


def record_contents(
    outpost: Outpost, report: Report, digest: str, actor: Actor, now: datetime
) -> None:
    """Make entries of what a report holds, in the caller's transaction.

    Each names the report and the key that signed it, so that after a theft of the key a person can
    tell which entries came under it.
    """
    source = {"outpost": outpost.id, "report": report.n, "report_digest": digest}
    if report.rows:
        _take_rows(outpost, report, source, actor, now)
    for found in _ranges(report):
        record(
            actor,
            "defenseclaw.rows",
            outcome="failure" if found.lost else "success",
            severity="MEDIUM" if found.lost else "INFO",
            source="defenseclaw",
            instance=report.instance,
            target=Target("table", found.table, report.instance),
            data={**found.data, **source},
            private={"why": found.why} if found.why else {},
        )


def _take_rows(
    outpost: Outpost, report: Report, source: Mapping[str, Any], actor: Actor, now: datetime
) -> None:
    """As an import or a push would: a row that arrived before, however, is the same event."""
    instance = report.instance
    matches = Matches(instance, Operations(), gateway_registry_and_seal_keys.registered())
    work = RowWriter(
        report=ImportReport(instance),
        mapper=Mapper(instance, None, matches, now),
        matches=matches,
        aside=Quarantine(instance, now),
        forms=Forms(instance),
        actor=actor,
        now=now,
        reported_by=source,
    )
    rows = [source_row(row) for row in report.rows]
    work.take(rows, Counts())
    reported_scans.take(outpost, rows, now)
    if work.aside.reasons:
        target = Target("outpost", instance, instance)
        import_run_events.record_set_aside(work.aside, target, actor, instance, source)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that stay at the gateway, or that are lost for good."""

    table: str
    data: Mapping[str, Any]
    lost: bool = True
    why: str = ""


def _ranges(report: Report) -> Iterator[_Rows]:
    """Each gets one entry."""
    if report.restarted:
        yield _Rows("audit.db", {"restarted": True}, why=report.why)
    for one in report.dropped:
        yield _Rows(one.table, {"first": one.first, "last": one.last, "dropped": True})
    for kept in report.ranges:
        span = {"first": kept.first, "last": kept.last, "count": kept.count, "root": kept.root}
        yield _Rows(kept.table, span, lost=False)
