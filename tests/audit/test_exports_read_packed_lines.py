"""Packed lines of exports: the very bytes that opening each event gives, or not used at all."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import clock, exports
from audit.exports import compressed_line_blocks, line_block_cache
from audit.exports.formats import COLUMNS, FORMATS, PACKED
from audit.ledger.format import entry as entries
from audit.ledger.query import EventQuery
from audit.models import EventRow, ExportBlock, ExportJob, Openings
from audit.recording.actors import Target
from audit.recording.record import record
from audit.search import event_search, projection
from audit.search.projection import SPAN
from audit.sequencing import sequencer
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.erasing import erase_person
from tests.support.recording import record_many

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "=1+1",
        "@x",
        "\t-",
        "a,b",
        'say "x"',
        "\r\n",
        "\0",
        "ÿþ",
        "\ufffe",
        '","log":"L1","',
        "L1\r\n",
    ]
)
JSON = st.recursive(TEXT | st.booleans() | st.integers(-9, 9) | st.none(), st.lists, max_leaves=4)
FIELDS = st.fixed_dictionaries(
    {
        "time": st.datetimes(timezones=st.just(clock.now().tzinfo)),
        "recorded_at": st.just(clock.now()),
        "action": st.sampled_from(["skill.blocked", "token.refused", "external.thing"]),
        "actor": st.fixed_dictionaries({"iss": TEXT, "sub": TEXT, "name": TEXT, "email": TEXT}),
        "target": st.none() | st.fixed_dictionaries({"kind": TEXT, "name": TEXT, "instance": TEXT}),
        "reason": TEXT,
        "changes": st.none() | st.dictionaries(TEXT, JSON, max_size=2),
        "data": st.dictionaries(TEXT, JSON, max_size=2),
    }
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is slow
@given(st.lists(FIELDS, min_size=1, max_size=4), st.sampled_from(["L1", "L2", "L3"]))
def test_packed_lines_are_the_lines_of_the_events(some: list[dict[str, Any]], level: str) -> None:
    built = [entries.build(fields, id=clock.uuid7()) for fields in some]
    events = [
        entries.reveal(one.document, one.openings, index=i, human="H0")
        for i, one in enumerate(built)
    ]
    packed = compressed_line_blocks.pack(events, PACKED)
    told = [{**event, "log": level} for event in events]
    for name, format in ((name, FORMATS[name]) for name in PACKED):
        opened = compressed_line_blocks.Lines(compressed_line_blocks.unpack(packed[name]))
        rows = [format.row(event) for event in told]
        assert opened.all(level, backwards=False) == b"".join(rows)
        assert opened.all(level, backwards=True) == b"".join(reversed(rows))
        assert opened.some([len(rows) - 1], level) == rows[-1]
    _check_by_reading_back(packed, told, level)


def _check_by_reading_back(
    packed: dict[str, bytes], told: list[dict[str, Any]], level: str
) -> None:
    """What other programs read: nothing of our own writers is used here."""
    ndjson = compressed_line_blocks.Lines(compressed_line_blocks.unpack(packed["ndjson"])).all(
        level, backwards=False
    )
    assert [json.loads(line) for line in ndjson.splitlines()] == told
    body = (
        compressed_line_blocks.Lines(compressed_line_blocks.unpack(packed["csv"]))
        .all(level, backwards=False)
        .decode()
    )
    for row, event in zip(csv.reader(io.StringIO(body, newline="")), told, strict=True):
        cells = dict(zip(COLUMNS, row, strict=True))
        assert cells["log"] == level and cells["id"] == event["id"]
        said = event["reason"]
        assert cells["reason"] in (said, f"'{said}")
        assert not cells["reason"].startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.fixture
def trail(db: None) -> None:
    """One whole block and the beginning of a second; every seventh event is Mia's."""
    drafts = [
        DraftFactory.build(
            action="token.refused" if n % 7 == 0 else "skill.blocked",
            actor=MIA if n % 7 == 0 else OLU,
            private={"note": f"about {n} and =1"},
        )
        for n in range(SPAN + 40)
    ]
    list(record_many(drafts))
    sequencer.run_once()


def file_of(bar: str, format: str, job: ExportJob | None = None) -> bytes:
    job = job or exports.request(ADA, EventQuery.from_bar(bar), format)
    return b"".join(exports.stream(job.id))


def reference(bar: str, format: str, size: int) -> bytes:
    """The file written the plain way: one event after the other, each opened and checked."""
    events = event_search.iterate(EventQuery.from_bar(bar), size=size)
    rows = (FORMATS[format].row(event) for event in events)
    return FORMATS[format].header + b"".join(rows)


@pytest.mark.parametrize("bar", ["", "order:oldest", "action:token.*", "about -action:token.*"])
def test_a_file_from_packed_lines_is_the_file_from_events(trail: None, bar: str) -> None:
    size = SPAN + 40
    assert line_block_cache.fill(budget_s=60) == 1 and line_block_cache.fill() == 0
    for format in PACKED:
        job = exports.request(ADA, EventQuery.from_bar(bar), format)
        expected = reference(bar, format, size)
        assert file_of(bar, format, job) == expected
        job.refresh_from_db()
        assert (
            job.rows
            == job.expected
            == len(list(event_search.iterate(EventQuery.from_bar(bar), size=size)))
        )


