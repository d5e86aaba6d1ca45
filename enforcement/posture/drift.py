"""Records where a gateway is no longer as approved, and where it is again: `posture.changed`.

A difference is recorded once, until its value, or what is approved, changes. What cannot be read
now changes nothing: a difference is over once the source that had it has the setting as approved.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from enforcement.models import PostureBaseline, PostureDifference
from enforcement.posture import comparison, readings
from enforcement.posture.comparison import ComparedSetting, Seen


def update(instance: str, now: datetime) -> None:
    """Compare the gateway with its baseline; one event for each difference that is new or over."""
    if not PostureBaseline.objects.filter(instance=instance).exists():
        return
    with transaction.atomic():
        # The lock of the first baseline orders comparisons that run at once.
        rows = PostureBaseline.objects.select_for_update().filter(instance=instance)
        approved = max(rows, key=lambda row: row.number)
        found = readings.current(instance, now)
        if not found:
            return
        known = {one.setting: one for one in PostureDifference.objects.filter(instance=instance)}
        for row in comparison.compare(approved.settings, found, also=known):
            before = known.get(row.setting)
            if row.worst is not None:
                _note(instance, row, row.worst, before, now)
            elif before is not None:
                _end(before, row)


def _note(
    instance: str,
    row: ComparedSetting,
    worst: Seen,
    before: PostureDifference | None,
    now: datetime,
) -> None:
    approved = row.approved or ""
    source = worst.source
    if before is not None:
        if before.source not in {one.source for one in row.seen}:
            source = before.source  # it has to be read again before the difference is over
        if (before.expected, before.seen) == (approved, worst.value):
            PostureDifference.objects.filter(pk=before.pk).exclude(source=source).update(
                source=source
            )
            return
    PostureDifference.objects.update_or_create(
        instance=instance,
        setting=row.setting,
        defaults={
            "expected": approved,
            "seen": worst.value,
            "source": source,
            "weakens": worst.weakens,
            "since": now,
        },
    )
    record(
        SYSTEM,
        "posture.changed",
        outcome="failure",
        severity="HIGH" if worst.weakens else "MEDIUM",
        source="defenseclaw",
        instance=instance,
        target=Target("gateway", instance, instance),
        data={
            "setting": row.setting,
            "expected": approved,
            "seen": worst.value,
            "from": worst.source,
            "since": now.isoformat(),
        },
    )


def _end(before: PostureDifference, row: ComparedSetting) -> None:
    """It is as approved again, where it was read; or another baseline has it so."""
    seen = next((one for one in row.seen if one.source == before.source), None)
    if row.approved is None or (seen is None and row.approved == before.seen):
        before.delete()  # the decision that changed the baseline is on record
    elif seen is not None:
        before.delete()
        record(
            SYSTEM,
            "posture.changed",
            severity="INFO",
            source="defenseclaw",
            instance=before.instance,
            target=Target("gateway", before.instance, before.instance),
            data={
                "setting": before.setting,
                "expected": seen.value,
                "seen": seen.value,
                "from": seen.source,
                "since": before.since.isoformat(),
            },
        )
