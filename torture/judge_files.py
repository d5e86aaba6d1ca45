"""Exports and imports: files that are whole, rows that came once."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from django.conf import settings
from django.db.models import Count

from audit.exports.jobs import path_of
from audit.models import Entry, EventRow, ExportJob, ImportedRow, QuarantinedRow

type Said = Iterator[str]
_STATE = ExportJob.State
TABLES = (
    "audit_events",
    "activity_events",
    "scan_results",
    "findings",
    "scan_findings",
    "network_egress_events",
    "alert_acknowledgement_operations",
)


def counts() -> dict[str, int]:
    """How many exports ended how; how many rows were imported."""
    rows = ExportJob.objects.values_list("state").annotate(n=Count("pk"))
    found = {f"exports {state}": n for state, n in rows}
    return found | {"rows imported": ImportedRow.objects.count()}


def exports(journal: dict[str, Any], final: bool) -> Said:
    """A file that is offered is whole and recorded; at the end none is left half-way."""
    jobs = {str(job.pk): job for job in ExportJob.objects.all()}
    for made in journal["exports"].keys() - jobs.keys():
        yield f"export {made} was acknowledged and is lost"
    for made, job in jobs.items():
        if job.state == _STATE.READY:
            yield from _whole(job, journal["exports"].get(made, {}))
        elif final:
            yield f"export {made} is {job.state}: {job.error}"
    if final:
        folder = settings.VAR_DIR / "exports"
        kept = {path_of(job).name for job in jobs.values() if job.state == _STATE.READY}
        for path in sorted(folder.iterdir()) if folder.exists() else ():
            if path.name not in kept:
                yield f"exports/{path.name} belongs to no finished export"
        recorded = EventRow.objects.filter(action="audit.exported").count()
        ready = sum(job.state == _STATE.READY for job in jobs.values())
        if recorded != ready:
            yield f"{ready} exports are ready and {recorded} were recorded"


def _whole(job: ExportJob, handed_out: dict[str, Any]) -> Said:
    path = path_of(job)
    if not path.exists():
        yield f"export {job.pk} is ready and has no file"
        return
    content = path.read_bytes()
    if (hashlib.sha256(content).hexdigest(), len(content)) != (job.sha256, job.size):
        yield f"export {job.pk} is ready and its file is another one"
    # Counted here: what the job expected is an estimate where many match.
    report = {f"{key}__in": values for key, values in job.params.items()}
    there = EventRow.objects.filter(seq__lt=job.tree_size, **report).count()
    if job.rows != there or job.tree_size > Entry.objects.count():
        yield f"export {job.pk} has {job.rows} rows of {there}"
    if handed_out and handed_out["sha256"] != job.sha256:
        yield f"export {job.pk} was handed out with another content"
    recorded = EventRow.objects.filter(event=str(job.event), action="audit.exported")
    if not recorded.exists():
        yield f"export {job.pk} is ready and not recorded"


def imports(journal: dict[str, Any]) -> Said:
    """Of a finished import every row of the file is there once, or set aside."""
    for instance, report in journal["imports"].items():
        with closing(sqlite3.connect(f"file:{report['source']}?mode=ro", uri=True)) as source:
            there = {str(n) for (n,) in source.execute("SELECT name FROM sqlite_master")}
            tables = [table for table in TABLES if table in there]
            rows = sum(
                source.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables
            )
        if rows != report["rows"] or rows != sum(
            report[key] for key in ("imported", "duplicates", "quarantined")
        ):
            yield f"{instance}: {rows} rows in the file, the import says {report}"
        memory = ImportedRow.objects.filter(instance=instance)
        aside = QuarantinedRow.objects.filter(instance=instance).count()
        events = EventRow.objects.filter(instance=instance, source="defenseclaw")
        events = events.exclude(action="defenseclaw.row_changed")
        distinct = memory.values("event").distinct().count()
        if events.count() != distinct:
            yield f"{instance}: {events.count()} events of {distinct} imported rows"
        repeated = report["duplicates"] if report["imported"] else 0
        if distinct + aside != rows and distinct + aside + repeated != rows:
            yield f"{instance}: {distinct} rows and {aside} set aside of {rows}"
        recorded = EventRow.objects.filter(instance=instance, action="audit.imported").count()
        if recorded < 1:
            yield f"{instance}: finished and not recorded"
