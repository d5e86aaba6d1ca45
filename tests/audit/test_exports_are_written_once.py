"""Workers write an export once, also if several try, one is killed or the database is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection

from audit import clock, exports
from audit import due_exports_and_cleanup as due_work
from audit.exports import jobs
from audit.ledger.format import entry as entries
from audit.ledger.query import EventQuery
from audit.models import Event, EventRow, ExportJob
from audit.search import event_search
from portal.loops import loops
from tests.audit.exported_files import made, read_csv
from tests.audit.factories import ADA

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_cache")]
State = ExportJob.State


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


def test_the_lease_is_renewed_while_writing(trail: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LEASE", timedelta(seconds=0.001))
    job, body = made("")
    assert (job.state, len(read_csv(body))) == (State.READY, 12)
