"""What an outpost does when it is refused, cut off, restored, or next to a replaced database."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from typing import Any

import pytest

from ata.errors import AtaError, ExitCode
from ata.outpost import device_key
from ata.outpost.enrolment import enrol, enrolled
from ata.outpost.report_sender import Kind
from ata.outpost.state_folder import STATUS, StateFolder
from tests.ata.outpost.conftest import Begin, Seconds
from tests.ata.outpost.gateway_rows import Rows
from tests.ata.outpost.report_receiver import Receiver


def test_the_key_is_private_and_another_mode_is_refused(folder: StateFolder, begin: Begin) -> None:
    assert stat.S_IMODE(folder.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    for mode in (0o640, 0o604, 0o400):
        folder.key.chmod(mode)
        with pytest.raises(AtaError) as refused:
            begin()
        assert refused.value.code == "key_exposed"
    folder.key.chmod(0o600)
    folder.path.chmod(0o755)
    with pytest.raises(AtaError) as refused:
        begin()
    assert refused.value.code == "folder_exposed"
    folder.path.chmod(0o700)


def test_a_device_is_enrolled_once_and_pins_are_computed_here(
    folder: StateFolder, receiver: Receiver, data: Path
) -> None:
    found = enrolled(folder)
    key = device_key.load(folder.key)
    assert key and found.outpost == key.outpost and found.portal == receiver.url
    assert len(found.pins_digest) == 64
    with pytest.raises(AtaError) as refused:
        enrol(folder, "CODE", receiver.url, "edge-9", data)
    assert refused.value.code == "already_enrolled" and receiver.bodies == []


def test_a_folder_without_a_database_is_not_enrolled(tmp_path: Path, receiver: Receiver) -> None:
    with pytest.raises(AtaError) as refused:
        enrol(StateFolder(tmp_path / "state"), "CODE", receiver.url, "edge-9", tmp_path)
    assert refused.value.code == "no_gateway" and receiver.bodies == []


def test_while_suspended_it_sends_nothing_and_goes_on_once_resumed(
    begin: Begin, rows: Rows, receiver: Receiver, folder: StateFolder, seconds: Seconds
) -> None:
    receiver.answers.append((403, {"code": "outpost_suspended"}))
    outpost = begin()
    assert outpost.step().kind is Kind.SUSPENDED  # type: ignore[union-attr]
    assert "suspended" in folder.read(STATUS)["words"]
    for _ in range(20):
        rows.act()
        seconds.now += 10
        assert outpost.step() is None
    assert len(receiver.bodies) == 1
    seconds.now += 300
    outpost.run_once()
    assert len(receiver.rows) == 20


@pytest.mark.parametrize("code", ["outpost_revoked", "outpost_unknown", "report_contested"])
def test_refused_for_good_it_ends_and_says_so(
    begin: Begin, receiver: Receiver, folder: StateFolder, code: str
) -> None:
    receiver.answers.append((403, {"code": code}))
    with pytest.raises(AtaError) as ended:
        begin().run_once()
    assert (ended.value.code, ended.value.exit_code) == (code, ExitCode.DENIED)
    assert folder.read(STATUS)["code"] == code and len(receiver.bodies) == 1


def test_a_full_journal_drops_the_oldest_and_says_which_rows(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds
) -> None:
    receiver.answers.append((503, {"code": "busy"}))
    outpost = begin(most_bytes=4000)
    first = rows.act("first")
    outpost.step()
    for n in range(12):
        rows.act(f"act-{n}")
        outpost.step()
    seconds.now += 1000
    while len(outpost._journal):
        outpost.step()
    sent = [row["rowid"] for row in receiver.rows]
    lost = [one for report in receiver.reports for one in report.get("dropped", [])]
    assert lost and {one["table"] for one in lost} == {"audit_events"}
    gone = {n for one in lost for n in range(one["first"], one["last"] + 1)}
    assert not gone & set(sent)
    assert gone | set(sent) == set(range(1, 14))
    assert receiver.rows[0]["row"]["id"] == first, "what was signed is never dropped"
    assert receiver.reports[-1].get("entries") is not None, "the state is said again"


def test_a_replaced_database_is_said_and_read_from_its_beginning(
    begin: Begin, rows: Rows, receiver: Receiver, data: Path
) -> None:
    for n in range(3):
        rows.act(f"old-{n}")
    outpost = begin()
    outpost.run_once()
    for path in data.glob("audit.db*"):
        path.unlink()
    other = Rows(data)
    other.act("new", id="another-id")
    outpost.run_once()
    last = receiver.reports[-1]
    assert last["restarted"] is True and "audit_events: row 3" in last["why"]
    assert [row["row"]["target"] for row in last["rows"]] == ["new"]
    assert not any(report.get("restarted") for report in receiver.reports[:-1])


def test_a_clock_that_jumps_delays_nothing_and_loses_nothing(
    begin: Begin,
    rows: Rows,
    receiver: Receiver,
    seconds: Seconds,
    folder: StateFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outpost = begin()
    outpost.run_once()
    rows.act("before")
    real = time.time
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: real() + 90 * 86400)
        receiver.answers.append((401, {"code": "proof_refused", "reason": "time"}))
        assert outpost.step().code == "clock"  # type: ignore[union-attr]
        assert "clocks" in folder.read(STATUS)["words"]
    seconds.now += 5
    rows.act("after")
    outpost.step()
    outpost.step()
    assert [row["row"]["target"] for row in receiver.rows] == ["before", "after"]
    assert all(report["lag_s"] >= 0 for report in receiver.reports)


def test_a_portal_that_lost_reports_gets_every_row_again(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds
) -> None:
    outpost = begin()
    for n in range(3):
        rows.act(f"act-{n}")
        outpost.run_once()
    del receiver.reports[1:]  # restored from a copy
    rows.act("act-3")
    assert outpost.step().code == "report_gap"  # type: ignore[union-attr]
    seconds.now += 10
    outpost.run_once()
    seconds.now += 10
    outpost.run_once()
    said = [report for report in receiver.reports if report.get("restarted")]
    assert len(said) == 1 and "lost reports from number 1" in said[0]["why"]
    assert {row["row"]["target"] for row in receiver.rows} == {f"act-{n}" for n in range(4)}


def test_rows_that_the_portal_cannot_take_in_are_said_to_be_lost(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds
) -> None:
    outpost = begin()
    outpost.run_once()
    rows.act()
    receiver.answers.append((422, {"code": "invalid_request"}))
    outpost.step()
    seconds.now += 10
    rows.act("next")
    outpost.run_once()
    dropped = [one for report in receiver.reports for one in report.get("dropped", [])]
    assert dropped == [{"table": "audit_events", "first": 1, "last": 1}]
    assert [row["row"]["target"] for row in receiver.rows] == ["next"]


def test_only_one_runs_at_a_time(folder: StateFolder) -> None:
    with folder.alone(), pytest.raises(AtaError) as refused, folder.alone():
        pass
    assert refused.value.code == "already_running"


def test_the_state_of_the_gateway_is_reported_when_it_changes(
    begin: Begin, rows: Rows, receiver: Receiver, data: Path
) -> None:
    with rows.database.write() as connection:
        entry = {
            "id": "e1",
            "target_type": "skill",
            "target_name": "pdf",
            "actions_json": '{"install":"block"}',
            "updated_at": "2026-11-29T10:00:00Z",
        }
        rows.database.insert(connection, "actions", entry)
    lies = data / "quarantine" / "skills" / "claudecode" / "pdf-helper"
    lies.mkdir(parents=True)
    (lies / "SKILL.md").write_text("x")
    outpost = begin()
    outpost.run_once()
    said = receiver.reports[0]
    assert said["entries"][0]["target_name"] == "pdf" and said["health"]["up"] is False
    assert said["quarantine"] == ["skills/claudecode/pdf-helper"]
    assert said["config"]["guardrail.mode"] == "action" and "gateway.host" not in said["config"]
    (data / "config.yaml").write_text("gateway: {api_port: 9, token: hidden-9}\n")
    outpost.run_once()
    assert receiver.reports[-1]["config"].keys() == {"sha256", "destinations", "scanners"}
    assert "entries" not in receiver.reports[-1]
    assert not any("hidden-9" in body for body in receiver.bodies)


def test_it_reports_at_once_and_after_a_restart_that_its_entries_are_too_many(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds
) -> None:
    outpost = begin()
    outpost.run_once()
    assert "no_entries_since" not in last_health(receiver)
    entry = {"target_type": "skill", "target_name": "pdf", "updated_at": "2026-11-29T10:00:00Z"}
    large = rows.add("actions", **entry, actions_json="{}", reason="x" * 2**19)
    outpost.run_once()
    since = last_health(receiver)["no_entries_since"]
    reports = len(receiver.reports)
    seconds.now += 30
    outpost.run_once()
    assert len(receiver.reports) == reports, "nothing is new"
    outpost = begin()
    outpost.run_once()
    assert last_health(receiver)["no_entries_since"] >= since
    with rows.database.write() as connection:
        connection.execute("DELETE FROM actions WHERE id = ?", (large,))
    outpost.run_once()
    assert "no_entries_since" not in last_health(receiver)


def last_health(receiver: Receiver) -> dict[str, Any]:
    """What was reported last; it is left out of reports while it stays the same."""
    return next(one["health"] for one in reversed(receiver.reports) if "health" in one)
