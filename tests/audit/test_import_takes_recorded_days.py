"""Databases that real gateways wrote: no genuine row is set aside or accused."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from audit import importing
from audit.importing.defenseclaw_seals import mismatches
from audit.importing.mapping import times
from audit.importing.report import ImportReport
from tests.audit import imports

RECORDED = Path(__file__).parent / "recorded"
KEY = "600ebbbae923751951823a3a42b4c2375bb8a383f09245971d5c84bb96aca296"
ROWS = {"a-0.2.0": 91, "b-0.8.4": 170, "c-head": 247}

pytestmark = pytest.mark.django_db


def taken(folder: Path, generation: str) -> ImportReport:
    path = folder / "audit.db"
    path.write_bytes(lzma.decompress((RECORDED / f"{generation}.db.xz").read_bytes()))
    if generation == "c-head":
        (folder / "redaction-correlation.key").write_bytes(bytes.fromhex(KEY))
    return importing.run(path, "edge-1")


@pytest.mark.parametrize("generation", ROWS)
def test_every_row_of_a_real_day_is_imported_and_none_is_accused(
    tmp_path: Path, generation: str
) -> None:
    report = taken(tmp_path, generation)
    assert (report.total.imported, report.total.quarantined) == (ROWS[generation], 0)
    assert not report.reasons
    assert (report.mismatches, report.misused) == (0, 0)
    assert set(report.integrity) <= {"verified"}
    (run,) = imports.events(action="audit.imported")
    assert run["severity"] != "HIGH"


def test_tables_that_hold_no_events_are_named_with_their_counts(tmp_path: Path) -> None:
    said = taken(tmp_path, "c-head").as_json()["not_imported"]
    assert said["actions"] == 11
    assert said["quarantine_records"] == 2
    assert not said.keys() & {"audit_events", "scan_results", "sqlite_sequence"}


def test_an_agent_is_said_to_run_as_a_user_and_not_as_a_number(tmp_path: Path) -> None:
    taken(tmp_path, "c-head")
    (first, *_) = imports.events(action="defenseclaw.tool_invocation")
    assert first["actor"]["name"] == "alice"
    assert first["data"]["actor_provenance"] == "asserted"
    names = {event["actor"]["name"] for event in imports.events(source="defenseclaw")}
    assert not {name for name in names if name.isdecimal()}


def test_parts_of_a_gateway_are_no_persons(tmp_path: Path) -> None:
    taken(tmp_path, "c-head")
    for action in ("api-auth-failure", "correlation.relationship.changed"):
        event = imports.events(action=f"defenseclaw.{action}")[0]
        assert event["data"]["actor_provenance"] == "system"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-28 10:43:21.233587272 +0000 UTC m=+158.123652261", "10:43:21.233587+00:00"),
        ("2026-11-28 12:43:21.2 +0200 CEST m=-4.02", "10:43:21.200000+00:00"),
        ("2026-11-28 13:13:21 +0530 +0530", "07:43:21+00:00"),
    ],
)
def test_times_as_go_prints_them_are_read(text: str, at: str) -> None:
    assert times.parse(text).isoformat() == f"2026-11-28T{at}"


def test_a_column_that_was_emptied_still_contradicts_its_record() -> None:
    record = {"record_id": "r", "severity": "HIGH", "source": "operator_api"}
    assert mismatches({"id": "r"}, record) == ["severity", "source"]
