"""The worker verifies what is signed, and all of it again and again; what stays wrong alarms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client

from audit import clock
from audit.models import Event, EventRow, Rollup, Tile
from audit.sequencing import sequencer
from audit.verification import continuous
from audit.verification.continuous import Progress, Rounds
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.erasing import erase_person
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
SIZE = 600


@pytest.fixture
def log(unguarded: None, monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """A signed log whose owner dropped the triggers, which nobody is to hear of here."""
    monkeypatch.setattr("audit.db.insert_only.problems", list)
    monkeypatch.setattr(continuous, "REST", timedelta(0))
    ids = list(record_many([DraftFactory.build() for _ in range(SIZE)]))
    sequencer.run_once()
    return ids


def turn(verifier: Rounds, times: int = 1) -> Progress:
    for _ in range(times):
        verifier.turn(budget_s=60)
    return Progress.read()


def alarms() -> list[str]:
    return list(EventRow.objects.filter(action="ledger.alarm").values_list("sentence", flat=True))


def test_a_round_covers_all_and_what_follows_is_checked_at_once(log: list[UUID]) -> None:
    verifier = Rounds()
    verifier.turn(budget_s=0)
    assert Progress.read().done is None
    told = turn(verifier)
    assert told.done is not None and clock.now() - told.done < timedelta(minutes=1)
    assert (told.done_size, told.recent, told.coverage, told.alarm) == (SIZE, SIZE, 100, "")
    list(record_many([DraftFactory.build() for _ in range(3)]))
    sequencer.run_once()
    assert turn(verifier).recent == SIZE + 3
    erase_person(OLU.key)
    erase_person(MIA.key)
    sequencer.run_once()
    assert turn(verifier, 2).alarm == "" and not alarms()


def test_a_round_that_ended_when_a_clock_was_ahead_puts_off_no_other(log: list[UUID]) -> None:
    Progress(done=clock.now() + timedelta(days=365), recent=SIZE).write()
    done = turn(Rounds()).done
    assert done is not None and done < clock.now()


@pytest.mark.parametrize("what", ["entry", "row", "tile", "counts"])
def test_what_stays_wrong_raises_one_alarm(log: list[UUID], what: str) -> None:
    verifier = Rounds()
    turn(verifier)
    ways: dict[str, Callable[[], object]] = {
        "entry": lambda: Event.objects.filter(id=log[300]).update(entry=b"{}"),
        "row": lambda: EventRow.objects.filter(event=log[300]).update(outcome="denied"),
        "tile": lambda: Tile.objects.filter(n=1).update(root=bytes(32)),
        "counts": lambda: Rollup.objects.all().delete(),
    }
    ways[what]()
    assert turn(verifier).alarm == "" and not alarms(), "seen once, it may be a moment's"
    told = turn(verifier)
    index = {"entry": 300, "row": 300, "tile": 256, "counts": 0}[what]
    assert told.alarm.startswith(f"index {index}: ")
    turn(verifier, 2)
    assert len(alarms()) == 1
    assert continuous.alarm() == told.alarm


def test_what_is_bent_before_it_is_looked_at_is_found(log: list[UUID]) -> None:
    verifier = Rounds()
    turn(verifier)
    (new,) = record_many([DraftFactory.build()])
    sequencer.run_once()
    EventRow.objects.filter(event=new).update(sentence="Nothing happened")
    turn(verifier, 2)
    assert alarms() and continuous.alarm().startswith(f"index {SIZE}: ")


def test_a_lie_that_was_there_for_a_moment_is_no_alarm(log: list[UUID]) -> None:
    verifier = Rounds()
    EventRow.objects.filter(event=log[300]).update(outcome="denied")
    turn(verifier)
    EventRow.objects.filter(event=log[300]).update(outcome="success")
    turn(verifier, 2)
    assert not alarms() and Progress.read().alarm == ""


def test_the_alarm_goes_when_a_whole_round_holds(log: list[UUID]) -> None:
    verifier = Rounds()
    EventRow.objects.filter(event=log[300]).update(outcome="denied")
    assert turn(verifier, 2).alarm
    EventRow.objects.filter(event=log[300]).update(outcome="success")
    assert turn(verifier, 2).alarm == ""


def test_the_house_says_what_was_found(client: Client, var_dir: Path) -> None:
    ada = browser_of(ADA)
    assert "No check has ended yet" in text_of(ada.get("/audit/ledger/"))
    Progress(at=256, size=SIZE).write()
    assert "The first check is still running: 42 % of 600 entries so far." in text_of(
        ada.get("/audit/ledger/")
    )
    assert "verified_age" not in text_of(client.get("/metrics"))
    Progress(done=clock.now(), done_size=SIZE, at=256, size=SIZE, alarm="index 3: bent").write()
    page = text_of(ada.get("/audit/ledger/"))
    assert page.count("index 3: bent") >= 2, "a banner and a notice"
    assert "42 % of 600" in page
    numbers = text_of(client.get("/metrics"))
    assert "\nata_ledger_alarm 1\n" in numbers
    assert "\nata_ledger_verified_age_seconds " in numbers


def test_nothing_is_told_from_a_file_that_is_damaged(var_dir: Path) -> None:
    assert Progress.read() == Progress()
    (var_dir / "ledger").mkdir(exist_ok=True)
    (var_dir / "ledger" / "rounds").write_text("{")
    assert Progress.read() == Progress() and continuous.alarm() == ""
