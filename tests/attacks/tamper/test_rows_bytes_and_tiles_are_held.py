"""Rows that go, come or change places; bytes of entries, leaves and tiles; the cut-off end."""

from __future__ import annotations

import random
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import connection, models

from audit.ledger.format.canonical import canonical
from audit.ledger.format.entry import parse
from audit.ledger.merkle import leaf_hash
from audit.models import (
    Checkpoint,
    Cosignature,
    Entry,
    Event,
    EventRow,
    EvidenceItem,
    ExportJob,
    ImportedRow,
    Openings,
    RepeatedTag,
    Rollup,
    Tile,
    TimeToken,
    VerificationRun,
)
from audit.search import fulltext_index
from tests.attacks.tamper import columns, owner
from tests.attacks.tamper.verifying import verified
from tests.audit.factories import MIA

pytestmark = pytest.mark.django_db

GONE_UNSEEN: dict[columns.Model, str] = {
    **columns.NOT_HELD,
    Checkpoint: "every later one and the last-signed state imply it",
    Cosignature: "a cosignature that is gone proves less, never something else",
    TimeToken: "a token that is gone proves less, never something else",
}
"""Tables in which a missing row is no lie."""

COME_UNSEEN: dict[columns.Model, str] = {
    **columns.NOT_HELD,
    Checkpoint: "a copy of what we signed says it again",
    Cosignature: "a copy of what somebody signed says it again",
    TimeToken: "a copy of what somebody signed says it again",
}
"""Tables in which a copied row is no lie."""

FRESH: dict[columns.Model, Any] = {
    Event: lambda: {"id": uuid4()},
    Openings: lambda: {"id": 10**6, "event": uuid4()},
    Entry: lambda: {"seq": 10**6, "event_id": Event.objects.get(leaf__isnull=True).id},
    Tile: lambda: {"id": 10**6, "n": 7},
    EvidenceItem: lambda: {"digest": "ab" * 32},
    ImportedRow: lambda: {"id": 10**6, "digest": bytes(32)},
    RepeatedTag: lambda: {"id": 10**6, "tag": f"{uuid4()}.1-0a0a0a0a.{'A' * 22}"},
    ExportJob: lambda: {"id": uuid4()},
    VerificationRun: lambda: {"id": uuid4()},
    EventRow: lambda: {"event": uuid4(), "seq": None},
    Rollup: lambda: {"id": 10**6, "via": "tenant"},
}


@pytest.mark.parametrize("model", [m for m in columns.MODELS if m not in GONE_UNSEEN])
def test_a_row_that_is_gone_is_found(ledger: Path, model: columns.Model) -> None:
    row, index = columns.victims(model, "")[-1]
    owner.delete(model, row.pk)
    found = verified()
    assert any(code in columns.CODES[model] for code, _ in found), found
    if index is not None and model is not Rollup:
        assert any(i == index for _, i in found), found


@pytest.mark.parametrize("model", [m for m in columns.MODELS if m not in COME_UNSEEN])
def test_a_row_that_came_from_nowhere_is_found(ledger: Path, model: columns.Model) -> None:
    row, _ = columns.victims(model, "")[0]
    for name, value in FRESH[model]().items():
        setattr(row, name, value)
    row._state.adding = True
    row.save(force_insert=True)
    assert any(code in columns.CODES[model] for code, _ in verified())


def swap(model: type[models.Model], field: str, one: Any, other: Any, spare: Any) -> None:
    """Exchange the values of a column of two rows, by way of a third value."""
    first = getattr(model._default_manager.get(pk=one), field)
    second = getattr(model._default_manager.get(pk=other), field)
    for pk, value in ((one, spare), (other, first), (one, second)):
        owner.overwrite(model, pk, field, value)


def at(index: int) -> UUID:
    return UUID(str(Entry.objects.get(seq=index).event_id))


def test_two_leaves_that_changed_places_are_found(ledger: Path) -> None:
    swap(Entry, "event_id", 60, 61, uuid4())
    assert {("tile", 60), ("projection", 60), ("projection", 61)} <= set(verified())


