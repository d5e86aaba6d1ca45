"""Rows with numbers that SQLite gives nobody, and floods of unreadable rows, hide no scan."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from django.test import Client

from audit.models import EventRow, QuarantinedRow
from audit.recording import stored_event_loader
from audit.recording.actors import Actor
from enforcement.audit_database import periodic_scan_import
from enforcement.findings import unreadable_row_quarantine
from enforcement.models import Asset, Scan, Watch
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town
from tests.enforcement.test_hostile_rows_hide_nothing import change_newest

pytestmark = pytest.mark.django_db
type Look = Callable[[], int]
HIGHEST = 2**63 - 1
FLOOD = 450


def held(name: str) -> bool:
    return Asset.objects.filter(name=name).exclude(holder="").exists()


def flood(edge: Edge, rows: int = FLOOD) -> None:
    """So many rows with a target of bytes."""
    with closing(sqlite3.connect(edge.database)) as db, db:
        db.executemany(
            "INSERT INTO scan_results (id, scanner, target, timestamp, finding_count) "
            "VALUES (?, 'skill-scanner', x'70', '2026-11-28T10:00:00Z', 0)",
            [(f"odd-{number}",) for number in range(rows)],
        )


@pytest.mark.parametrize("rowid", [HIGHEST, -7, 0, -(2**63), 2**40])
def test_a_scan_at_an_odd_number_and_those_behind_it_hold(
    edge: Edge, look: Look, olu: Actor, rowid: int
) -> None:
    edge.scan("odd", severity="CRITICAL")
    change_newest(edge, "rowid = ?", rowid)
    look()
    assert held("odd")
    for number in range(3):
        edge.scan(f"evil-{number}", severity="CRITICAL")
        look()
        assert held(f"evil-{number}")
    assert Scan.objects.count() == 4
    look()
    assert Scan.objects.count() == 4


@pytest.mark.parametrize("rowid", [HIGHEST, -7])
def test_rows_at_odd_numbers_are_named_on_the_fleet_page_and_in_readyz_until_they_are_gone(
    edge: Edge, look: Look, olu: Actor, rowid: int
) -> None:
    page = browser("operator", "operator")
    edge.scan("odd", severity="LOW")
    change_newest(edge, "rowid = ?", rowid)
    look()
    said = "the order of its scans, since the number (rowid) of 1 of them"
    assert (
        f"Its audit database is not read: {said}"
        in page.get("/enforcement/fleet/").content.decode()
    )
    assert said in Client().get("/readyz").json()["warnings"]["gateway edge-1"]
    with closing(sqlite3.connect(edge.database)) as db, db:
        db.execute("DELETE FROM scan_findings")
        db.execute("DELETE FROM scan_results WHERE rowid = ?", (rowid,))
    look()
    assert Watch.objects.get(name=edge.name).source == ""
    edge.scan("later", severity="CRITICAL")
    look()
    assert held("later")


def test_odd_rows_from_before_the_first_look_ask_nobody(edge: Edge, town: Town, olu: Actor) -> None:
    for rowid in (-7, HIGHEST):
        edge.scan("old", severity="CRITICAL")
        change_newest(edge, "rowid = ?", rowid)
    periodic_scan_import.poll_due()
    Watch.objects.update(due="2026-01-01T00:00:00Z")
    periodic_scan_import.poll_due()
    assert Scan.objects.count() == 2 and not held("old")


def test_where_an_odd_row_was_read_last_before_the_rest_is_read_again(
    edge: Edge, look: Look, olu: Actor
) -> None:
    edge.scan("odd", severity="LOW")
    change_newest(edge, "rowid = ?", HIGHEST)
    with closing(sqlite3.connect(edge.database)) as db:
        ((id,),) = db.execute("SELECT id FROM scan_results WHERE rowid = ?", (HIGHEST,))
    Watch.objects.filter(name=edge.name).update(last_rowid=HIGHEST, last_scan=id)
    edge.scan("evil", severity="CRITICAL")
    with closing(sqlite3.connect(edge.database)) as db, db:
        db.execute("UPDATE scan_results SET rowid = 50 WHERE target LIKE '%evil%'")
    look()
    assert held("evil")
    assert Watch.objects.get(name=edge.name).last_rowid == 50


def test_a_flood_of_unreadable_rows_is_one_alarm_that_counts_them(
    edge: Edge, look: Look, olu: Actor
) -> None:
    flood(edge)
    look()
    row = EventRow.objects.get(action="audit.quarantined")
    said = stored_event_loader.load(row.event)["data"]
    assert (said["rows"], said["listed"], len(said["listing"])) == (FLOOD, 100, 100)
    assert said["listing"][0]["row"] == "odd-0"
    assert QuarantinedRow.objects.filter(event=row.event).count() == FLOOD
    look()
    assert EventRow.objects.filter(action="audit.quarantined").count() == 1


def test_a_critical_scan_behind_a_flood_holds_in_the_same_pass(
    edge: Edge, look: Look, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood(edge)
    edge.scan("evil", severity="CRITICAL")
    monkeypatch.setattr(unreadable_row_quarantine, "set_aside", _fails)
    look()
    assert held("evil"), "before the others are set aside"
    monkeypatch.undo()
    look()
    assert QuarantinedRow.objects.count() == FLOOD
    assert Scan.objects.count() == 1


def _fails(*_: object) -> None:
    raise OSError(28, "No space left on device")
