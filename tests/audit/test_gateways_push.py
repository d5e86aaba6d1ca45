"""What gateways push becomes entries once, whatever way it takes."""

from __future__ import annotations

import json
import lzma
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from audit import importing
from audit.ingest.pushes import drain, spool
from audit.models import Event, EventRow, QuarantinedRow
from tests.audit import imports, pushing
from tests.audit.pushing import hec, jsonl, real

RECORDED = Path(__file__).parent / "recorded"
BODIES = ("a-0.2.0.hec", "b-0.8.4.hec", "b-0.8.4.jsonl", "c-head.hec", "c-head.jsonl")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fleet(tmp_path: Path, settings: Any) -> Path:
    return pushing.register(tmp_path, settings)


def push(name: str) -> None:
    body = real(name)
    answer = hec(body) if name.endswith(".hec") else jsonl(body)
    assert answer.status == 200


def recorded(folder: Path, generation: str) -> tuple[Path, list[dict[str, Any]]]:
    """A real database and the rows of its audit trail."""
    path = folder / "audit.db"
    path.write_bytes(lzma.decompress((RECORDED / f"{generation}.db.xz").read_bytes()))
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
        database.row_factory = sqlite3.Row
        return path, [dict(row) for row in database.execute("SELECT * FROM audit_events")]


def pushed_as(generation: str, rows: list[dict[str, Any]]) -> None:
    if generation == "a-0.2.0":
        hec(pushing.lines(pushing.event_of_0_2_0(row) for row in rows))
    elif generation == "b-0.8.4":
        events = [pushing.event_of_0_8_4(row) for row in rows]
        hec(pushing.lines(json.dumps({"time": 1.0, "event": event}) for event in events))
    else:
        jsonl(pushing.lines(pushing.record_of(row) for row in rows))


@pytest.mark.parametrize("name", BODIES)
def test_real_bodies_become_entries_and_a_replay_adds_nothing(name: str) -> None:
    push(name)
    assert drain.run_due() == len(real(name).splitlines())
    assert QuarantinedRow.objects.count() == 0
    before = Event.objects.count()
    for _ in range(3):
        push(name)
    assert drain.run_due() == 0
    assert Event.objects.count() == before
    assert spool.waiting("edge-1") == []


@pytest.mark.parametrize("generation", ["a-0.2.0", "b-0.8.4", "c-head"])
@pytest.mark.parametrize("first", ["push", "database"])
def test_an_event_that_is_pushed_and_imported_is_one_entry(
    tmp_path: Path, generation: str, first: str
) -> None:
    path, rows = recorded(tmp_path, generation)
    for way in (first, "database" if first == "push" else "push") * 2:
        if way == "database":
            importing.run(path, "edge-1")
        else:
            pushed_as(generation, rows)
            drain.run_due()
    assert [e["changes"] for e in imports.events(action="defenseclaw.row_changed")] == []
    of_trail = [
        e for e in imports.events(source="defenseclaw") if e["data"].get("table") == "audit_events"
    ]
    assert len(of_trail) == len(rows)


def test_two_rails_of_one_gateway_give_one_entry() -> None:
    for name in ("c-head.hec", "c-head.jsonl", "b-0.8.4.hec", "b-0.8.4.jsonl"):
        push(name)
    drain.run_due()
    ids = EventRow.objects.filter(source="defenseclaw").count()
    records = {
        found["record_id"] if "record_id" in found else found["id"]
        for name in ("c-head.hec", "c-head.jsonl", "b-0.8.4.hec", "b-0.8.4.jsonl")
        for line in real(name).splitlines()
        for found in [(json.loads(line).get("event") or {}).get("record")
                      or json.loads(line).get("event") or json.loads(line)]
    }  # fmt: skip
    assert ids == len(records)
    assert not EventRow.objects.filter(action="defenseclaw.row_changed").exists()


def test_the_same_id_with_other_content_is_an_alarm_on_every_way(tmp_path: Path) -> None:
    record = json.loads(real("c-head.jsonl").splitlines()[0])
    jsonl(json.dumps(record))
    drain.run_due()
    jsonl(json.dumps(record | {"severity": "CRITICAL"}))
    drain.run_due()
    (changed,) = imports.events(action="defenseclaw.row_changed")
    assert changed["severity"] == "HIGH"
    hec(json.dumps({"event": {"record": record | {"action": "allow"}}}))
    drain.run_due()
    assert EventRow.objects.filter(action="defenseclaw.row_changed").count() == 2


def test_a_forged_push_does_not_hide_the_row_of_the_database(tmp_path: Path) -> None:
    path, rows = recorded(tmp_path, "b-0.8.4")
    forged = pushing.event_of_0_8_4(rows[3]) | {"action": "skill-allow", "target": "harmless"}
    jsonl(json.dumps(forged))
    drain.run_due()
    report = importing.run(path, "edge-1")
    assert sum(report.changed.values()) == 1
    imports.change(path, f"UPDATE audit_events SET agent_name = 'x' WHERE id = '{rows[3]['id']}'")
    assert sum(importing.run(path, "edge-1").changed.values()) == 1