def test_a_tree_that_ends_inside_a_block_ends_there(trail: None) -> None:
    early = exports.request(ADA, EventQuery(), "ndjson")
    list(record_many(DraftFactory.build() for _ in range(SPAN)))
    sequencer.run_once()
    assert line_block_cache.fill(budget_s=60) == 2
    assert file_of("", "ndjson", early) == reference("", "ndjson", SPAN + 40)


def test_events_in_a_block_are_not_opened_again(
    trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    line_block_cache.fill(budget_s=60)
    opened: list[int] = []
    publics = event_search.publics

    def watched(rows: Any, sizes: Any = None) -> Any:
        opened.extend(row.seq for row in rows)
        return publics(rows, sizes)

    monkeypatch.setattr(event_search, "publics", watched)
    file_of("", "csv")
    assert sorted(opened) == list(range(SPAN, SPAN + 40))


@pytest.mark.parametrize("forge", ["body", "format"])
def test_a_block_without_our_seal_is_left_aside(trail: None, forge: str) -> None:
    line_block_cache.fill(budget_s=60)
    if forge == "body":
        lie = zstandard.compress(b"\xfe".join([b"a lie \xff\r\n"] * SPAN))
        ExportBlock.objects.filter(format="csv", first=0).update(body=lie)
    else:
        other = ExportBlock.objects.get(format="ndjson", first=0)
        ExportBlock.objects.filter(format="csv", first=0).update(body=other.body, seal=other.seal)
    assert file_of("", "csv") == reference("", "csv", SPAN + 40)


def test_what_is_erased_leaves_the_packed_lines(trail: None) -> None:
    line_block_cache.fill(budget_s=60)
    erase_person(MIA.key)
    assert not ExportBlock.objects.exists()
    for _ in range(2):
        for format in PACKED:
            body = file_of("", format)
            assert MIA.name.encode() not in body and b"about 7 and" not in body
            assert b"about 8 and" in body
        line_block_cache.fill(budget_s=60)


def test_who_is_erased_while_a_block_is_written_is_not_in_it(
    trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = compressed_line_blocks.pack

    def erasing(*given: Any) -> Any:
        packed = pack(*given)
        erase_person(MIA.key)
        return packed

    monkeypatch.setattr(line_block_cache, "pack", erasing)
    line_block_cache.fill(budget_s=60)
    monkeypatch.undo()
    assert line_block_cache.fill(budget_s=60) > 0
    assert MIA.name.encode() not in file_of("", "ndjson")


def test_a_level_that_moved_is_in_the_next_file(trail: None) -> None:
    line_block_cache.fill(budget_s=60)
    row = EventRow.objects.get(seq=5)
    EventRow.objects.filter(seq=5).update(human="H2")
    projection.drop_rendered([row.seq])
    line_block_cache.fill(budget_s=60)
    told = [json.loads(line) for line in file_of("order:oldest", "ndjson").splitlines()]
    assert told[5]["human"] == "H2"


def test_a_rebuilt_projection_begins_without_blocks(trail: None) -> None:
    line_block_cache.fill(budget_s=60)
    projection.rebuild()
    assert not ExportBlock.objects.exists()


def test_an_event_whose_search_row_is_lost_is_exported(trail: None) -> None:
    EventRow.objects.filter(seq=3).delete()
    told = [json.loads(line) for line in file_of("order:oldest", "ndjson").splitlines()]
    assert [event["index"] for event in told] == list(range(SPAN + 40))


def test_without_a_key_nothing_is_packed(trail: None, settings: Any) -> None:
    settings.EVIDENCE_KEY = b""
    assert line_block_cache.fill(budget_s=60) == 0
    assert file_of("", "csv") == reference("", "csv", SPAN + 40)


def test_a_secret_in_a_packed_row_is_masked(trail: None) -> None:
    raw = {"details": "Authorization: Bearer abcdef0123456789abcdef"}
    record(OLU, "skill.blocked", target=Target("skill", "x"), private={"raw": raw})
    list(record_many(DraftFactory.build() for _ in range(SPAN)))
    sequencer.run_once()
    assert line_block_cache.fill(budget_s=60) == 2
    for format in PACKED:
        body = file_of("", format)
        assert b"abcdef0123456789" not in body and b"[masked" in body


def test_an_altered_event_keeps_only_its_own_block_from_being_packed(
    trail: None, unguarded: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_block_cache, "_torn", type(line_block_cache._torn)())
    list(record_many(DraftFactory.build() for _ in range(SPAN)))
    sequencer.run_once()
    torn = Openings.objects.filter(event=EventRow.objects.get(seq=3).event)
    whole = torn.get().values
    other = Openings.objects.get(event=EventRow.objects.get(seq=4).event)
    torn.update(values=other.values)
    assert line_block_cache.fill(budget_s=60) == 1 and line_block_cache.fill() == 0
    assert set(ExportBlock.objects.values_list("first", flat=True)) == {SPAN}
    assert len(caplog.records) == 1
    torn.update(values=whole)
    later = time.monotonic() + 601
    monkeypatch.setattr("time.monotonic", lambda: later)
    assert line_block_cache.fill(budget_s=60) == 1, "what was mended is packed some minutes later"
