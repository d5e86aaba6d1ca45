"""The header and the ledger page name what was verified, how far, and when; no more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from audit import clock
from audit.models import VerificationRun
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import sequencer
from audit.verification import requested_runs
from audit.verification.continuous import Progress
from connections.models import Schedule
from connections.sync import auth0_reachability
from portal.pages import ledger_status
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    """What pages keep for seconds, such as that no worker runs, is not of another test."""
    cache.clear()
    yield
    cache.clear()


def signed(times: int) -> None:
    """That many more signed entries."""
    for _ in range(times):
        record(SYSTEM, "audit.verified")
    sequencer.run_once()


def header() -> tuple[int, object, str]:
    """What the header says: verified up to, when, and the state."""
    cache.clear()
    facts = ledger_status.facts()
    return facts["verified_to"], facts["verified_at"], facts["state"]


def worker_is_away() -> None:
    """What is due is not done any more."""
    Schedule.objects.update_or_create(
        name=auth0_reachability.TENANT,
        defaults={"started": clock.now() - timedelta(minutes=4), "due": clock.now()},
    )
    cache.clear()


def test_the_header_names_the_last_verification_of_the_whole_whoever_asked_for_it() -> None:
    signed(3)
    now = clock.now()
    VerificationRun.objects.create(
        state="passed", result={"size": 1}, finished=now - timedelta(hours=1)
    )
    assert header()[0] == 1
    Progress(done=now, done_size=3, recent=3).write()
    assert header() == (3, now, "ok")
    VerificationRun.objects.create(
        state="passed", result={"size": 2}, finished=now + timedelta(seconds=1)
    )
    assert header()[0] == 2, "the newer one, although it covered less"


def test_a_check_of_the_empty_log_does_not_count_as_one() -> None:
    """The worker's first round ends before anything is signed."""
    signed(3)
    Progress(done=clock.now(), at=1, size=3).write()
    assert header()[:2] == (0, None)
    facts = ledger_status.facts()
    assert facts["summary"].startswith("Log signed, first check still running")
    assert "of them verified" not in facts["title"]
    page = text_of(browser_of(ADA).get("/audit/ledger/"))
    assert "The first check is still running: 33 % of 3 entries so far." in page
    assert "The last full check found nothing" not in page


def test_a_first_check_says_since_when_it_runs_and_that_no_worker_runs_it() -> None:
    signed(3)
    now = clock.now()
    Progress(at=1, size=3, began=now - timedelta(minutes=7)).write()
    assert Progress.read().began == now - timedelta(minutes=7)
    page = text_of(browser_of(ADA).get("/audit/ledger/"))
    assert "33 % of 3 entries so far, since" in page and "7 min ago" in page
    worker_is_away()
    facts = ledger_status.facts()
    assert facts["summary"].startswith("Log signed, not verified yet, checks not running · ")
    assert "The worker, which checks them, has not run since" in facts["title"]
    page = text_of(browser_of(ADA).get("/audit/ledger/"))
    assert "Checks are not running:" in page and "33 % of 3 entries were checked." in page
    assert "still running" not in page


def test_where_no_worker_runs_the_header_says_when_the_log_was_last_verified() -> None:
    signed(3)
    Progress(done=clock.now(), done_size=3, recent=3).write()
    worker_is_away()
    now = clock.now()
    said = f"Log not checked since {now.day} {now:%b} · "
    assert ledger_status.facts()["summary"].startswith(said)


def test_a_log_of_which_many_entries_are_not_verified_yet_is_not_called_verified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_status, "_FEW", 1)
    signed(4)
    now = clock.now()
    said = []
    for recent, found in ((2, 0), (3, 0), (4, 0), (4, 1)):
        Progress(done=now, done_size=2, recent=recent, done_found=found).write()
        header()
        facts = ledger_status.facts()
        said.append(facts["summary"].partition(" · ")[0])
        as_signed = f"{recent} of them verified: the first 2 at " in facts["title"]
        assert as_signed == (recent > 2 and not found), facts["title"]
    assert said[:3] == ["Log verified up to #1", "Log verified", "Log verified"]
    assert "verified" not in said[3]
    VerificationRun.objects.create(state="passed", result={"size": 2}, finished=now)
    Progress(recent=4).write()  # where a worker begins without a round it follows from its end on
    header()
    assert ledger_status.facts()["summary"].startswith("Log verified up to #1 · ")
    worker_is_away()
    assert f"Log verified up to #1 on {now.day} {now:%b} · " in ledger_status.facts()["summary"]


def test_a_check_of_days_ago_is_named_with_its_time() -> None:
    signed(3)
    Progress(done=clock.now() - timedelta(days=30), done_size=3, recent=3).write()
    assert ledger_status.facts()["summary"].startswith("Log last verified ")


def test_an_older_check_does_not_outweigh_a_newer_one_that_failed() -> None:
    signed(3)
    now = clock.now()
    VerificationRun.objects.create(
        state="passed", result={"size": 3}, finished=now - timedelta(hours=1)
    )
    Progress(done=now, done_size=3, done_found=2).write()
    assert header()[:2] == (0, None)
    assert ledger_status.facts()["summary"].startswith("Log signed, the last check failed")


def test_no_age_is_measured_of_a_check_that_covered_no_entry(client: Client) -> None:
    Progress(done=clock.now(), done_size=0).write()
    assert "verified_age" not in text_of(client.get("/metrics"))
    Progress(done=clock.now(), done_size=3).write()
    assert "verified_age" in text_of(client.get("/metrics"))


@pytest.mark.parametrize(("state", "size"), [("passed", 0), ("passed", 5000), ("failed", 3)])
def test_a_verification_counts_where_it_passed_and_covers_this_log(state: str, size: int) -> None:
    """One of the empty log covers nothing, one of more entries was about a log before a restore."""
    signed(3)
    VerificationRun.objects.create(state=state, result={"size": size}, finished=clock.now())
    assert header()[:2] == (0, None)
    Progress(done=clock.now(), done_size=5000, recent=3).write()
    assert header()[:2] == (0, None)


def test_a_round_that_found_something_is_not_said_to_have_verified() -> None:
    signed(2)
    Progress(done=clock.now(), done_size=2, done_found=1).write()
    assert header()[:2] == (0, None)
    page = text_of(browser_of(ADA).get("/audit/ledger/"))
    assert "1 check failed</strong> and is checked again" in page


def test_a_verification_says_up_to_which_entry_and_claims_nothing_of_later_ones() -> None:
    signed(2)
    ada = browser_of(ADA)
    ada.post("/audit/ledger/verify/")
    requested_runs.perform(VerificationRun.objects.get().id)
    signed(5)
    page = text_of(ada.get("/audit/ledger/"))
    assert "Verified up to entry #1</h2>" in page
    assert "every signed checkpoint that is kept is part of the tree" in page
    for claim in ("ever signed", "none is missing", "today's tree", "still refuses"):
        assert claim not in page
