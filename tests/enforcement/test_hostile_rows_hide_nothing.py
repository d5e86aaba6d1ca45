"""Rows that a hostile skill shapes: names and texts of any bytes, scans that never end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DataError

from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.ledger.format.allowed_field_values import severity_rank
from audit.models import EventRow, QuarantinedRow
from audit.recording import stored_event_loader
from audit.recording.actors import Actor, Target
from enforcement.audit_database import periodic_scan_import
from enforcement.audit_database.scan_rows import SourceScan
from enforcement.findings import intake
from enforcement.gateways.client import Gateway, Listed, listed
from enforcement.models import Asset, Finding, Scan, Watch
from tests.enforcement.gateways import Edge, Town

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


UNREADABLE = {
    "a name of bytes": ("target = x'2f736b696c6c732f706466'", "target is no text"),
    "no name": ("target = ''", "target names nothing"),
    "a scanner of bytes": ("scanner = x'736b696c6c'", "scanner is no text"),
    "no id": ("id = NULL, finding_count = 0", "id is no text"),
}


@pytest.mark.parametrize("how", UNREADABLE)
def test_a_row_that_cannot_be_read_is_set_aside_with_an_alarm_once(
    edge: Edge, look: Look, olu: Actor, how: str
) -> None:
    change, why = UNREADABLE[how]
    edge.scan("odd", severity="CRITICAL")
    with closing(sqlite3.connect(edge.database)) as db:
        ((number,),) = db.execute("SELECT max(rowid) FROM scan_results").fetchall()
    change_newest(edge, change)
    edge.scan("pdf-exfil", severity="CRITICAL")
    for _ in range(3):
        look()
    assert Scan.objects.filter(name="pdf-exfil").count() == 1
    assert Asset.objects.filter(name="pdf-exfil").exclude(holder="").exists()
    assert list(Scan.objects.values_list("name", flat=True)) == ["pdf-exfil"]
    row = EventRow.objects.get(action="audit.quarantined")
    alarm = stored_event_loader.load(row.event)
    assert (alarm["severity"], alarm["instance"]) == ("HIGH", edge.name)
    kept = QuarantinedRow.objects.get()
    assert kept.event == row.event and kept.table == "scan_results"
    assert alarm["data"]["listing"] == [
        {"row": kept.row_id, "number": number, "reason": kept.reason, "detail": kept.detail}
    ]
    assert why in kept.detail
    edge.purge()  # read again from its start
    edge.scan("later", severity="LOW")
    look()
    assert EventRow.objects.filter(action="audit.quarantined").count() == 1


def test_a_row_that_our_database_refuses_is_set_aside_with_an_alarm(
    edge: Edge, look: Look, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = intake.take

    def refuses(
        instance: str, found: SourceScan, now: datetime, *, history: bool = False
    ) -> Scan | None:
        if found.name == "odd":
            raise DataError("value out of range")
        return take(instance, found, now, history=history)

    monkeypatch.setattr(intake, "take", refuses)
    edge.scan("odd", severity="CRITICAL")
    edge.scan("pdf-exfil", severity="CRITICAL")
    look()
    assert Asset.objects.filter(name="pdf-exfil").exclude(holder="").exists()
    assert QuarantinedRow.objects.get().detail == "it cannot be stored (DataError)"
    assert EventRow.objects.get(action="audit.quarantined").severity == severity_rank("HIGH")


def test_an_unreadable_row_from_before_the_first_look_is_set_aside_too(
    edge: Edge, town: Town, db: None
) -> None:
    edge.scan("odd", severity="LOW")
    change_newest(edge, "target = x'70'")
    edge.scan("notes", severity="LOW")
    periodic_scan_import.poll_due()
    assert list(Scan.objects.values_list("name", flat=True)) == ["notes"]
    assert EventRow.objects.filter(action="audit.quarantined").exists()


@pytest.mark.parametrize("column", ["scan", "finding"])
def test_ids_that_differ_late_are_two(edge: Edge, look: Look, olu: Actor, column: str) -> None:
    edge.drop_guards()
    for name in ("one", "two"):
        edge.scan(name, severity="HIGH")
        with closing(sqlite3.connect(edge.database)) as db, db:
            if column == "scan":
                long = f"{'scan-' * 30}{name}"
                newest = "(SELECT id FROM scan_results ORDER BY rowid DESC)"
                db.execute(
                    f"UPDATE scan_findings SET scan_id = ? WHERE scan_id = {newest}", (long,)
                )
                change_newest_in(db, "scan_results", long)
            else:
                change_newest_in(db, "scan_findings", f"{'finding-' * 30}{name}")
    look()
    found = Finding.objects.all() if column == "finding" else Scan.objects.all()
    assert set(found.values_list("name", flat=True)) == {"one", "two"}


def change_newest_in(db: sqlite3.Connection, table: str, id: str) -> None:
    db.execute(f"UPDATE {table} SET id = ? WHERE rowid = (SELECT max(rowid) FROM {table})", (id,))


def test_two_names_that_differ_late_are_two_things(edge: Edge, look: Look, olu: Actor) -> None:
    long = "a" * 300
    for name in (f"{long}-one", f"{long}-two", long):
        edge.scan("named", severity="HIGH")
        change_newest(edge, "target = ?", f"/skills/{name}")
    look()
    names = set(Scan.objects.values_list("name", flat=True))
    assert len(names) == 3 and long in names
    edge.scan("named", severity="HIGH")
    change_newest(edge, "target = ?", f"/skills/{max(names - {long})}")  # called like a cut name
    look()
    assert len(set(Scan.objects.values_list("name", flat=True))) == 4


@pytest.mark.parametrize("name", ["a\x00b", "a\ud800b"])
def test_a_name_in_the_lists_of_one_gateway_hides_no_list_of_another(
    town: Town, edge: Edge, look: Look, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    other = town.edges["edge-2"]
    other.block("skill", "known", "theirs")
    lists = Gateway.blocked

    def blocked(self: Gateway) -> tuple[Listed, ...]:
        hostile = listed([{"target_type": "skill", "target_name": name}])
        return hostile if self.instance.name == edge.name else lists(self)

    monkeypatch.setattr(Gateway, "blocked", blocked)
    look()
    assert [one["name"] for one in Watch.objects.get(name=other.name).blocked] == ["known"]
    (line,) = Watch.objects.get(name=edge.name).blocked
    assert line["name"] in ("a\\x00b", "a\\ud800b")


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
