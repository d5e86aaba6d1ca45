"""Rows beside the log are found by their number, however many others there are."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.db import connection

from audit import clock
from audit.ledger.merkle import leaf_hash
from audit.models import Event, EventRow, ImportedRow, Openings
from audit.sequencing import sequencer, tree_store
from audit.verification import verify
from audit.verification.checks import orphans, row_totals
from audit.verification.report import Findings
from tests.audit.factories import OLU, DraftFactory
from tests.support.erasing import erase_person
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
SIZE = 300


@pytest.fixture
def log(unguarded: None) -> list[UUID]:
    """A verified log of 300 events, three of which wait for a leaf."""
    ids = list(record_many([DraftFactory.build() for _ in range(SIZE)]))
    sequencer.run_once()
    ids += record_many([DraftFactory.build() for _ in range(3)])
    assert found() == set()
    return ids


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word for each time that all rows were looked up."""
    times: list[str] = []
    rows = orphans.rows

    def noted(findings: Findings) -> None:
        times.append("looked up")
        rows(findings)

    monkeypatch.setattr(orphans, "rows", noted)
    return times


def found() -> set[tuple[str, int | None]]:
    return {(p.code, p.index) for p in verify.run().problems if p.code != "trigger"}


def test_numbers_are_enough_while_nothing_is_wrong(log: list[UUID], looked: list[str]) -> None:
    report = verify.run()
    assert report.pending == 3 and {p.code for p in report.problems} == {"trigger"}
    sequencer.run_once()
    list(record_many([DraftFactory.build()]))
    assert found() == set()
    erase_person(OLU.key)
    sequencer.run_once()
    assert found() == set()
    assert looked == []


def row_of_nothing(log: list[UUID]) -> None:
    row = EventRow.objects.get(event=log[3])
    row.event, row.seq = uuid4(), None
    row.save(force_insert=True)


def placed_row_of_nothing(log: list[UUID]) -> None:
    row = EventRow.objects.get(event=log[3])
    row.event, row.seq = uuid4(), SIZE + 50
    row.save(force_insert=True)


def waiting_row_with_a_place(log: list[UUID]) -> None:
    EventRow.objects.filter(event=log[-1]).update(seq=SIZE + 5)


def opening_of_nothing(log: list[UUID]) -> None:
    Openings.objects.create(event=uuid4(), subject="nobody", values={"reason": ["", "ghost"]})


def memory_of_nothing(log: list[UUID]) -> None:
    ImportedRow.objects.create(
        event=uuid4(), digest=bytes(32), instance="i", table="t", row_id="1", seen=clock.now()
    )


def event_without_a_row(log: list[UUID]) -> None:
    id = uuid4()
    Event.objects.create(id=id, entry=b"{}", leaf_hash=leaf_hash(b"{}"), recorded_at=clock.now())


STRAYS: dict[Callable[[list[UUID]], None], tuple[str, int | None]] = {
    row_of_nothing: ("projection", None),
    placed_row_of_nothing: ("projection", SIZE + 50),
    waiting_row_with_a_place: ("projection", SIZE + 5),
    opening_of_nothing: ("opening", None),
    memory_of_nothing: ("import", None),
    event_without_a_row: ("entry", None),
}


@pytest.mark.parametrize("stray", STRAYS, ids=lambda stray: stray.__name__)
def test_each_stray_is_named(
    log: list[UUID], looked: list[str], stray: Callable[[list[UUID]], None]
) -> None:
    stray(log)
    assert STRAYS[stray] in found()
    assert looked


def test_a_stray_does_not_stand_for_a_row_that_is_gone(log: list[UUID]) -> None:
    for gone in (log[7], log[-1]):
        row = EventRow.objects.get(event=gone)
        row.delete()
        row.event, row.seq = uuid4(), None
        row.save(force_insert=True)
        assert ("projection", None) in found()
        EventRow.objects.filter(event=row.event).delete()
    opening = Openings.objects.filter(event=log[9]).first()
    assert opening is not None
    Openings.objects.filter(pk=opening.pk).update(event=uuid4())
    assert ("opening", None) in found()


def test_what_comes_behind_the_size_is_taken_off(log: list[UUID]) -> None:
    walked = row_totals.of(0, 200)
    assert row_totals.take(200).proves(walked) and not row_totals.take(199).proves(walked)
    assert row_totals.added(walked, row_totals.of(200, SIZE)) == row_totals.of(0, SIZE)
    assert len(row_totals.waiting()) == 3 and tree_store.stored_size() == SIZE


def test_a_row_that_no_index_has_counts(log: list[UUID]) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("there all rows are counted in the table")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN SELECT count(*) FROM {row_totals._ROWS['sqlite']}")
        (plan,) = cursor.fetchall()
    assert plan[3] == "SCAN audit_eventrow"