def test_two_entries_that_changed_places_are_found(ledger: Path) -> None:
    for field in ("entry", "leaf_hash"):
        swap(Event, field, at(60), at(61), b"spare")
    assert {("entry", 60), ("entry", 61), ("tile", 60)} <= set(verified())


def test_two_search_rows_that_changed_places_are_found(ledger: Path) -> None:
    swap(EventRow, "seq", at(60), at(61), 10**6)
    assert {("projection", 60), ("projection", 61)} <= set(verified())


def test_openings_filed_under_another_person_are_found(ledger: Path) -> None:
    theirs = Openings.objects.get(event=at(1), subject=MIA.key)
    owner.overwrite(Openings, theirs.pk, "subject", "00" * 32)
    assert "filed under another person" in verified()["opening", 1]


@pytest.mark.parametrize("seed", range(6))
def test_no_byte_of_any_entry_can_change(ledger: Path, seed: int) -> None:
    drawn = random.Random(seed)
    bent = sorted(drawn.sample(range(256), 24))
    for index in bent:
        entry = bytes(Event.objects.get(id=at(index)).entry)
        place = drawn.randrange(len(entry))
        changed = entry[:place] + bytes([entry[place] ^ drawn.randrange(1, 256)])
        owner.overwrite(Event, at(index), "entry", changed + entry[place + 1 :])
    assert {i for code, i in verified() if code == "leaf"} == set(bent)


def test_a_member_left_out_of_an_entry_or_added_is_found(ledger: Path) -> None:
    for index, change in ((10, {"reason": None}), (11, {"extra": 1})):
        document = parse(bytes(Event.objects.get(id=at(index)).entry)) | change
        forged = canonical(document)
        owner.overwrite(Event, at(index), "entry", forged)
        owner.overwrite(Event, at(index), "leaf_hash", leaf_hash(forged))
    found = verified()
    assert {("tile", 10), ("entry", 11)} <= set(found)


@pytest.mark.parametrize("seed", range(8))
def test_no_byte_of_a_tile_can_change(ledger: Path, seed: int) -> None:
    tile = Tile.objects.get()
    place = random.Random(seed).randrange(8192)
    hashes = bytearray(tile.hashes)
    hashes[place] ^= 1
    owner.overwrite(Tile, tile.pk, "hashes", bytes(hashes))
    assert set(verified()) == {("tile", place // 32)}


def test_a_cut_off_end_is_found_also_when_its_checkpoints_and_rows_went_too(ledger: Path) -> None:
    size = Entry.objects.count()
    for seq in range(250, size):
        event = at(seq)
        owner.delete(Entry, seq)
        owner.delete(EventRow, event)
        owner.execute(
            "DELETE FROM audit_openings WHERE event = %s",
            event if connection.vendor == "postgresql" else event.hex,
        )
        owner.delete(Event, event)
    for row in Checkpoint.objects.filter(size__gt=250):
        owner.delete(Checkpoint, row.pk)
    call_command("rebuild_projection", stdout=StringIO())
    found = verified()
    assert ("truncated", 250) in found
    assert "the last-signed state covers" in found["truncated", 250]


def test_a_full_text_index_that_says_something_else_is_found(ledger: Path) -> None:
    terms = EventRow.objects.get(seq=33).terms
    if connection.vendor == "sqlite":
        fulltext_index.replace(33, terms, terms.replace(" exfiltrates ", " admires "))
        assert set(verified()) == {("index", 33)}
        fulltext_index.replace(33, terms.replace(" exfiltrates ", " admires "), terms)
        assert verified() == {}
        owner.execute("INSERT INTO audit_fts(rowid, terms) VALUES(5000, 'ghost')")
        assert set(verified()) == {("index", None)}
    else:
        owner.execute("ALTER TABLE audit_eventrow ALTER COLUMN words DROP EXPRESSION")
        owner.execute("UPDATE audit_eventrow SET words = 'ghost' WHERE seq = 33")
        assert set(verified()) == {("index", 33)}
