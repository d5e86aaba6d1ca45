"""Reports of outposts: proven, in order, each once; a second continuation is an alarm."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from approvals import clock
from approvals.pipeline.service import perform
from audit import importing
from audit.importing.lock import import_lock
from audit.ingest.pushes import drain, pushed_rows, spool
from audit.models import Event, EventRow
from audit.recording.actors import Actor, Target
from audit.recording.stored_event_loader import load
from enforcement.models import Outpost, OutpostReport, OutpostState, SeenProof
from enforcement.outposts import report_chain, report_contents
from tests.audit import imports
from tests.audit.pushing import real
from tests.enforcement.answering import approve
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import known
from tests.enforcement.outpost_device import INSTANCE, REPORTS, Device, code, written

pytestmark = pytest.mark.django_db
CANARY = "canary-5d1f-prompt-of-mia"
OUTPOST = Target("outpost", INSTANCE)
ROW = {
    "id": "0f0e7d1c-1111-4222-8333-444455556666",
    "timestamp": "2026-11-29T11:59:00Z",
    "action": "skill-block",
    "target": "pdf-exfil",
    "actor": "cli:operator",
    "details": "reason=steals PDFs",
    "severity": "HIGH",
}
RANGE = {"table": "audit_events", "first": 2, "last": 40, "count": 39, "root": "ab" * 32}


@pytest.fixture
def amir(db: None, tmp_path: Path, settings: LazySettings) -> Actor:
    settings.VAR_DIR = tmp_path
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin", name="Amir Admin").as_actor(via="web")


@pytest.fixture
def device(amir: Actor) -> Device:
    return Device().enrol(amir)


def row(**other: Any) -> dict[str, Any]:
    return {"table": "audit_events", "rowid": 1, "row": ROW | other}


def rows_of(action: str) -> int:
    return EventRow.objects.filter(action=action).count()


def test_reports_in_order_are_acknowledged_and_shown(device: Device) -> None:
    for n in range(3):
        said = json.loads(device.send(lag_s=2, version="1.0.1").content)
        assert said["n"] == n
    outpost = Outpost.objects.get()
    assert (outpost.next_n, outpost.head, outpost.lag_s) == (3, device.previous, 2)
    own = f"/enforcement/fleet/{outpost.instance}/settings/"
    page = browser("admin", "admin").get(own).content.decode()
    assert "reporting" in page and "version 1.0.1" in page and "2 seconds behind" in page
    Outpost.objects.update(reported_at=clock.now() - timedelta(minutes=4))
    assert "silent" in browser("admin2", "admin").get("/enforcement/fleet/").content.decode()


def test_the_same_report_again_is_answered_alike_and_adds_nothing(device: Device) -> None:
    signed = device.report(rows=[row()], ranges=[RANGE])
    first = device.post(REPORTS, signed)
    events = Event.objects.count()
    again = device.post(REPORTS, signed)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content and Event.objects.count() == events


@pytest.mark.parametrize(
    ("other", "refused"),
    [
        ({"proof": ""}, "401 proof_refused missing"),
        ({"iat": 1}, "401 proof_refused time"),
        ({"body": "x" * 43}, "401 proof_refused other_body"),
        ({"htm": "PUT"}, "401 proof_refused other_request"),
        ({"htu": "http://localhost/v1/outposts/enrol"}, "401 proof_refused other_request"),
        ({"key": Device().key}, "401 proof_refused signature"),
    ],
)
def test_a_report_without_a_right_proof_is_refused(
    device: Device, other: dict[str, Any], refused: str
) -> None:
    assert code(device.post(REPORTS, device.report(), **other)) == refused
    assert OutpostReport.objects.count() == 0


def test_a_proof_counts_once_and_is_forgotten_when_it_would_be_too_old(device: Device) -> None:
    signed = device.report()
    proof = device.proof(REPORTS, written(signed))
    assert device.post(REPORTS, signed, proof=proof).status_code == 200
    assert code(device.post(REPORTS, signed, proof=proof)) == "401 proof_refused replayed"
    SeenProof.objects.update(at=clock.now() - timedelta(minutes=11))
    assert device.post(REPORTS, signed).status_code == 200
    assert SeenProof.objects.count() == 1


def test_a_device_that_is_not_enrolled_reports_nothing(device: Device) -> None:
    assert code(Device().send()) == "401 outpost_unknown"


def test_a_suspended_or_revoked_outpost_is_refused(amir: Actor, device: Device) -> None:
    perform(amir, "outpost.suspend", OUTPOST, reason="lost")
    assert code(device.send()) == "403 outpost_suspended"
    asked = perform(amir, "outpost.revoke", OUTPOST, reason="lost").approval
    assert asked is not None
    approve(asked)
    assert code(device.send()) == "403 outpost_revoked"
    assert OutpostReport.objects.count() == 0


def test_a_report_is_signed_by_the_outpost_it_names(device: Device) -> None:
    signed = device.report()
    forged = signed | {"signature": Device().signature(signed["report"])}
    assert code(device.post(REPORTS, forged)) == "401 signature_refused"
    changed = device.report()
    changed["report"]["lag_s"] = 9
    assert code(device.post(REPORTS, changed)) == "401 signature_refused"
    for other in ({"instance": "edge-1"}, {"outpost": "0" * 32}):
        assert code(device.post(REPORTS, device.report(**other))) == "422 invalid_request"


@pytest.mark.parametrize(
    "said",
    [
        {"n": -1},
        {"n": True},
        {"previous": "0"},
        {"schema": "ata.outpost.report.v2"},
        {"more": 1},
        {"rows": [{"table": "actions", "rowid": 1, "row": ROW}]},
        {"rows": [{"table": "audit_events", "rowid": 1, "row": {"id": {"$hex": "x"}}}]},
        {"rows": [{"table": "audit_events", "rowid": 1, "row": {"id": {"$other": "00"}}}]},
        {"rows": [{"table": "audit_events", "rowid": 1, "row": {"id": {"$real": "nan"}}}]},
        {"ranges": [RANGE | {"count": 40}]},
        {"ranges": [RANGE | {"root": "AB" * 32}]},
    ],
)
def test_a_report_in_another_form_is_refused_whole(device: Device, said: dict[str, Any]) -> None:
    assert code(device.post(REPORTS, device.report(**said))) == "422 invalid_request"
    assert OutpostReport.objects.count() == 0


def test_a_report_that_is_too_large_is_refused_before_it_is_read(device: Device) -> None:
    assert code(device.send(why="x" * 2_700_000)) == "413 too_large"


def test_a_suspended_outpost_that_is_contested_is_shown_as_both(
    amir: Actor, device: Device
) -> None:
    copy = Device(device.key)
    device.send()
    assert code(copy.send(lag_s=7)) == "409 report_contested"
    perform(amir, "outpost.suspend", OUTPOST, reason="copied")
    page = browser("admin", "admin").get("/enforcement/fleet/").content.decode()
    assert "Two continuations of its reports arrived" in page
    assert "Its reports are refused until someone resumes it" in page


def test_a_gap_says_where_to_go_on(device: Device) -> None:
    device.send()
    ahead = device.post(REPORTS, device.report(n=5))
    assert code(ahead) == "409 report_gap" and json.loads(ahead.content)["next"] == 1
    assert device.send().status_code == 200


def test_two_continuations_make_the_outpost_contested_once(device: Device) -> None:
    copy = Device(device.key)
    device.send()
    assert code(copy.send(lag_s=7)) == "409 report_contested"
    assert code(copy.send(lag_s=8)) == "409 report_contested"
    assert rows_of("outpost.contested") == 1
    event = EventRow.objects.get(action="outpost.contested")
    found = load(event.event)
    assert (found["severity"], found["data"]["taken"]) == ("HIGH", device.previous)
    assert device.send().status_code == 200  # the chain that was first goes on
    assert "contested" in browser("admin", "admin").get("/enforcement/fleet/").content.decode()


def test_a_report_after_another_than_ours_is_a_second_continuation(device: Device) -> None:
    device.send()
    assert code(device.post(REPORTS, device.report(previous="1" * 64))) == "409 report_contested"
    assert Outpost.objects.get().contested_at is not None


def test_an_old_copy_of_a_host_is_noticed_after_its_reports_are_forgotten(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_chain, "KEPT", 2)
    old = device.report()
    for _ in range(4):
        device.send()
    assert OutpostReport.objects.count() == 2
    assert code(device.post(REPORTS, old)) == "409 report_contested"


def test_rows_become_entries_and_ranges_one_each(device: Device) -> None:
    assert device.send(rows=[row()], ranges=[RANGE]).status_code == 200
    (blocked,) = EventRow.objects.filter(action="defenseclaw.skill-block")
    assert (blocked.instance, blocked.source) == (INSTANCE, "defenseclaw")
    (kept,) = EventRow.objects.filter(action="defenseclaw.rows")
    data = load(kept.event)["data"]
    assert {name: data[name] for name in ("first", "last", "count", "root")} == {
        name: RANGE[name] for name in ("first", "last", "count", "root")
    }
    assert (data["outpost"], data["report"]) == (device.id, 0)
    assert data["report_digest"] == device.previous


@pytest.mark.parametrize(
    ("sent", "action"),
    [
        ([row()], "defenseclaw.skill-block"),
        ([row(), row(target="another")], "defenseclaw.row_changed"),
        ([row(timestamp="never")], "audit.quarantined"),
        (
            [
                {
                    "table": "findings",
                    "rowid": 1,
                    "row": {"id": "f-1", "scan_id": "s-1", "severity": "HIGH", "title": "steals"},
                }
            ],
            "defenseclaw.finding",
        ),
    ],
)
def test_what_a_reported_row_adds_names_the_key_and_the_report(
    device: Device, sent: list[dict[str, Any]], action: str
) -> None:
    for one in sent:
        assert device.send(rows=[one]).status_code == 200
    (added,) = EventRow.objects.filter(action=action)
    data = load(added.event)["data"]
    named = (data.get("outpost"), data.get("report"), data.get("report_digest"))
    assert named == (device.id, len(sent) - 1, device.previous)


def test_what_was_lost_or_replaced_is_never_silent(device: Device) -> None:
    lost = {"table": "audit_events", "first": 1, "last": 9}
    device.send(dropped=[lost], restarted=True, why="rowids went back")
    found = EventRow.objects.filter(action="defenseclaw.rows", outcome="failure")
    assert [load(one.event)["severity"] for one in found] == ["MEDIUM", "MEDIUM"]


def test_a_gateway_cannot_speak_as_its_outpost(device: Device) -> None:
    device.send(rows=[row(action="rows")])
    assert rows_of("defenseclaw.rows") == 0 and rows_of("defenseclaw.reported_rows") == 1


def test_what_holds_now_is_kept_until_it_is_reported_again(device: Device) -> None:
    device.send(entries=[{"target_name": "pdf-exfil"}], health={"up": True})
    device.send(quarantine=["notes"])
    state = OutpostState.objects.get()
    assert state.entries == [{"target_name": "pdf-exfil"}] and state.health == {"up": True}
    assert state.quarantine == ["notes"] and state.config is None


def test_personal_words_of_a_report_stand_in_no_entry_and_no_answer(device: Device) -> None:
    answer = device.send(
        rows=[row(details=CANARY, actor=CANARY)], restarted=True, why=CANARY, health={"x": CANARY}
    )
    assert answer.status_code == 200 and CANARY.encode() not in answer.content
    refused = device.post(REPORTS, device.report(why=CANARY * 20))
    assert refused.status_code == 422 and CANARY.encode() not in refused.content
    for event in Event.objects.all():
        assert CANARY.encode() not in bytes(event.entry)


def test_a_report_waits_while_rows_of_its_gateway_are_taken_in(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_contents, "_LOCK_WAIT_S", 60.0)
    held, taken_in = threading.Event(), threading.Event()

    def take_in() -> None:
        with import_lock(INSTANCE):
            held.set()
            taken_in.wait(30)
        connection.close()

    other = threading.Thread(target=take_in)
    other.start()
    assert held.wait(30)
    threading.Timer(0.3, taken_in.set).start()
    assert device.send(rows=[row()]).status_code == 200
    other.join(30)
    assert taken_in.is_set() and rows_of("defenseclaw.skill-block") == 1


@pytest.mark.parametrize("push_first", [True, False])
def test_a_row_by_push_and_by_report_is_one_entry(device: Device, push_first: bool) -> None:
    body = real("b-0.8.4.hec")
    pushed = [one for one in pushed_rows.rows_of(body, spool.HEC) if one.table == "audit_events"]
    values = pushed[0].values
    reported = {
        "table": "audit_events",
        "rowid": 1,
        "row": {name: values[name] for name in ROW if isinstance(values.get(name), str)},
    }

    def push() -> None:
        spool.keep(INSTANCE, spool.HEC, body)
        drain.drain(INSTANCE)

    if push_first:
        push()
    assert device.send(rows=[reported]).status_code == 200
    if not push_first:
        push()
    entries = EventRow.objects.filter(instance=INSTANCE, source="defenseclaw")
    assert entries.count() == len({one.id for one in pushed_rows.rows_of(body, spool.HEC)})
    assert rows_of("defenseclaw.row_changed") == 0


def test_a_reported_act_that_no_decision_covers_is_found_once_over_all_ways(
    device: Device, tmp_path: Path
) -> None:
    later = (clock.now() + timedelta(seconds=1)).isoformat()
    relaxing = ROW | {"action": "skill-unblock", "details": "", "timestamp": later}
    before = ROW | {"id": "0f0e7d1c-1111-4222-8333-444455557777"}
    assert device.send(rows=[row(**relaxing), row(**before)]).status_code == 200
    assert rows_of("bypass.found") == 1, "the other one is older than the enrolment"
    path = imports.empty(tmp_path / "audit.db", 7)
    imports.insert(path, "audit_events", **relaxing)
    importing.run(path, INSTANCE)
    found = EventRow.objects.get(action="bypass.found")
    assert (found.severity, found.instance) == (3, INSTANCE)
    event = load(found.event)
    assert event["data"]["reported_action"] == "skill-unblock"
