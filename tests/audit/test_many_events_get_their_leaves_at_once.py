"""Ingesting: thousands of events are written with their leaves, or as ever where that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audit.db import process_locks
from audit.ingest.bulk_event_writer import Ingest, Made, made
from audit.keys import keyring, log_identity
from audit.ledger import merkle
from audit.ledger.query import EventQuery
from audit.models import Checkpoint, Entry, Event, EventRow, QuarantinedRow
from audit.recording.record import Draft, prepared
from audit.recording.stored_event_loader import load
from audit.search import event_search, rollups
from audit.sequencing import sequencer, signed_state, stored_tree_queries
from audit.verification import verify
from tests.audit.factories import DraftFactory
from tests.audit.ingesting import ingest
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


@pytest.fixture
def begun() -> None:
    """A log that was signed here."""
    sequencer.run_once()


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the test's own transaction were none; its savepoints do what transactions would."""
    monkeypatch.setattr(
        Ingest, "_here", lambda self: (log_identity.folder() / "last-signed").exists()
    )


def drafts(many: int) -> list[Draft]:
    return [DraftFactory.build() for _ in range(many)]


def placed() -> list[Any]:
    return list(EventRow.objects.order_by("seq").values_list("event", flat=True))


def rows_of(many: int) -> Made:
    return made(prepared(drafts(many)))


def test_all_have_leaves_and_a_signature_when_they_are_there(begun: None, outside: None) -> None:
    before = list(record_many(drafts(3)))
    ids = ingest(drafts(700), batch=300)
    assert placed() == [*before, *ids]
    leaves = [bytes(leaf) for leaf in stored_tree_queries.leaf_hashes(0, 703)]
    newest = signed_state.newest_checkpoint()
    assert newest is not None and newest.size == 703
    assert bytes(newest.root) == merkle.root(leaves)
    assert verify.run().ok
    assert rollups.differences(1) == []
    assert sequencer.run_once().sequenced == 0


def test_what_was_ingested_is_read_and_found_as_what_was_recorded(
    begun: None, outside: None
) -> None:
    one, other = (DraftFactory.build(reason="zanzibar") for _ in range(2))
    (ingested,) = ingest([one])
    (recorded,) = record_many([other])
    sequencer.run_once()
    told, as_ever = load(ingested), load(recorded)
    assert told.keys() == as_ever.keys() and (told["index"], told["reason"]) == (0, "zanzibar")
    found = event_search.page(EventQuery.from_bar("zanzibar"))
    assert {row.event for row in found.rows} == {ingested, recorded}


@pytest.mark.parametrize("why", ["busy", "elsewhere", "within", "stopped"])
def test_where_leaves_cannot_be_given_events_wait_for_the_sequencer(
    why: str, begun: None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if why != "within":
        request.getfixturevalue("outside")
    if why == "busy":
        monkeypatch.setattr(process_locks, "alone", _another_has_it)
    elif why == "elsewhere":
        (log_identity.folder() / "last-signed").unlink()
    elif why == "stopped":
        signed_state.write_state(5, bytes(32))
    with transaction.atomic():
        assert not Ingest().write(rows_of(3))
    assert not Entry.objects.exists() and Checkpoint.objects.count() == 1
    monkeypatch.undo()
    if why == "stopped":
        signed_state.write_state(0, merkle.EMPTY_ROOT)
    assert sequencer.run_once().sequenced == 3


class _another_has_it:
    def __init__(self, _what: str) -> None: ...

    def __enter__(self) -> bool:
        return False

    def __exit__(self, *_: object) -> None: ...


def test_a_batch_is_written_whole_or_not_at_all_and_the_next_goes_on(
    begun: None, outside: None
) -> None:
    writer, first = Ingest(), rows_of(3)
    assert writer.write(first)
    with pytest.raises(IntegrityError):
        again = prepared([DraftFactory.build(id=first.ids[-1])])
        writer.write(made([*prepared(drafts(2)), *again]))

    def fails() -> None:
        raise RuntimeError("what comes along cannot be written")

    with pytest.raises(RuntimeError):
        writer.write(rows_of(2), fails)
    assert Event.objects.count() == stored_tree_queries.stored_size() == 3
    assert writer.write(rows_of(2))
    assert stored_tree_queries.stored_size() == 5 and verify.run().ok


def test_what_comes_along_is_written_once(begun: None, outside: None) -> None:
    times: list[int] = []
    assert Ingest().write(rows_of(2), lambda: times.append(QuarantinedRow.objects.count()))
    assert times == [0]


def test_leaves_that_could_not_be_signed_are_signed_by_the_next_run(
    begun: None, outside: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = keyring.signers, iter([False, True])

    def gone(*given: Any) -> Any:
        if next(calls, False):
            raise OSError("the key's disk is gone")
        return real(*given)

    monkeypatch.setattr(keyring, "signers", gone)
    assert Ingest().write(rows_of(3))
    assert stored_tree_queries.stored_size() == 3 and Checkpoint.objects.count() == 1
    result = sequencer.run_once()
    assert (result.size, result.signed) == (3, True)
