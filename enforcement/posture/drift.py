"""Records where a gateway is no longer as approved, and where it is again: `posture.changed`.

A difference is recorded once, until its value, or what is approved, changes. What cannot be read
now changes nothing.
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
        for row in comparison.compare(approved.settings, found):
            before = known.pop(row.setting, None)
            if row.worst is not None:
                _note(instance, row, row.worst, before, now)
            elif before is not None and row.approved is None:
                before.delete()  # the decision that changed the baseline is on record
            elif before is not None and row.seen:
                _end(before, row.seen[0])
        for before in known.values():  # neither approved nor there any more
            before.delete()


def _note(
    instance: str,
    row: ComparedSetting,
    worst: Seen,
    before: PostureDifference | None,
    now: datetime,
) -> None:
    approved = row.approved or ""
    if before is not None and (before.expected, before.seen) == (approved, worst.value):
        return
    PostureDifference.objects.update_or_create(
        instance=instance,
        setting=row.setting,
        defaults={
            "expected": approved,
            "seen": worst.value,
            "source": worst.source,
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


def _end(before: PostureDifference, seen: Seen) -> None:
    """It is as approved again."""
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
