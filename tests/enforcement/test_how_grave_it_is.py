"""What was found about a thing, from the newest scan of each instance."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from enforcement.decisions import decision_severity
from enforcement.models import Scan

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)


def scans(instance: str, *grave: str, days: int = 0) -> None:
    Scan.objects.bulk_create(
        Scan(
            instance=instance, scan_id=f"{instance}-{place}", scanner="skill-scanner", kind="skill",
            name="pdf", severity=word, at=START + timedelta(days=days, minutes=place), seen=START,
        )
        for place, word in enumerate(grave)
    )  # fmt: skip


def test_the_newest_scan_of_each_instance_counts() -> None:
    scans("edge-2", "LOW", "INFO", "MEDIUM")
    scans("edge-1", "CRITICAL", "HIGH", days=-1)
    Scan.objects.filter(scan_id="edge-2-1").update(at=START + timedelta(minutes=3))
    found = decision_severity.latest_scans("skill", "pdf")
    assert [(one.instance, one.scan_id) for one in found] == [
        ("edge-1", "edge-1-1"),
        ("edge-2", "edge-2-2"),  # it arrived last, and had begun before the other one
    ]
    assert decision_severity.found("skill", "pdf") == "HIGH"
    assert decision_severity.latest_scans("skill", "other") == []


def test_years_of_scans_are_not_held_in_memory_to_find_the_newest() -> None:
    scans("edge-1", *["INFO"] * 3000)
    decision_severity.latest_scans("skill", "pdf")
    tracemalloc.start()
    found = decision_severity.latest_scans("skill", "pdf")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 1
    assert most < 300_000
