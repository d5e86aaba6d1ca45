"""Stand-in gateways do what the real ones were seen to do, as the committed report has it.

`make gateways` writes the report, and asks real gateways too where DEFENSECLAW_REAL names them.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.gateways.configurations import configuration_of
from tests.gateways.observations import FILES, Observation, read
from tests.gateways.replay import Result, cases_by_configuration
from tests.gateways.report import (
    REPORT,
    as_text,
    read_report,
    updated,
)
from tests.gateways.suite import run

SHARE = 0.98


@pytest.fixture(scope="module", params=list(FILES))
def replayed(request: pytest.FixtureRequest) -> list[Result]:
    """The results of one generation's stand-in."""
    return run("stand-in", request.param)


def test_what_a_stand_in_reproduces_is_what_the_report_says(replayed: list[Result]) -> None:
    report = read_report()
    differs = {r.observation.id: (r.reason, r.differs_in) for r in replayed if not r.reproduced}
    assert as_text(updated(report, "stand-in", replayed)) == as_text(report), differs


def test_each_peer_and_generation_in_the_report_reproduces_98_percent() -> None:
    totals = read_report()["totals"]
    assert set(totals["stand-in"]) == {*FILES, "all"}
    for peer in totals.values():
        for name, total in peer.items():
            assert total["share"] >= SHARE, name


def test_the_report_has_what_was_expected_and_seen_of_every_observation() -> None:
    rows = read_report()["rows"]
    assert [row["id"] for row in rows] == [o.id for g in FILES for o in read(g)]
    assert all("stand-in" in row["seen"] for row in rows)


def test_no_folder_of_a_machine_is_in_the_report() -> None:
    assert not re.search(r"/(?:opt|tmp|root|home|work)/", REPORT.read_text())


def test_a_gateway_that_does_something_else_is_not_taken_for_reproducing() -> None:
    observation = read("0.8.4")[0]
    seen = {"status": 200, "entries_after": [], "probe_after": "allow mode=action"}
    expected = {"status": 200, "entries_after": ["all agents github install=block"]}
    result = Result(observation, expected, seen)
    assert result.differs_in == ["entries_after"]
    assert not result.reproduced


def test_a_row_without_a_start_follows_the_nearest_of_its_name() -> None:
    first: dict[str, Any] = {
        "kind": "skill",
        "name_sent": "a",
        "entries_before": [],
        "act": "block",
        "via": "rest",
    }
    other: dict[str, Any] = {"kind": "skill", "name_sent": "b", "act": "block", "via": "rest"}
    second: dict[str, Any] = {"kind": "skill", "name_sent": "a", "act": "allow", "via": "rest"}
    rows = [Observation("0.2.0", n, row) for n, row in enumerate((first, other, second), 1)]
    groups = cases_by_configuration(rows)
    cases = groups[configuration_of(rows[0]).as_text()][1]
    assert [case.name for case in cases] == ["a-n1", "b-n2", "a-n1"]
    assert [case.start.follows for case in cases] == [False, False, True]


def test_the_report_is_written_in_a_stable_form() -> None:
    text = REPORT.read_text()
    assert as_text(json.loads(text)) == text
