"""Each row is in one report, whole or in a range; what agents wrote stays at the gateway."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ata.outpost.enrolment import enrol
from ata.outpost.journal import Journal
from ata.outpost.report_loop import Outpost
from ata.outpost.report_sender import Kind
from ata.outpost.state_folder import StateFolder
from tests.ata.outpost.conftest import Begin, Seconds
from tests.ata.outpost.gateway_rows import PROMPT, Rows, numbers, root_of
from tests.ata.outpost.report_receiver import Receiver

ROOT = Path(__file__).resolve().parents[3]


def assert_each_once(receiver: Receiver, path: Path) -> None:
    """Every row of the database is in exactly one item or range, and each root is right."""
    for table, present in numbers(path).items():
        whole = [row["rowid"] for row in receiver.rows if row["table"] == table]
        assert len(whole) == len(set(whole)), "a row was reported twice"
        others = present - set(whole)
        for one in receiver.ranges:
            if one["table"] == table:
                inside = sorted(n for n in others if one["first"] <= n <= one["last"])
                assert (inside[0], inside[-1]) == (one["first"], one["last"])
                assert len(inside) == one["count"]
                assert root_of(path, table, inside) == one["root"]
                others -= set(inside)
        assert not others, f"{table}: not reported"


@pytest.mark.parametrize("generation", ["0.2.0", "0.8.4", "head"])
def test_every_row_is_reported_once_in_each_generation(
    tmp_path: Path, receiver: Receiver, generation: str
) -> None:
    data = tmp_path / "gateway"
    rows = Rows(data, generation)
    rows.day()
    folder = StateFolder(tmp_path / "state")
    enrol(folder, "CODE", receiver.url, "edge-9", data)
    assert f'"generation":"{generation}"' in receiver.bodies[0]
    outpost = Outpost(folder)
    outpost.run_once()
    rows.day()
    outpost.run_once()
    outpost._gathered.why = "now"  # what is only in ranges would wait for a minute
    outpost.run_once()
    outpost.close()
    assert_each_once(receiver, rows.path)
    acts = [row["row"] for row in receiver.rows if row["row"].get("action") == "api-enforce-block"]
    assert [act["target"] for act in acts] == ["pdf-exfil", "second"] * 2
    assert acts[0]["details"] == "type=skill reason=unsafe"


def test_prompts_never_leave(begin: Begin, rows: Rows, receiver: Receiver) -> None:
    rows.day()
    begin().run_once()
    assert receiver.reports
    assert not any(PROMPT in body for body in receiver.bodies)
    verdicts = [row for row in receiver.rows if row["row"].get("action") == "connector-hook"]
    assert verdicts and not {"target", "details", "payload_json"} & verdicts[0]["row"].keys()
    found = next(row for row in receiver.rows if row["table"] == "scan_findings")
    assert found["row"]["title"] == "Reads keys" and found["scan"]["scanner"] == "hook-rules"


def test_ranges_alone_wait_for_the_sign_of_life(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds
) -> None:
    outpost = begin()
    outpost.run_once()
    before = len(receiver.reports)
    rows.prompt()
    outpost.step()
    assert len(receiver.reports) == before
    seconds.now += 60
    outpost.step()
    assert [one["count"] for one in receiver.reports[-1]["ranges"]] == [1]
    rows.act()
    outpost.step()
    assert receiver.reports[-1]["rows"][0]["row"]["target"] == "pdf-exfil"
    seconds.now += 60
    outpost.step()
    assert receiver.reports[-1]["rows"] == receiver.reports[-1]["ranges"] == []


def test_after_a_kill_behind_the_journal_nothing_is_lost_or_doubled(
    begin: Begin, rows: Rows, receiver: Receiver, folder: StateFolder
) -> None:
    rows.day()
    at = folder.path / "position.json"
    outpost = begin()
    outpost.read()
    outpost.journal()
    at.unlink()  # as when it is killed before the position moves
    rows.act("third")
    begin().run_once()
    assert_each_once(receiver, rows.path)


def test_after_a_kill_behind_the_sending_the_same_bytes_are_sent_again(
    begin: Begin, rows: Rows, receiver: Receiver, folder: StateFolder, tmp_path: Path
) -> None:
    rows.day()
    receiver.answers.append((0, {}))  # taken in, but the answer never arrives
    assert begin().step().kind is Kind.LATER  # type: ignore[union-attr]
    rows.act("third")
    begin().run_once()
    assert receiver.bodies[0] == receiver.bodies[1]
    assert_each_once(receiver, rows.path)


def test_after_a_kill_behind_the_acknowledgement_nothing_is_sent_again(
    begin: Begin, rows: Rows, receiver: Receiver, folder: StateFolder, tmp_path: Path
) -> None:
    rows.day()
    outpost = begin()
    outpost.read()
    outpost.journal()
    kept = tmp_path / "kept"
    shutil.copytree(folder.journal, kept)
    outpost.send()
    shutil.copytree(kept, folder.journal, dirs_exist_ok=True)  # the file was not yet removed
    sent = Journal(folder).next_n
    (folder.path / "outgoing.json").write_text(
        f'{{"sequence": 1, "n": {sent - 1}, "digest": "x", "body": "{{}}"}}'
    )
    begin().run_once()
    assert_each_once(receiver, rows.path)


def test_killed_at_any_moment_by_the_system_it_loses_and_doubles_nothing(
    rows: Rows, receiver: Receiver, folder: StateFolder, tmp_path: Path
) -> None:
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "ata", "outpost", "run"]
    for round_ in range(2):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        before, until = len(receiver.bodies), time.monotonic() + 60
        while len(receiver.bodies) == before and time.monotonic() < until:
            rows.day()
            time.sleep(0.02)
        time.sleep(0.01 * round_)
        process.send_signal(signal.SIGKILL)
        process.wait()
    rows.day()
    last = subprocess.run(
        [*command, "--once"], env=environment, capture_output=True, text=True, check=False
    )
    assert last.returncode == 0, last.stdout + last.stderr
    assert_each_once(receiver, rows.path)
