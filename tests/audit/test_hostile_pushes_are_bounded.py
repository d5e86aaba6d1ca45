"""What one gateway pushes costs bounded memory and time, and stops no other gateway."""

from __future__ import annotations

import json
import tracemalloc
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from audit import clock
from audit.ingest.pushes import drain, pushed_rows, spool
from audit.models import EventRow, PushProgress, QuarantinedRow
from tests.audit import imports, pushing
from tests.audit.pushing import TOKENS, hec, jsonl, real

ONE = real("b-0.8.4.jsonl").splitlines()[0]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fleet(tmp_path: Path, settings: Any) -> None:
    pushing.register(tmp_path, settings)


@pytest.mark.parametrize("dense", [b"0 ", b"0\n", b"\n", b"[],", b"{}"])
def test_a_dense_body_takes_a_bounded_amount_of_memory(dense: bytes) -> None:
    body = b"[" * dense.endswith(b",") + dense * (2**19 // len(dense))
    tracemalloc.start()
    try:
        found = sum(1 for _ in pushed_rows.rows_of(body, spool.HEC))
        assert tracemalloc.get_traced_memory()[1] < 40 * len(body)
    finally:
        tracemalloc.stop()
    assert found <= pushed_rows.MOST_VALUES + 1


def test_what_is_beyond_the_values_of_one_body_is_set_aside_with_that_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pushed_rows, "MOST_VALUES", 3)
    hec(b"0 1 2 3 4\n5\n" + ONE)
    assert drain.run_due() == 0
    reasons = sorted(QuarantinedRow.objects.values_list("reason", flat=True))
    assert reasons == ["too_many", "unusable_id", "unusable_id", "unusable_id"]
    (event,) = imports.events(action="audit.quarantined")
    assert event["data"]["reasons"] == {"too_many": 1, "unusable_id": 3}
    assert spool.waiting("edge-1") == []


def test_a_value_larger_than_one_may_be_is_set_aside_and_the_lines_behind_it_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pushed_rows, "MOST_CHARACTERS", len(ONE))
    jsonl(b'{"id": "' + b"x" * 2 * len(ONE) + b'"}\n' + ONE)
    assert drain.run_due() == 1
    assert QuarantinedRow.objects.count() == 1


def test_objects_behind_one_another_are_all_read_however_long_their_line() -> None:
    body = b"".join(b'{"id": "r-%d", "details": "%s"}' % (n, b"x" * 9_000) for n in range(1_500))
    ids = [row.id for row in pushed_rows.rows_of(body, spool.HEC)]
    assert ids == [f"r-{n}" for n in range(1_500)]


def test_a_busy_gateway_waits_for_its_next_turn_so_that_others_get_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drain, "MOST_BODIES", 1)
    monkeypatch.setattr("audit.ingest.pushes.drain.monotonic", count(step=10.0).__next__)
    for number in range(3):
        hec(real("b-0.8.4.jsonl").splitlines()[number])
    for waits in (2, 1, 0):
        assert drain.run_due() == 1
        assert len(spool.waiting("edge-1")) == waits


def test_a_torn_note_of_a_refusal_stops_nobody_and_the_others_are_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noted = spool.folder() / "edge-1" / "refused"
    noted.parent.mkdir(parents=True)
    noted.write_bytes(b"1764400000000000000 10\n17644000000\n\xff\x00 7\n99999999999999999999 1\n")
    found = spool.refused("edge-1")
    assert found is not None and (found.bodies, found.size) == (1, 10)
    hec(ONE, token=TOKENS["edge-2"])
    assert drain.run_due() == 1
    (gap,) = imports.events(action="defenseclaw.push_gap")
    assert gap["data"]["refused"] == 1


def test_notes_that_are_torn_altogether_keep_no_later_ones_from_the_record() -> None:
    (spool.folder() / "edge-1").mkdir(parents=True)
    (spool.folder() / "edge-1" / "refused.taken").write_bytes(b"176440\n")
    (spool.folder() / "edge-1" / "refused").write_bytes(b"1764400000000000000 10\n")
    drain.run_due()
    assert len(imports.events(action="defenseclaw.push_gap")) == 1
    assert spool.refused("edge-1") is None


