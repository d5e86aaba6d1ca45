"""Rows of no entry are found and named."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from audit import clock
from audit.ledger.merkle import leaf_hash
from audit.models import Event, EventRow, ImportedRow, Openings
from audit.sequencing import sequencer
from audit.verification import verify
from tests.audit.factories import DraftFactory
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


def found() -> set[tuple[str, int | None]]:
    return {(p.code, p.index) for p in verify.run().problems if p.code != "trigger"}


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
def test_each_stray_is_named(log: list[UUID], stray: Callable[[list[UUID]], None]) -> None:
    stray(log)
    assert STRAYS[stray] in found()


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
