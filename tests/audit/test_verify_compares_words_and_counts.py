"""The full-text index and the counts are compared with the search rows, all of them."""

from __future__ import annotations

import sqlite3

import pytest
from django.db import OperationalError, connection
from django.db.models import F

from audit.models import EventRow, Rollup
from audit.search import fulltext_index, projection
from audit.sequencing import sequencer
from audit.verification import verify
from tests.audit.factories import OLU, DraftFactory
from tests.support.erasing import erase_person
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
SIZE, MORE = 344, 100
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="its index is a column")


@pytest.fixture
def log(unguarded: None) -> None:
    """A signed log that was verified, and 100 more events."""
    grow(SIZE)
    assert found() == set()
    grow(MORE)


def grow(many: int) -> None:
    list(record_many([DraftFactory.build() for _ in range(many)]))
    sequencer.run_once()


def found() -> set[tuple[str, int | None]]:
    return {(p.code, p.index) for p in verify.run().problems if p.code != "trigger"}


@on_sqlite
def test_an_index_of_other_rows_is_named(log: None) -> None:
    assert found() == set()
    for place in (3, 394):  # of a whole stretch, and of the last one
        row = EventRow.objects.get(seq=place)
        terms = row.terms.replace(" ", " ghost ", 1)
        EventRow.objects.filter(seq=place).update(terms=terms)
        assert {("projection", place), ("index", place)} <= found()
        EventRow.objects.filter(seq=place).update(terms=row.terms)
        assert found() == set()


@on_sqlite
def test_a_change_that_fts5_did_not_write_yet_is_found(log: None) -> None:
    assert found() == set()
    terms = EventRow.objects.get(seq=3).terms
    fulltext_index.replace(3, terms, " ghost ")
    assert found() == {("index", 3)}


@on_sqlite
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit_fts_data SET block = zeroblob(20) WHERE id > 10",
        "DELETE FROM audit_fts_data",
        "DROP TABLE audit_fts_idx",
        "DROP TABLE audit_fts",
    ],
)
def test_an_index_that_cannot_be_read_is_named_and_the_rest_checked(log: None, damage: str) -> None:
    assert found() == set()
    Rollup.objects.filter(pk__in=Rollup.objects.values("pk")[:1]).update(n=F("n") + 1)
    with connection.cursor() as cursor:
        cursor.execute(damage)
    codes = {code for code, _ in found()}
    assert "index" in codes and len(codes) == 2, "the count that was changed too"
    [said] = [p.message for p in verify.run().problems if p.code == "index"]
    assert "the full-text index cannot be read" in said and "rebuild_projection" in said
    projection.rebuild()
    assert found() == set()


@on_sqlite
def test_a_table_that_cannot_be_read_is_named_and_the_rest_checked(log: None) -> None:
    terms = EventRow.objects.get(seq=3).terms
    fulltext_index.replace(3, terms, " ghost ")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_rollup RENAME TO elsewhere")
    said = {(p.code, p.message.partition(":")[0]) for p in verify.run().problems}
    assert ("unreadable", "the counts cannot be read") in said
    assert "index" in {code for code, _ in said}


@on_sqlite
def test_a_database_that_is_busy_is_no_finding(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        cause = sqlite3.OperationalError("database is locked")
        cause.sqlite_errorcode = 5
        raise OperationalError("database is locked") from cause

    monkeypatch.setattr("audit.search.fulltext_index.Postings.between", busy)
    with pytest.raises(OperationalError):
        verify.run()


@on_sqlite
def test_an_erased_word_that_the_index_kept_is_found(
    log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found() == set()
    monkeypatch.setattr(fulltext_index, "replace", lambda *_: None)
    erase_person(OLU.key)
    assert "index" in {code for code, _ in found()}


@on_sqlite
@pytest.mark.parametrize("place", [3, 394])
def test_a_word_changed_in_the_index_is_named(log: None, place: int) -> None:
    terms = EventRow.objects.get(seq=place).terms
    word = terms.split()[0]
    fulltext_index.replace(place, terms, terms.replace(f" {word} ", " ghost "))
    assert found() == {("index", place)}
    assert found() == {("index", place)}, "each time"
    fulltext_index.replace(place, terms.replace(f" {word} ", " ghost "), terms)
    assert found() == set()


@on_sqlite
@pytest.mark.parametrize("place", [-4, 444, 10**6])
def test_a_word_of_no_entry_is_found(log: None, place: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO audit_fts(rowid, terms) VALUES ({place}, 'ghost')")
    assert found() == {("index", None)}


def test_a_changed_count_is_named(log: None) -> None:
    cells = list(Rollup.objects.order_by("id").values_list("id", flat=True))
    for cell in (cells[0], cells[len(cells) // 2], cells[-1]):
        Rollup.objects.filter(id=cell).update(n=F("n") + 1)
        assert {code for code, _ in found()} == {"counts"}, cell
        Rollup.objects.filter(id=cell).update(n=F("n") - 1)
        assert found() == set()
    one, other = Rollup.objects.filter(grain=1).order_by("id")[:2]
    Rollup.objects.filter(id=one.pk).update(n=F("n") + 1)
    Rollup.objects.filter(id=other.pk).update(n=F("n") - 1)
    assert {code for code, _ in found()} == {"counts"}
    Rollup.objects.filter(id=one.pk).delete()
    assert {code for code, _ in found()} == {"counts"}
    Rollup.objects.filter(id=other.pk).update(n=F("n") + 1)
    one.save(force_insert=True)
    assert found() == set()


def test_a_row_and_its_word_and_count_changed_alike_are_found(log: None) -> None:
    row = EventRow.objects.get(seq=7)
    terms = row.terms.replace(" ", " ghost ", 1)
    fulltext_index.replace(7, row.terms, terms)
    EventRow.objects.filter(seq=7).update(terms=terms)
    assert ("projection", 7) in found()
