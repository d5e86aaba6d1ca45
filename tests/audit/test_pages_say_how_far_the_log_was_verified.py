"""The header and the ledger page name what was verified, how far, and when; no more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache

from audit import clock
from audit.models import VerificationRun
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import sequencer
from audit.verification import requested_runs
from audit.verification.continuous import Progress
from portal.pages import ledger_status
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA

pytestmark = pytest.mark.django_db


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
    assert "Verified up to #2</h2>" in page
    assert "every signed checkpoint that is kept is part of the tree" in page
    for claim in ("ever signed", "none is missing", "today's tree", "still refuses"):
        assert claim not in page
