"""Exports: one moment of the log as a file, safe to open, and on record with its digest."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from base64 import b64decode

import pytest

from audit import exports
from audit.exports import xlsx
from audit.exports.formats import FORMATS
from audit.keys import log_identity
from audit.ledger import checkpoint as checkpoints
from audit.ledger.format.table_cells import safe_cell
from audit.ledger.query import EventQuery
from audit.models import EventRow, ExportJob
from audit.recording import stored_event_loader
from audit.recording.actors import Target
from audit.recording.record import record
from audit.search import event_search
from audit.sequencing import sequencer
from tests.audit.exported_files import made, read_csv, sheets
from tests.audit.factories import ADA, MIA, OLU
from tests.support.legible import legible

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_cache")]
State = ExportJob.State


def test_the_file_holds_exactly_what_the_filter_matches(trail: None) -> None:
    _, body = made("action:token.*")
    rows = read_csv(body)
    expected = event_search.page(EventQuery.from_bar("action:token.*")).rows
    assert [row["id"] for row in rows] == [str(row.event) for row in expected]
    assert rows[0]["time"].endswith("Z") and rows[0]["recorded_at"].endswith("Z")
    assert rows[0]["actor_name"] == MIA.name


def test_ndjson_is_the_public_event_a_line(trail: None) -> None:
    _, body = made("order:oldest", "ndjson")
    events = [json.loads(line) for line in body.splitlines()]
    assert [event["index"] for event in events] == list(range(12))
    assert events[0] == stored_event_loader.load(EventRow.objects.get(seq=0).event)


def test_the_manifest_the_event_and_the_file_agree(trail: None) -> None:
    job, body = made("action:skill.*")
    manifest = exports.manifest_of(job)
    digest = hashlib.sha256(body).hexdigest()
    assert manifest["file"] == {
        "name": manifest["file"]["name"], "bytes": len(body), "sha256": digest,
    }  # fmt: skip
    assert manifest["rows"] == 7 and manifest["range"] == {"first_index": 0, "end_index": 12}
    assert manifest["filter"]["params"] == {"action": ["skill.*"]}
    assert "with action skill.*" in manifest["filter"]["words"]
    head = checkpoints.verify(manifest["tree"]["checkpoint"], [log_identity.vkey()])
    assert (head.size, head.root) == (12, b64decode(manifest["tree"]["root"]))
    assert job.event is not None
    event = stored_event_loader.load(job.event)
    assert (event["action"], event["actor"]["sub"]) == ("audit.exported", ADA.sub)
    assert event["data"]["sha256"] == digest and event["data"]["count"] == 7
    assert exports.path_of(job).read_bytes() == body
    assert exports.path_of(job).stat().st_mode & 0o077 == 0


def test_what_is_searched_for_is_private_in_the_entry(trail: None) -> None:
    job, _ = made("mia@acme.example")
    from audit.proofs import proofs_and_tiles

    assert job.event is not None
    assert "mia" not in legible(proofs_and_tiles.entry_of(job.event))


def test_events_after_the_checkpoint_are_not_in_the_file(trail: None) -> None:
    job = exports.request(ADA, EventQuery(), "csv")
    record(OLU, "skill.blocked", target=Target("skill", "late"))
    sequencer.run_once()
    assert len(read_csv(b"".join(exports.stream(job.id)))) == job.expected == 12


@pytest.mark.parametrize(
    "value", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=1", "\n=1", "＝1+1", "=HYPERLINK(\"x\")"]
)  # fmt: skip
def test_no_cell_is_a_formula(trail: None, value: str) -> None:
    assert safe_cell(value) == f"'{value}"
    record(OLU, "skill.blocked", target=Target("skill", value), reason=value)
    sequencer.run_once()
    _, body = made("action:skill.*")
    newest = read_csv(body)[0]
    assert (newest["target_name"], newest["reason"]) == (f"'{value}", f"'{value}")
    for row in csv.reader(io.StringIO(body.decode(), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_quotes_commas_and_line_breaks_stay_inside_their_cell(trail: None) -> None:
    nasty = 'a "b", c\r\nd;e\u2028f'
    record(OLU, "skill.blocked", target=Target("skill", "x"), reason=nasty)
    sequencer.run_once()
    _, body = made("action:skill.*")
    assert read_csv(body)[0]["reason"] == nasty


def test_secrets_in_raw_rows_are_masked(trail: None) -> None:
    raw = {"details": "Authorization: Bearer abcdef0123456789abcdef"}
    record(OLU, "skill.blocked", target=Target("skill", "x"), private={"raw": raw})
    sequencer.run_once()
    for format in FORMATS:
        _, body = made("action:skill.*", format)
        text = repr(sheets(body)).encode() if format == "xlsx" else body
        assert b"abcdef0123456789" not in text and b"[masked" in text


@pytest.mark.parametrize("limit", [1_000_000, 5])
def test_a_workbook_holds_the_rows_of_the_csv(
    trail: None, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(xlsx, "ROWS", limit)
    hostile = "=1+1 \x01 _x0041_ <&> \r\n\t ends "
    record(OLU, "skill.blocked", target=Target("skill", "x"), reason=hostile)
    sequencer.run_once()
    job, body = made("", "xlsx")
    _, plain = made("", "csv")
    found = [row for sheet in sheets(body) for row in sheet[1:]]
    expected = [list(row.values()) for row in read_csv(plain)]
    assert [row[:6] for row in found] == [row[:6] for row in expected]
    assert job.rows == len(found) == 13
    names = sheets(body)[0][0]
    assert found[0][names.index("reason")] == hostile  # as it is: the cell is marked as text
    assert len(sheets(body)) == (1 if limit > 13 else 2)
    assert exports.manifest_of(job)["file"]["sha256"] == hashlib.sha256(body).hexdigest()


def test_a_text_that_reads_like_markup_of_a_sheet_stays_a_text() -> None:
    markup = '<r></is></c><c r="B1"><f>1+1</f></c><c r="C1" t="inlineStr"><is></r>'
    body = b"".join(xlsx.workbook(["a"], iter([(xlsx.row([markup]), 1)])))
    assert sheets(body)[0] == [["a"], [markup]]


def test_a_cell_says_where_it_was_cut() -> None:
    body = b"".join(xlsx.workbook(["a"], iter([(xlsx.row(["x" * 40_000, 7, None]), 1)])))
    [_, [text, number, _]] = sheets(body)[0]
    assert len(text) == xlsx.LONGEST and text.endswith(xlsx.CUT) and number == "7"


def test_nothing_signed_yet_is_said(db: None) -> None:
    with pytest.raises(exports.NothingSigned):
        exports.request(ADA, EventQuery(), "csv")
