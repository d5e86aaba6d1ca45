"""An entry that the database cannot read is a finding; one that cannot be read now is said."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import DatabaseError, OperationalError

from audit.models import EventRow, Rollup
from audit.sequencing import sequencer
from audit.verification import continuous, requested_runs, verify
from audit.verification.checks import entries
from audit.verification.continuous import Progress, Rounds
from tests.audit.factories import ADA, DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
SIZE = 600
CORRUPT, BUSY = 11, 5  # sqlite.org/rescode.html

type Breaks = Callable[[int], None]


@pytest.fixture
def log(unguarded: None, monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """A signed log whose owner dropped the triggers, which nobody is to hear of here."""
    monkeypatch.setattr("audit.db.insert_only.problems", list)
    monkeypatch.setattr(continuous, "REST", timedelta(0))
    ids = list(record_many([DraftFactory.build() for _ in range(SIZE)]))
    sequencer.run_once()
    return ids


@pytest.fixture
def breaks(log: list[UUID], monkeypatch: pytest.MonkeyPatch) -> Breaks:
    """From now on the database answers with this code where entry 300 is read."""
    read = entries._events

    def begin(code: int) -> None:
        def events(ids: Sequence[UUID]) -> dict[UUID, entries.Row]:
            if log[300] in ids:
                raise failed(code)
            return read(ids)

        monkeypatch.setattr(entries, "_events", events)

    return begin


def failed(code: int) -> DatabaseError:
    """What Django makes of an error of SQLite."""
    cause = sqlite3.DatabaseError("the disk image is malformed" if code == CORRUPT else "locked")
    cause.sqlite_errorcode = code
    error = (DatabaseError if code == CORRUPT else OperationalError)(str(cause))
    error.__cause__ = cause
    return error


def said(*options: str) -> tuple[int, str]:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_ledger", *options, stdout=out)
    return int(ended.value.code or 0), out.getvalue()


def test_entries_that_cannot_be_read_are_named_and_the_rest_is_checked(
    log: list[UUID], breaks: Breaks
) -> None:
    EventRow.objects.filter(event=log[500]).update(outcome="denied")
    Rollup.objects.all().delete()
    breaks(CORRUPT)
    report = verify.run(batch=64)
    found = {(one.code, one.index) for one in report.problems}
    assert {("unreadable", 256), ("projection", 500)} <= found
    assert "counts" in {code for code, _ in found}
    [unread] = [str(one) for one in report.problems if one.code == "unreadable"]
    assert unread == (
        "index 256: the entries 256 to 319 cannot be read: the disk image is malformed"
    )
    assert report.checked == SIZE - 64


def test_the_command_ends_with_one_and_json(breaks: Breaks) -> None:
    breaks(CORRUPT)
    code, out = said("--json")
    report = json.loads(out)
    assert (code, report["ok"], report["problems"][0]["code"]) == (1, False, "unreadable")
    code, out = said()
    assert code == 1 and "The ledger does NOT verify" in out and "cannot be read" in out


@pytest.mark.parametrize("when", ["in the walk", "before it"])
def test_a_database_that_is_busy_verifies_nothing_and_says_so(
    breaks: Breaks, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    if when == "in the walk":
        breaks(BUSY)
    else:

        def busy() -> int:
            raise failed(BUSY)

        monkeypatch.setattr("audit.sequencing.stored_tree_queries.stored_size", busy)
    code, out = said("--json")
    assert (code, json.loads(out)) == (
        1,
        {"ok": False, "error": "Nothing is verified: the database did not answer: locked"},
    )
    code, out = said()
    assert (code, out.strip()) == (
        1,
        "Nothing is verified: the database did not answer: locked",
    )


def test_a_verification_that_was_asked_for_names_them_too(breaks: Breaks) -> None:
    run = requested_runs.request(ADA)
    breaks(CORRUPT)
    done = requested_runs.perform(run.id)
    assert done.state == "failed" and done.result["problems"][0]["code"] == "unreadable"


@pytest.mark.parametrize("when", ["in a round", "when it is new"])
def test_continuous_verification_alarms_and_goes_on(
    log: list[UUID], breaks: Breaks, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Rounds()
    if when == "in a round":
        verifier.turn(budget_s=60)
    else:
        Progress(done=None, recent=0).write()
        newest = continuous.Newest(0)
        verifier._newest = newest
    breaks(CORRUPT)
    for _ in range(3):
        verifier.turn(budget_s=60)
    alarms: list[Any] = list(EventRow.objects.filter(action="ledger.alarm"))
    assert len(alarms) == 1
    assert Progress.read().alarm.startswith("index 256: the entries 256 to 511 cannot be read")
