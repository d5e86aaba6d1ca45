"""What gateways pushed and the portal does not have is on the trail, once."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit import clock
from audit.ingest.pushes import drain, spool
from tests.audit import imports, pushing
from tests.audit.pushing import TOKENS, hec, jsonl, real

ONE = real("b-0.8.4.jsonl").splitlines()[0]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fleet(tmp_path: Path, settings: Any) -> None:
    pushing.register(tmp_path, settings)


def gaps() -> list[dict[str, Any]]:
    return [event["data"] for event in imports.events(action="defenseclaw.push_gap")]


def decisions(*steps: int, severity: str = "INFO", run: str = "run-1") -> bytes:
    """Hook decisions of one session of HEAD."""
    (record,) = (r for r in map(json.loads, real("c-head.jsonl").splitlines())
                 if r["event_name"] == "hook_decision" and r["outcome"] == "blocked")  # fmt: skip
    return pushing.lines(
        json.dumps(
            record
            | {"record_id": f"{run}-{step}", "severity": severity}
            | {"body": record["body"] | {"defenseclaw.connector.step_idx": step}}
            | {"correlation": record["correlation"] | {"run_id": run}}
        )
        for step in steps
    )


def lifecycle(action: str, run: str, second: int) -> str:
    row = {"id": f"{action}-{run}", "action": action, "run_id": run, "severity": "INFO",
           "timestamp": f"2026-11-28T10:00:{second:02d}.5Z"}  # fmt: skip
    return json.dumps({"time": 1.0, "event": row})


def test_what_a_full_spool_refused_is_one_event_once_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spool, "MOST_FILES", 1)
    assert [hec(ONE).status for _ in range(4)] == [200, 503, 503, 503]
    hec(ONE, token=TOKENS["edge-2"])
    drain.run_due()
    assert gaps() == []
    later = clock.now() + timedelta(seconds=31)
    monkeypatch.setattr("audit.clock.now", lambda: later)
    for _ in range(3):
        drain.run_due()
    (event,) = imports.events(action="defenseclaw.push_gap")
    assert (event["severity"], event["instance"]) == ("HIGH", "edge-1")
    assert (event["data"]["refused"], event["data"]["refused_bytes"]) == (3, 3 * len(ONE))
    assert event["data"]["from"] < event["data"]["to"]
    assert spool.refused("edge-1") is None


def test_a_kill_between_that_event_and_its_note_records_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spool, "MOST_FILES", 0)
    hec(ONE)
    later = clock.now() + timedelta(seconds=31)
    monkeypatch.setattr("audit.clock.now", lambda: later)
    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", _killed)
        with pytest.raises(SystemExit):
            drain.run_due()
    drain.run_due()
    assert len(gaps()) == 1


def _killed(path: Path, missing_ok: bool = False) -> None:
    raise SystemExit


def test_a_jump_in_the_steps_of_a_session_is_recorded_once() -> None:
    jsonl(decisions(1, 2, 3))
    drain.run_due()
    assert gaps() == []
    for _ in range(2):
        jsonl(decisions(7, 8))
        jsonl(decisions(2, 3))
        drain.run_due()
    (gap,) = gaps()
    assert {k: gap[k] for k in ("gap", "first_step", "last_step", "missing")} == {
        "gap": "steps", "first_step": 4, "last_step": 6, "missing": 3
    }  # fmt: skip
    assert (gap["run_id"], gap["session"]) == ("run-1", "ses-cod-1")


def test_steps_that_a_destination_leaves_out_are_no_gap() -> None:
    jsonl(decisions(3, 9, 40, severity="HIGH"))
    drain.run_due()
    jsonl(decisions(90, severity="CRITICAL"))
    drain.run_due()
    assert gaps() == []


def test_steps_begin_again_after_a_restart_and_where_we_came_in_is_no_gap() -> None:
    jsonl(decisions(41, 42))
    drain.run_due()
    jsonl(decisions(1, 2, run="run-2"))
    drain.run_due()
    assert gaps() == []


def test_a_run_that_never_said_that_it_ends_is_recorded_once() -> None:
    for action, run, second in [
        ("sidecar-start", "run-1", 1), ("sidecar-stop", "run-1", 2),
        ("sidecar-start", "run-2", 3), ("sidecar-start", "run-3", 4), ("sidecar-stop", "run-3", 5),
        ("sidecar-start", "run-2", 3), ("sidecar-start", "run-4", 6),
    ]:  # fmt: skip
        hec(lifecycle(action, run, second))
        drain.run_due()
    (gap,) = gaps()
    assert (gap["gap"], gap["run_id"]) == ("run_without_end", "run-2")


def test_a_gateway_cannot_speak_of_gaps_itself() -> None:
    row = {"id": "r-1", "timestamp": "2026-11-28T10:00:00.5Z", "action": "push_gap"}
    hec(json.dumps({"event": row}))
    drain.run_due()
    assert gaps() == []
    assert imports.event(source="defenseclaw")["action"] == "defenseclaw.reported_push_gap"
