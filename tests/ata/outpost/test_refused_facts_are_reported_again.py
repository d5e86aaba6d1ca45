"""How a gateway is now is reported again after a refusal, and what is refused is named as such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ata.outpost.report_loop import Outpost
from ata.outpost.state_folder import STATUS, StateFolder
from tests.ata.outpost.conftest import Begin, Seconds
from tests.ata.outpost.gateway_rows import Rows
from tests.ata.outpost.report_receiver import Receiver

FACTS = ("entries", "quarantine", "config", "health")


def test_facts_are_sent_again_whose_report_was_refused_for_its_rows(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds
) -> None:
    receiver.refuses = {"rows"}
    rows.act()
    outpost = begin()
    steps(outpost, seconds, 5)
    assert {name: last(receiver, name) is not None for name in FACTS} == dict.fromkeys(FACTS, True)
    assert "not_reported" not in last(receiver, "health")
    tries = len(receiver.bodies)
    steps(outpost, seconds, 20, each=2)
    assert len(receiver.bodies) - tries <= 1, "nothing is new"


@pytest.mark.parametrize("kind", ["entries", "quarantine", "config"])
def test_a_fact_that_is_refused_is_named_and_tried_again_each_hour(
    begin: Begin,
    rows: Rows,
    receiver: Receiver,
    seconds: Seconds,
    folder: StateFolder,
    data: Path,
    kind: str,
) -> None:
    (data / "quarantine" / "skills" / "claudecode" / "pdf-helper").mkdir(parents=True)
    entry = {"target_type": "skill", "target_name": "pdf", "updated_at": "2026-11-29T10:00:00Z"}
    rows.add("actions", **entry, actions_json="{}")
    receiver.refuses = {kind}
    outpost = begin()
    steps(outpost, seconds, 10)
    assert last(receiver, "health")["not_reported"] == [kind]
    assert ("no_entries_since" in last(receiver, "health")) == (kind == "entries")
    assert kind in folder.read(STATUS)["reading"]
    assert all(last(receiver, name) is not None for name in FACTS if name != kind)
    tries = refusals(receiver, kind)
    steps(outpost, seconds, 50, each=60)
    assert refusals(receiver, kind) == tries, "not again within the hour"
    steps(outpost, seconds, 60, each=60)
    assert refusals(receiver, kind) == tries + 1
    receiver.refuses = set()
    steps(outpost, seconds, 60, each=60)
    assert last(receiver, kind) is not None
    assert "not_reported" not in last(receiver, "health")
    assert "no_entries_since" not in last(receiver, "health")
    assert folder.read(STATUS)["reading"] == ""


def test_rows_arrive_while_a_fact_is_refused(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds
) -> None:
    receiver.refuses = {"config"}
    outpost = begin()
    steps(outpost, seconds, 10)
    for n in range(10):
        rows.act(f"act-{n}")
        steps(outpost, seconds, 1, each=60)
    assert [row["row"]["target"] for row in receiver.rows] == [f"act-{n}" for n in range(10)]
    assert not any(report.get("dropped") for report in receiver.reports)


def test_a_refused_fact_that_changes_is_tried_after_a_minute_and_after_a_restart(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds, data: Path
) -> None:
    receiver.refuses = {"config"}
    outpost = begin()
    steps(outpost, seconds, 10)
    tries = refusals(receiver, "config")
    for n in range(60):
        (data / "config.yaml").write_text(f"gateway: {{api_port: 9}}\nguardrail: {{mode: m{n}}}\n")
        steps(outpost, seconds, 1, each=2)
    assert 1 <= refusals(receiver, "config") - tries <= 3
    receiver.refuses = set()
    steps(begin(), seconds, 3)
    assert last(receiver, "config")["guardrail.mode"] == "m59"


def test_no_row_is_lost_with_a_fact_that_changes_while_the_portal_is_away(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds, data: Path
) -> None:
    receiver.refuses = {"config"}
    outpost = begin()
    steps(outpost, seconds, 10)
    receiver.answers = [(503, {"code": "busy"})] * 1000
    steps(outpost, seconds, 61, each=60)
    (data / "config.yaml").write_text("gateway: {api_port: 9}\nguardrail: {mode: observe}\n")
    rows.act("meanwhile")
    steps(outpost, seconds, 2, each=60)
    receiver.answers = []
    steps(outpost, seconds, 10, each=60)
    assert [row["row"]["target"] for row in receiver.rows] == ["meanwhile"]
    assert not any(report.get("dropped") for report in receiver.reports)
    assert last(receiver, "health")["not_reported"] == ["config"]


def test_a_portal_that_refuses_the_health_gets_the_rest(
    begin: Begin, rows: Rows, receiver: Receiver, seconds: Seconds, folder: StateFolder
) -> None:
    receiver.refuses = {"health"}
    outpost = begin()
    steps(outpost, seconds, 10)
    tries = len(receiver.bodies)
    rows.act("act")
    steps(outpost, seconds, 50, each=60)
    assert [row["row"]["target"] for row in receiver.rows] == ["act"]
    assert len(receiver.bodies) - tries <= 55, "a sign of life a minute"
    assert "health" in folder.read(STATUS)["reading"]


def steps(outpost: Outpost, seconds: Seconds, count: int, each: float = 10) -> None:
    for _ in range(count):
        outpost.step()
        seconds.now += each


def last(receiver: Receiver, kind: str) -> Any:
    """What the portal was told of this last; None where it never was."""
    said = [report[kind] for report in receiver.reports if report.get(kind) is not None]
    return said[-1] if said else None


def refusals(receiver: Receiver, kind: str) -> int:
    return sum(f'"{kind}":' in body for body in receiver.bodies) - sum(
        kind in report for report in receiver.reports
    )
