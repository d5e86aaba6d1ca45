"""`ata audit sample` without a log, against a portal by the contract."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from audit.ledger.format.canonical import canonical
from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn

SAMPLES = "/v1/audit/samples"
ID = "00000000-0000-7000-8000-000000000001"
FILE = {
    "schema": "ata.sample.v1", "origin": "log.example/x", "tree_size": 99, "root": "ab" * 32,
    "filter": {"action": ["skill.*"]}, "seed": "cd" * 32, "size": 2, "population": 40,
    "undecided": 1, "indices": [7, 3],
}  # fmt: skip
EVENT = {"time": "2026-03-01T12:00:00.000000Z", "action": "skill.blocked", "outcome": "success"}
WAITING: dict[str, Any] = {"id": ID, "status": "waiting", "sample": None, "events": []}
DRAWN: dict[str, Any] = {
    **WAITING,
    "status": "drawn",
    "seed_of_tree": True,
    "sample": FILE,
    "sha256": hashlib.sha256(canonical(FILE) + b"\n").hexdigest(),
    "event_id": "00000000-0000-7000-8000-000000000009",
    "events": [{"index": n, "event_id": ID, **EVENT} for n in (7, 3)],
    "others": [{"id": "x"}],
}


@pytest.fixture
def drawing(portal: StandIn) -> StandIn:
    portal.on("POST", SAMPLES, Reply(202, WAITING))
    portal.on("GET", f"{SAMPLES}/{ID}", Reply(200, WAITING), Reply(200, DRAWN))
    return portal


def test_it_asks_waits_and_tells(signed_in: Ata, drawing: StandIn) -> None:
    done = signed_in("audit", "sample", "action=skill.*", "-via=task", "--size", "2")
    assert done.returncode == 0, done.stderr
    [asked] = drawing.seen("POST", SAMPLES)
    filter = {"action": ["skill.*"], "-via": ["task"]}
    assert asked.json == {"filter": filter, "size": 2, "seed": ""}
    lines = done.stdout.splitlines()
    assert "2 of 40 events, by the seed that the tree gives." in lines
    assert f"Tree of 99 entries of log.example/x, root {'ab' * 32}." in lines
    assert any(line.startswith("1 more may belong") for line in lines)
    assert "Other draws of this filter: 1." in lines
    assert [line.split("  ")[0] for line in lines if "skill.blocked" in line] == ["7", "3"]


def test_it_keeps_the_file_that_is_on_record(
    signed_in: Ata, drawing: StandIn, tmp_path: Path
) -> None:
    path = tmp_path / "s.json"
    done = signed_in("audit", "sample", "--seed", "room 4", "--output", str(path), "--json")
    assert done.returncode == 0, done.stderr
    assert drawing.seen("POST", SAMPLES)[0].json["seed"] == "room 4"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == DRAWN["sha256"]
    assert json.loads(done.stdout) == DRAWN


def test_a_file_is_not_replaced_and_nothing_is_asked_for(
    signed_in: Ata, drawing: StandIn, tmp_path: Path
) -> None:
    (tmp_path / "s.json").write_text("mine")
    done = signed_in("audit", "sample", "--output", str(tmp_path / "s.json"))
    assert done.returncode == 2 and "exists already" in done.stderr
    assert not drawing.seen("POST", SAMPLES)


@pytest.mark.parametrize("sample", [{**FILE, "indices": [1, 2]}, None, [], {}])
def test_a_sample_that_is_not_the_one_on_record_is_refused(
    signed_in: Ata, drawing: StandIn, sample: Any
) -> None:
    bent = {**DRAWN, "sample": sample}
    drawing.on("GET", f"{SAMPLES}/{ID}", Reply(200, bent))
    done = signed_in("audit", "sample", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "unexpected_answer"


def test_one_that_lapsed_is_a_failure(signed_in: Ata, drawing: StandIn) -> None:
    drawing.on("GET", f"{SAMPLES}/{ID}", Reply(200, {**WAITING, "status": "lapsed"}))
    done = signed_in("audit", "sample")
    assert done.returncode == 1 and "lapsed" in done.stderr


@pytest.mark.parametrize("words", [("log.ndjson",), ("there/log",), ("outcom=x",)])
def test_a_log_that_is_not_there_or_a_mistake_asks_for_nothing(
    signed_in: Ata, drawing: StandIn, words: tuple[str, ...]
) -> None:
    done = signed_in("audit", "sample", *words)
    assert done.returncode == 2
    assert not drawing.seen("POST", SAMPLES)


def test_drawing_offline_asks_nobody(signed_in: Ata, drawing: StandIn, tmp_path: Path) -> None:
    for words in (["--vkey", "x+1+y"], ["--vkey", "x+1+y", "log.ndjson", "--output", "o.json"]):
        assert signed_in("audit", "sample", *words).returncode == 2
    assert not drawing.requests
