"""What one gateway pushes costs bounded memory and time, and stops no other gateway."""

from __future__ import annotations

import tracemalloc
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from audit.ingest.pushes import drain, pushed_rows, spool
from audit.models import QuarantinedRow
from tests.audit import imports, pushing
from tests.audit.pushing import hec, jsonl, real

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
