"""What an import leaves on the trail about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import transaction

from audit.importing import defenseclaw_seals
from audit.importing.quarantine.writer import Quarantine
from audit.importing.report import ImportReport
from audit.recording.actors import Actor, Target
from audit.recording.record import record


def record_run(report: ImportReport, aside: Quarantine, file: str, actor: Actor) -> UUID:
    """Record `audit.imported`, and `audit.quarantined` when rows were set aside; the former's id.

    Broken seals raise the severity: somebody changed rows after DefenseClaw wrote them.
    """
    target = Target("database", file, report.instance)
    broken = sum(report.integrity[status] for status in defenseclaw_seals.BROKEN)
    with transaction.atomic():
        if aside.reasons:
            record_set_aside(aside, target, actor, report.instance)
        event = record(
            actor,
            "audit.imported",
            severity="HIGH" if broken or report.mismatches or report.misused else "",
            instance=report.instance,
            target=target,
            data=_figures(report),
        )
    return event.id


def record_set_aside(
    aside: Quarantine,
    target: Target,
    actor: Actor,
    instance: str,
    reported_by: Mapping[str, Any] = {},
) -> None:
    """Record `audit.quarantined` about the rows that were set aside, in the caller's transaction.

    Args:
        target: what the rows are of.
        reported_by: codes that name who reported them.
    """
    event = record(
        actor,
        "audit.quarantined",
        instance=instance,
        target=target,
        data={
            "rows": sum(aside.reasons.values()),
            "reasons": dict(sorted(aside.reasons.items())),
            "rows_digest": aside.digest,
            "listed": len(aside.listed),
            **reported_by,
        },
        private={"listing": aside.listed},
    )
    aside.recorded(event.id)


def _figures(report: ImportReport) -> dict[str, Any]:
    figures: dict[str, Any] = {
        **asdict(report.total),
        "by_table": {table: asdict(counts) for table, counts in report.by_table.items()},
        "provenance": dict(sorted(report.provenance.items())),
        "masked_values": report.masked,
    }
    if report.changed:
        figures["changed"] = dict(sorted(report.changed.items()))
    if report.misused:
        figures["misused_tags"] = report.misused
    if report.integrity:
        figures["integrity"] = dict(sorted(report.integrity.items()))
        figures["mismatches"] = report.mismatches
        figures["key_id"] = report.key_id
    return figures