def test_what_is_no_event_is_set_aside_once_and_the_rest_is_taken() -> None:
    good = real("b-0.8.4.jsonl").splitlines()[0]
    odd = [b"null"]
    odd += [b"not json", b'{"action": "no id"}', b"[1, 2]", b'"text"', b"\xff\xfe", b'{"id": 7}',
            b'{"id": "x-1", "action": "a", "timestamp": "never"}', b"[" * 100_000]  # fmt: skip
    assert jsonl(b"\n".join([*odd, good])).status == 200
    assert jsonl(b"\n".join([*odd, good])).status == 200
    assert drain.run_due() == 1
    assert QuarantinedRow.objects.count() == len(odd)
    (event,) = imports.events(action="audit.quarantined")
    assert sum(event["data"]["reasons"].values()) == len(odd) * 2
    jsonl(b"\n".join(odd))
    drain.run_due()
    assert EventRow.objects.filter(action="audit.quarantined").count() == 1


def test_a_line_of_the_gateways_log_is_one_entry_with_what_announces_it() -> None:
    announced, line = real("b-0.8.4-log.hec").splitlines()
    hec(announced + b"\n" + line)
    drain.run_due()
    event = imports.event(source="defenseclaw")
    assert event["action"] == "defenseclaw.gatewaylog.tool_invocation"
    assert event["data"]["payload"]["event_type"] == "tool_invocation"
    for _ in range(2):
        hec(line)  # alone: what announces it was in another body
        drain.run_due()
    assert EventRow.objects.filter(source="defenseclaw").count() == 2
    assert QuarantinedRow.objects.count() == 0


def test_a_finding_gets_the_name_of_what_was_scanned_from_the_database(
    tmp_path: Path, settings: Any
) -> None:
    path = imports.empty(tmp_path / "gateway" / "audit.db", 8)
    pushing.register(tmp_path, settings, database=path)
    found = json.loads(real("c-head.hec").splitlines()[0])["event"]["record"]
    scan = found["body"]["defenseclaw.scan.id"]
    imports.insert(
        path, "scan_results", id=scan, scanner="skill-scanner",
        target="/srv/alice/.codex/plugins/notes", timestamp="2026-11-28T10:35:07Z",
        finding_count=1, max_severity="HIGH",
    )  # fmt: skip
    jsonl(json.dumps(found))
    drain.run_due()
    event = imports.event(action="defenseclaw.scan-finding")
    assert (event["target"]["kind"], event["target"]["name"]) == ("plugin", "notes")
    assert "target_name" not in event["data"]


def test_without_that_database_the_name_is_said_to_be_unknown() -> None:
    found = json.loads(real("c-head.hec").splitlines()[0])["event"]["record"]
    jsonl(json.dumps(found))
    drain.run_due()
    event = imports.event(action="defenseclaw.scan-finding")
    assert event["data"]["target_name"] == "not_pushed"
    assert event["target"]["kind"] == "plugin"


def test_a_body_waits_in_a_private_file_until_its_rows_are_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push("b-0.8.4.hec")
    (body,) = spool.waiting("edge-1")
    assert body.read() == real("b-0.8.4.hec")
    assert stat.S_IMODE(body.path.stat().st_mode) == 0o600
    with monkeypatch.context() as killed:
        killed.setattr(spool.Body, "remove", _killed)
        with pytest.raises(SystemExit):
            drain.run_due()
    assert Event.objects.count() == len(real("b-0.8.4.hec").splitlines())
    assert drain.run_due() == 0
    assert Event.objects.count() == len(real("b-0.8.4.hec").splitlines())
    assert spool.waiting("edge-1") == []


def _killed(body: spool.Body) -> None:
    raise SystemExit


def test_no_token_stands_in_the_spool_or_in_an_event(tmp_path: Path) -> None:
    token = pushing.TOKENS["edge-1"]
    row = {"id": "r-1", "timestamp": "2026-11-28T10:00:00.5Z", "action": "note",
           "details": f"Authorization: Splunk {token}"}  # fmt: skip
    push("b-0.8.4.hec")
    hec("nonsense")
    hec("nonsense", token="a-wrong-token-77")
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.suffix != ".token"
                    and path.is_file())  # fmt: skip
    assert token.encode() not in kept and b"a-wrong-token-77" not in kept
    hec(json.dumps({"event": row}))
    drain.run_due()
    said = json.dumps(imports.events(), default=str)
    assert token not in said


def test_two_rows_that_are_alike_stay_two_beside_a_push_without_id(tmp_path: Path) -> None:
    path = imports.empty(tmp_path / "gateway" / "audit.db", 0)
    stamp = "2026-11-28T10:00:00.123456789Z"
    for id in ("row-1", "row-2"):
        imports.audit_row(path, id, timestamp=stamp)
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM audit_events")]
    hec(pushing.event_of_0_2_0(rows[0]))
    for _ in range(2):
        drain.run_due()
        importing.run(path, "edge-1")
    assert EventRow.objects.filter(source="defenseclaw").count() == 2
