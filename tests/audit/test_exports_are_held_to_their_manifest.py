"""Exports: one moment of the log as a file, safe to open, and on record with its digest."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client

from approvals import people_and_roster
from audit import clock, exports
from audit import due_exports_and_cleanup as due_work
from audit.exports import jobs, xlsx
from audit.exports.formats import FORMATS
from audit.keys import log_identity
from audit.ledger import checkpoint as checkpoints
from audit.ledger.format import entry as entries
from audit.ledger.format.table_cells import safe_cell
from audit.ledger.query import EventQuery
from audit.models import Event, EventRow, ExportJob
from audit.recording import stored_event_loader
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.search import event_search
from audit.sequencing import sequencer
from portal.loops import loops
from tests.audit.browsing import browser_of, text_of
from tests.audit.calling import Caller, actor_of, caller
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.legible import legible
from tests.support.recording import record_many
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
State = ExportJob.State


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    cache.clear()


@pytest.fixture
def trail() -> None:
    list(record_many(DraftFactory.build(action="skill.blocked") for _ in range(7)))
    list(record_many(DraftFactory.build(action="token.refused", actor=MIA) for _ in range(5)))
    sequencer.run_once()


def made(query: str, format: str = "csv", **more: Any) -> tuple[ExportJob, bytes]:
    job = exports.request(ADA, EventQuery.from_bar(query), format, **more)
    body = b"".join(exports.stream(job.id))
    job.refresh_from_db()
    return job, body


def read_csv(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8"), newline="")))


_OF_SHEETS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheets(body: bytes) -> list[list[list[str]]]:
    """The cells of a workbook by sheet and row, read as ECMA-376 says and by no code of ours."""
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        assert packed.testzip() is None
        assert "[Content_Types].xml" in packed.namelist()
        names = sorted(name for name in packed.namelist() if "/sheet" in name)
        found = [ElementTree.fromstring(packed.read(name)) for name in names]
    assert not any(list(sheet.iter(f"{_OF_SHEETS}f")) for sheet in found), "a formula"
    return [
        [[_cell(cell) for cell in row] for row in sheet.iter(f"{_OF_SHEETS}row")] for sheet in found
    ]


def _cell(cell: ElementTree.Element) -> str:
    text = "".join(part.text or "" for part in cell.iter() if part.tag[len(_OF_SHEETS) :] in "tv")
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), text)


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


def test_a_broken_download_is_finished_by_the_worker(trail: None) -> None:
    job = exports.request(ADA, EventQuery(), "csv")
    pieces = exports.stream(job.id)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # a generator
    job.refresh_from_db()
    assert job.state == State.WAITING and not list(exports.path_of(job).parent.glob("*"))
    assert exports.run_due() == 1
    job.refresh_from_db()
    assert (job.state, job.rows) == (State.READY, 12)
    assert EventRow.objects.filter(action="audit.exported").count() == 1


def test_a_download_is_begun_by_no_worker_until_its_writer_is_dead(trail: None) -> None:
    sent, left = (exports.request(ADA, EventQuery(), "csv", streamed=True) for _ in range(2))
    assert exports.run_due() == 0
    assert len(b"".join(exports.write(sent))) > 0
    ExportJob.objects.filter(id=left.id).update(lease=left.created - timedelta(seconds=1))
    assert exports.run_due() == 1
    assert set(ExportJob.objects.values_list("state", "rows")) == {(State.READY, 12)}
    assert EventRow.objects.filter(action="audit.exported").count() == 2


class _Once:
    """The signal that ends a loop after its first turn."""

    def __init__(self) -> None:
        self._turns = 0

    def is_set(self) -> bool:
        self._turns += 1
        return self._turns > 1

    def wait(self, _seconds: float) -> None:
        """Not at all."""


def one_turn(name: str) -> None:
    """What a loop of the worker does once."""
    loops()[name](_Once())  # type: ignore[arg-type]


def test_a_second_loop_writes_a_short_export_while_the_first_writes_a_long_one(
    trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = (exports.request(ADA, EventQuery(), "csv") for _ in range(2))
    begun: list[UUID] = []
    meanwhile: list[str] = []
    write = jobs.write

    def writing(job: ExportJob) -> Iterator[bytes]:
        begun.append(job.id)
        pieces = write(job)
        yield next(pieces)
        if job.id == long.id:
            one_turn("exports")
            meanwhile.append(ExportJob.objects.get(id=short.id).state)
        yield from pieces

    monkeypatch.setattr(jobs, "write", writing)
    # Both turns use the connection of the test, whose transaction is still open.
    monkeypatch.setattr("portal.loops.close_old_connections", lambda: None)
    one_turn("audit-due")
    assert meanwhile == [State.READY], "it did not wait for the long one"
    assert begun == [long.id, short.id], "each by one loop"
    assert set(ExportJob.objects.values_list("state", "rows")) == {(State.READY, 12)}
    assert EventRow.objects.filter(action="audit.exported").count() == 2


def test_a_dead_writer_is_replaced_after_its_lease(
    trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = exports.request(ADA, EventQuery(), "csv")
    slow = exports.stream(job.id)
    next(slow)
    assert exports.run_due() == 0
    ExportJob.objects.filter(id=job.id).update(lease=job.created - timedelta(seconds=1))
    assert exports.run_due() == 1
    # The slow reader still gets the whole file, and records nothing twice.
    assert len(b"".join(slow)) > 0
    assert EventRow.objects.filter(action="audit.exported").count() == 1
    job.refresh_from_db()
    assert job.state == State.READY


def test_what_a_killed_writer_left_goes_with_the_next_one_or_with_the_export(
    trail: None, var_dir: Path
) -> None:
    folder = var_dir / "exports"
    folder.mkdir()
    first, second = (exports.request(ADA, EventQuery(), "csv") for _ in range(2))
    for job in (first, second):
        (folder / f".{job.id}.csv.0badcafe").write_text("half a trail")
    exports.run(first.id)
    left = {path.name for path in folder.iterdir()}
    assert left == {f"{first.id}.csv", f".{second.id}.csv.0badcafe"}
    exports.drop_expired(second.expires + timedelta(seconds=1))
    assert list(folder.iterdir()) == []


def test_rows_that_a_killed_writer_counted_are_not_counted_twice(trail: None) -> None:
    job = exports.request(ADA, EventQuery(), "csv")
    killed = {"state": State.RUNNING, "rows": 5, "lease": job.created - timedelta(seconds=1)}
    ExportJob.objects.filter(id=job.id).update(**killed)
    assert exports.run_due() == 1
    job.refresh_from_db()
    told = Event.objects.get(id=str(job.event))
    assert (job.rows, entries.parse(bytes(told.entry))["data"]["count"]) == (12, 12)


def test_two_cannot_write_one_file(trail: None) -> None:
    job = exports.request(ADA, EventQuery(), "csv")
    writing = exports.stream(job.id)
    next(writing)
    with pytest.raises(exports.ExportGone, match="being written"):
        exports.stream(job.id)
    list(writing)
    assert b"".join(exports.stream(job.id)).startswith(b"index,")


def test_a_failure_is_kept_with_its_reason(trail: None, var_dir: Path) -> None:
    job = exports.request(ADA, EventQuery(), "csv")
    (var_dir / "exports").write_text("a file where the folder should be")
    with pytest.raises(OSError):
        list(exports.stream(job.id))
    job.refresh_from_db()
    assert job.state == State.FAILED and "FileExistsError" in job.error
    with pytest.raises(exports.ExportGone, match="failed"):
        exports.stream(job.id)


def test_an_export_whose_database_went_away_is_written_later(
    trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(execute: Any, sql: str, *rest: Any) -> Any:
        if "audit_eventrow" in sql:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, *rest)

    job = exports.request(ADA, EventQuery(), "csv")
    with connection.execute_wrapper(gone), pytest.raises(OperationalError):
        list(exports.stream(job.id))
    job.refresh_from_db()
    assert (job.state, job.error) == (State.RUNNING, "")
    later = clock.now() + timedelta(minutes=10)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert exports.run_due() == 1
    job.refresh_from_db()
    assert job.state == State.READY


def test_files_go_after_seven_days_and_the_record_stays(
    trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = made("")
    monkeypatch.setattr("audit.clock.now", lambda: job.created + timedelta(days=7, seconds=1))
    due_work.run()
    job.refresh_from_db()
    assert job.state == State.EXPIRED and not exports.path_of(job).exists()
    assert job.requester["email"] == ""
    assert EventRow.objects.filter(action="audit.exported").exists()


def test_the_first_byte_is_sent_before_any_event_is_read(
    trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_search, "publics", lambda *a: pytest.fail("read before the header"))
    job = exports.request(ADA, EventQuery(), "csv")
    assert next(exports.stream(job.id)).startswith(b"index,id,time")


def test_nothing_signed_yet_is_said(db: None) -> None:
    with pytest.raises(exports.NothingSigned):
        exports.request(ADA, EventQuery(), "csv")


# Pages


@pytest.fixture
def ada() -> Client:
    return browser_of(ADA)


def test_the_page_counts_first_and_streams_on_request(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/exports/new/?action=token.*"))
    assert "Export 5 events" in page
    answer = ada.post("/audit/exports/new/?action=token.*", {"format": "csv", "download": "1"})
    body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert len(read_csv(body)) == 5
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="audit-')
    (job,) = ExportJob.objects.all()
    assert job.state == State.READY
    assert "with action token.*" in text_of(ada.get("/audit/exports/"))


def test_in_the_background_it_waits_for_the_worker(trail: None, ada: Client) -> None:
    answer = ada.post("/audit/exports/new/", {"format": "ndjson"})
    assert answer.status_code == 302
    assert "Waiting for the worker" in text_of(ada.get(answer["Location"]))
    assert exports.run_due() == 1
    page = text_of(ada.get(answer["Location"]))
    assert "SHA-256" in page and "Manifest" in page
    manifest = ada.get(f"{answer['Location']}manifest")
    assert json.loads(manifest.content)["rows"] == 12
    assert ada.head(f"{answer['Location']}download").status_code == 200


def test_what_a_page_cannot_make_is_said(trail: None, ada: Client) -> None:
    answer = ada.post("/audit/exports/new/", {"format": "pdf"}, follow=True)
    assert "no export format" in text_of(answer)
    assert not ExportJob.objects.exists()
    assert ada.get("/audit/exports/new/?outcom=x").status_code == 302


def test_exports_are_not_for_members_and_not_without_a_token(trail: None) -> None:
    job, _ = made("")
    mia = browser_of(MIA)
    for path in ("", "new/", f"{job.id}/", f"{job.id}/download", f"{job.id}/manifest"):
        assert mia.get(f"/audit/exports/{path}").status_code == 403
    assert mia.post("/audit/exports/new/", {"format": "csv"}).status_code == 403
    strict = browser_of(OLU, csrf=True)
    assert strict.post("/audit/exports/new/", {"format": "csv"}).status_code == 403
    assert strict.put("/audit/exports/new/").status_code in (403, 405)
    assert browser_of(ADA).delete(f"/audit/exports/{job.id}/").status_code == 405


# API

type Callers = Callable[[str], Caller]


@pytest.fixture
def of(portal_tenant: LocalTenant) -> Callers:
    return lambda who: caller(portal_tenant, who)


def test_the_api_makes_waits_and_hands_out(trail: None, of: Callers) -> None:
    body = {"format": "ndjson", "filter": {"action": ["skill.*"]}}
    answer = of("auditor").post("/exports", body)
    assert answer.status_code == 202
    job = answer.json()
    assert job["status"] == "waiting" and answer["Location"] == f"/v1/audit/exports/{job['id']}"
    exports.run_due()
    ready = of("auditor").get(f"/exports/{job['id']}").json()
    assert (ready["status"], ready["rows"]) == ("ready", 7)
    file = b"".join(of("auditor").get(f"/exports/{job['id']}/download").streaming_content)
    assert hashlib.sha256(file).hexdigest() == ready["sha256"]
    manifest = of("auditor").get(f"/exports/{job['id']}/manifest").json()
    assert manifest["file"]["sha256"] == ready["sha256"]


def loses_every_role(person: Actor) -> None:
    """The directory was read since the sign-in, and lists none of our roles."""
    later = clock.now() + timedelta(minutes=1)
    people_and_roster.note_person(iss=person.iss, sub=person.sub, roles=[], read_at=later)


PARTS = ("", "/download", "/manifest")


def test_an_export_of_everybody_is_not_fetched_once_the_role_is_gone(
    trail: None, of: Callers
) -> None:
    ada = actor_of("auditor", "auditor")
    job = exports.request(ada, EventQuery.from_bar(""), "csv")
    assert of("auditor").get(f"/exports/{job.id}").status_code == 200
    browser = browser_of(ada)
    assert browser.get(f"/audit/exports/{job.id}/").status_code == 200
    loses_every_role(ada)
    for part in PARTS:
        answer = of("auditor").get(f"/exports/{job.id}{part}")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted"), part
        assert browser.get(f"/audit/exports/{job.id}{part or '/'}").status_code == 403, part
    job.refresh_from_db()
    assert job.state == State.WAITING, "nothing was written for them either"


def test_an_export_of_ones_own_events_is_fetched_whatever_the_role(
    trail: None, of: Callers
) -> None:
    ada = actor_of("auditor", "auditor")
    job = exports.request(ada, EventQuery.from_bar(""), "csv", person=ada.key)
    loses_every_role(ada)
    for part in PARTS:
        assert of("auditor").get(f"/exports/{job.id}{part}").status_code == 200, part
    other = exports.request(ada, EventQuery.from_bar(""), "csv", person=MIA.key)
    assert of("auditor").get(f"/exports/{other.id}").status_code == 403


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"format": "pdf"}, "unsupported_format", "/format"),
        ({"format": "csv", "filter": {"outcom": "x"}}, "unknown_filter", "/filter/outcom"),
        ({"format": "csv", "filter": {"outcome": 5}}, "bad_filter", "/filter/outcome"),
        ({"filter": {}}, "invalid_request", None),
    ],
)
def test_what_the_api_cannot_export_is_refused(
    trail: None, of: Callers, body: dict[str, Any], code: str, pointer: str | None
) -> None:
    answer = of("auditor").post("/exports", body)
    found = answer.json()
    assert (answer.status_code, found["code"]) == (422, code)
    assert pointer is None or found["pointer"] == pointer


def test_a_member_exports_their_own_events_and_sees_no_other_export(
    trail: None, of: Callers
) -> None:
    record(actor_of("member1"), "token.refused")
    sequencer.run_once()
    job = of("member1").post("/exports", {"format": "ndjson"}).json()
    file = b"".join(of("member1").get(f"/exports/{job['id']}/download").streaming_content)
    assert [json.loads(line)["actor"]["name"] for line in file.splitlines()] == ["Member1"]
    theirs, _ = made("")
    for path in ("", "/download", "/manifest"):
        assert of("member1").get(f"/exports/{theirs.id}{path}").status_code == 404
        assert of("member2").get(f"/exports/{job['id']}{path}").status_code == 404


def test_a_failed_or_expired_export_is_gone(trail: None, of: Callers) -> None:
    job, _ = made("")
    ExportJob.objects.filter(id=job.id).update(state=State.EXPIRED)
    answer = of("auditor").get(f"/exports/{job.id}/download")
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")


def test_the_lease_is_renewed_while_writing(trail: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LEASE", timedelta(seconds=0.001))
    job, body = made("")
    assert (job.state, len(read_csv(body))) == (State.READY, 12)
