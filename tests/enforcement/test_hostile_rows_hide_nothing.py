"""Rows that a hostile skill shapes: names and texts of any bytes, scans that never end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from approvals.models import Approval
from approvals.perform import Refused, perform
from audit.actor import Actor, Target
from enforcement.models import Asset, Scan, Watch
from tests.enforcement.gateways import Edge

pytestmark = pytest.mark.django_db
type Look = Callable[[], int]
BAD = {
    "a folder's name that is no UTF-8": "target = CAST(x'2f736b696c6c732f7064662dff' AS TEXT)",
    "NUL in a name": "target = '/skills/pdf' || char(0) || 'x'",
    "a long id": "id = 'scan-' || hex(zeroblob(100)), finding_count = 0",
}


def change_newest(edge: Edge, change: str, *values: object) -> None:
    newest = "(SELECT max(rowid) FROM scan_results)"
    with closing(sqlite3.connect(edge.database)) as db, db:
        db.execute(f"UPDATE scan_results SET {change} WHERE rowid = {newest}", values)


@pytest.mark.parametrize("how", BAD)
def test_a_scan_behind_a_hostile_row_is_seen(edge: Edge, look: Look, olu: Actor, how: str) -> None:
    edge.scan("harmless", severity="LOW")
    change_newest(edge, BAD[how])
    look()
    edge.scan("pdf-exfil", severity="CRITICAL")
    for _ in range(3):
        look()
    assert Watch.objects.get(name=edge.name).source == ""
    assert Scan.objects.filter(name="pdf-exfil").count() == 1
    assert Asset.objects.filter(name="pdf-exfil").exclude(holder="").exists()


def test_a_scan_that_never_ends_and_is_of_tomorrow_hides_nothing(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("harmless", severity="LOW")
    soon = f"{datetime.now(UTC) + timedelta(minutes=9):%Y-%m-%d %H:%M:%S}"
    change_newest(edge, "finding_count = 99, timestamp = ?", soon)
    look()
    assert not Scan.objects.exists()  # as if it were being written
    edge.scan("pdf-exfil", severity="CRITICAL")
    look()
    assert Scan.objects.filter(name="pdf-exfil").exists()


@pytest.mark.parametrize(
    "name",
    [
        *("pdf-exfil ", "pdf\u200b-exfil", "pdf\u00ad-exfil", "pdf\x1b-exfil", "pdf\u3000-exfil"),
        "pdf\u00a0exfil",
    ],
)
def test_a_critical_finding_holds_whatever_the_name(
    edge: Edge, look: Look, olu: Actor, do_due: Callable[[], None], name: str
) -> None:
    edge.scan(name, severity="CRITICAL")
    look()
    assert Asset.objects.get(name=name).holder and Approval.objects.exists()
    do_due()
    assert list(edge.blocked()) == [name]


def test_a_name_like_that_which_no_gateway_reported_is_refused(edge: Edge, olu: Actor) -> None:
    with pytest.raises(Refused) as refused:
        perform(olu, "skill.hold", Target("skill", "pdf\x1b"))
    assert refused.value.code == "bad_target"
