"""The index of words and the counts are recognised up to a size, and nothing bent is with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from audit import (
    countcheck,
    erasure,
    fulltext,
    indexbytes,
    indexcheck,
    knownwhole,
    recount,
    rollups,
    sequencer,
    verify,
)
from audit.models import EventRow, Rollup
from audit.report import Findings
from tests.audit.factories import OLU, DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
SIZE, MORE = 344, 100
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="its index is a column")


@pytest.fixture
def log(unguarded: None) -> None:
    """A signed log whose first 256 events were verified with index and counts, and 100 more."""
    grow(SIZE)
    assert found() == set()
    grow(MORE)


def grow(many: int) -> None:
    list(record_many([DraftFactory.build() for _ in range(many)]))
    sequencer.run_once()


def found() -> set[tuple[str, int | None]]:
    return {(p.code, p.index) for p in verify.run().problems if p.code != "trigger"}


def short_ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the long ways that are gone from now on."""
    gone: list[str] = []
    differences = rollups.differences

    def compared(most: int) -> list[tuple[int | None, str, int, int]]:
        gone.append("counts")
        return differences(most)

    monkeypatch.setattr(rollups, "differences", compared)
    held = indexcheck.held

    def noted(source: Any, first: int, size: int) -> indexcheck.Held:
        gone.append(f"index from {first}")
        return held(source, first, size)

    monkeypatch.setattr(indexcheck, "held", noted)
    return gone


def test_only_what_came_later_is_compared(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = short_ways(monkeypatch)
    assert found() == set()
    assert gone == (["index from 256"] if connection.vendor == "sqlite" else [])
    grow(MORE)
    known = knownwhole.recall(0)
    assert known is not None and known.size == 256
    grow(MORE)
    assert found() == set()
    known = knownwhole.recall(0)
    assert known is not None and known.size == 512, "what held is remembered with what is new"
    assert "counts" not in gone


@on_sqlite
def test_an_index_in_which_nothing_changed_is_not_listed(
    log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found() == set()
    gone = short_ways(monkeypatch)
    assert found() == set() and gone == []
    known = knownwhole.recall(0)
    assert known is not None and known.index
    assert found() == set() and gone == [], "it is remembered each time"
    grow(1)
    assert found() == set()
    assert gone == ["index from 256"]


@on_sqlite
@pytest.mark.parametrize(
    "bend",
    [
        "UPDATE audit_fts_config SET v = 9 WHERE k = 'version'",
        "INSERT INTO audit_fts_config VALUES ('rank', 'bm25(9)')",
        "UPDATE audit_fts_idx SET pgno = pgno + 2",
        "UPDATE audit_fts_idx SET term = CAST(term AS TEXT)",
        "UPDATE audit_fts_data SET block = substr(block, 1, 9) || x'00' || substr(block, 11) "
        "WHERE id > 10",
        "DELETE FROM audit_fts_data WHERE id = (SELECT max(id) FROM audit_fts_data)",
        "INSERT INTO audit_fts_data VALUES (7, x'00')",
        "UPDATE audit_eventrow SET terms = terms || 'ghost ' WHERE seq = 443",
        "UPDATE audit_eventrow SET terms = ' ' || terms WHERE seq = 256",
    ],
)
def test_one_that_changed_anywhere_is(log: None, bend: str) -> None:
    assert found() == set()
    known = knownwhole.recall(0)
    assert known is not None and known.index == indexbytes.seal(SIZE + MORE)
    assert known.index != indexbytes.seal(SIZE + MORE - 1)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA writable_schema = ON")
        cursor.execute(bend)
        cursor.execute("PRAGMA writable_schema = OFF")
    assert known.index != indexbytes.seal(SIZE + MORE)


@on_sqlite
def test_an_index_with_other_rows_is_listed_though_it_did_not_change(log: None) -> None:
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
    fulltext.replace(3, terms, " ghost ")
    assert found() == {("index", 3)}


@on_sqlite
def test_an_erased_word_that_the_index_kept_is_found(
    log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found() == set()
    monkeypatch.setattr(fulltext, "replace", lambda *_: None)
    erasure.erase_subject(OLU.key)
    assert "index" in {code for code, _ in found()}


@on_sqlite
@pytest.mark.parametrize("place", [3, 394])
def test_a_word_changed_in_the_index_is_named(log: None, place: int) -> None:
    terms = EventRow.objects.get(seq=place).terms
    word = terms.split()[0]
    fulltext.replace(place, terms, terms.replace(f" {word} ", " ghost "))
    assert found() == {("index", place)}
    assert found() == {("index", place)}, "what did not hold must not be remembered"
    fulltext.replace(place, terms.replace(f" {word} ", " ghost "), terms)
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
    fulltext.replace(7, row.terms, terms)
    EventRow.objects.filter(seq=7).update(terms=terms)
    assert ("projection", 7) in found()


def test_an_erasure_is_no_finding_and_is_remembered(
    log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    erasure.erase_subject(OLU.key)
    sequencer.run_once()
    assert found() == set()
    gone = short_ways(monkeypatch)
    assert found() == set()
    assert "counts" not in gone and "index from 0" not in gone


def test_nobody_without_the_key_says_what_held(log: None, var_dir: Path, settings: Any) -> None:
    file = var_dir / "ledger" / "verified-whole"
    record = file.read_bytes()
    assert knownwhole.recall(0) and file.stat().st_mode & 0o777 == 0o600
    assert knownwhole.recall(2**40) is None
    for place in range(0, len(record), 5):
        file.write_bytes(record[:place] + bytes([record[place] ^ 1]) + record[place + 1 :])
        assert knownwhole.recall(0) is None
    file.write_bytes(record[:-1])
    assert knownwhole.recall(0) is None
    file.write_bytes(record)
    settings.EVIDENCE_KEY = b""
    assert knownwhole.recall(0) is None


def test_counts_are_told_without_what_came_later(log: None) -> None:
    known = knownwhole.recall(0)
    assert known is not None
    with recount.one_moment():
        assert recount.digests(256, 256) == (known.counts, known.counts)
        assert recount.digests(257, 256) != (known.counts, known.counts)
    assert countcheck.check(Findings(), known, SIZE).recognised


@pytest.mark.parametrize("limit", [-9, -3, 0, 1, 2, 9, 10, 11, 250, 251, 10**9])
def test_lists_of_positions_are_cut_where_the_numbers_are(limit: int) -> None:
    for numbers in ([-9, -3, 0, 1, 10, 11, 250], [10], [], list(range(0, 300, 7))):
        places = ",".join(map(str, numbers))
        cut = indexcheck._cut(places, limit)
        below = [int(one) for one in places[:cut].split(",") if one]
        assert below == [number for number in numbers if number < limit]
        assert [int(n) for n in places[cut:].split(",") if n] == numbers[len(below) :]


@on_sqlite
def test_a_verification_keeps_few_pages(log: None) -> None:
    kept: list[int] = []

    def note(*_: Any) -> None:
        kept.append(pages())

    before = pages()
    verify.run(progress=note)
    assert before == pages() == -65536 and set(kept) == {-4096}


def pages() -> int:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA cache_size")
        return int(cursor.fetchone()[0])