def test_notes_of_refusals_have_a_bound_and_the_last_one_still_has_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spool, "_MOST_NOTED", 60)
    monkeypatch.setattr(spool, "MOST_FILES", 0)
    for _ in range(9):
        assert hec(ONE).status == 503
    noted = spool.folder() / "edge-1" / "refused"
    assert noted.stat().st_size < 100
    found = spool.refused("edge-1")
    assert found is not None and found.uncounted and found.bodies == 2
    assert found.first < found.last


def test_a_gateway_that_fails_stops_no_other_and_the_failure_is_raised_after_them() -> None:
    for token in TOKENS.values():
        hec(ONE, token=token)
    (spool.folder() / "edge-1" / "refused").mkdir()
    with pytest.raises(IsADirectoryError):
        drain.run_due()
    assert spool.waiting("edge-2") == []


def event(**columns: Any) -> str:
    """An event of 0.8.4 that is one step of a session."""
    structured = {"step_idx": columns.pop("step", 1)}
    row = {"timestamp": "2026-11-28T10:00:00.5Z", "action": "hook", "run_id": "run-1",
           "session_id": "s-1", "severity": "INFO", "structured": structured}  # fmt: skip
    return json.dumps(row | columns)


def test_a_step_that_no_entry_can_hold_loses_no_body() -> None:
    jsonl("\n".join([event(id="r-1"), event(id="r-2", step=10**17), event(id="r-3", step=3)]))
    assert drain.run_due() == 3
    assert spool.usage("edge-1").set_aside == 0
    (gap,) = imports.events(action="defenseclaw.push_gap")
    assert (gap["data"]["first_step"], gap["data"]["last_step"]) == (2, 2)


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 9_000])
def test_a_session_that_no_column_can_hold_loses_no_body(text: str) -> None:
    jsonl("\n".join([event(id="r-1", session_id=text, run_id=text), event(id="r-2")]))
    drain.run_due()
    assert spool.usage("edge-1").set_aside == 0
    assert not any(text[:300] in key for key in PushProgress.objects.get().sessions)
    assert EventRow.objects.filter(source="defenseclaw").count() >= 1


def test_a_lone_surrogate_sets_its_row_aside_and_no_other() -> None:
    jsonl("\n".join([event(id="r-1", details="\ud800"), event(id="r-2"), '"\\ud800"']))
    hec(json.dumps({"event": {"event_type": "x", "details": "\ud800"}}))
    assert drain.run_due() == 1
    assert spool.usage("edge-1").set_aside == 0
    assert QuarantinedRow.objects.count() == 3


def test_a_gap_that_cannot_be_recorded_loses_only_the_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr("audit.ingest.pushes.missing_pushes._steps", fails)
    jsonl(event(id="r-1"))
    assert drain.run_due() == 1
    assert spool.usage("edge-1") == spool.Usage()


def test_a_body_that_cannot_be_taken_in_is_on_the_trail_and_expires(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spool, "MOST_FILES", 1)
    with monkeypatch.context() as broken:
        broken.setattr("audit.ingest.pushes.pushed_rows.row_of", None)
        for _ in range(3):
            assert hec(ONE).status == 200  # those set aside close the spool for no other
            drain.run_due()
    gaps = imports.events(action="defenseclaw.push_gap")
    assert [gap["data"]["gap"] for gap in gaps] == ["unreadable_body"] * 3
    assert {gap["data"]["bytes"] for gap in gaps} == {len(ONE)}
    drain.run_due()
    assert spool.usage("edge-1").set_aside == 3
    monkeypatch.setattr(spool, "SET_ASIDE_BYTES", 2 * len(ONE))
    drain.run_due()
    assert spool.usage("edge-1").set_aside == 2
    later = clock.now() + timedelta(days=7)
    monkeypatch.setattr("audit.clock.now", lambda: later)
    drain.run_due()
    assert spool.usage("edge-1").set_aside == 0
