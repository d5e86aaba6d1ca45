"""The page of an event says why a hold stayed, and writes every time in one form."""

from __future__ import annotations

import re
from html import unescape

import pytest

from audit.recording.actors import Target
from audit.recording.record import record
from audit.sequencing import sequencer
from audit.views.event import values_in_words
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, OLU

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_cache")]


def facts(action: str, data: dict[str, str]) -> dict[str, str]:
    """Label and text of each fact on the page of an event with these details."""
    made = record(OLU, action, target=Target("skill", "pdf-exfil", "edge-1"), data=data)
    sequencer.run_once()
    page = text_of(browser_of(ADA).get(f"/audit/events/{made.id}/"))
    found = re.findall(r"(?s)<dt>([^<]+)</dt><dd>(.*?)</dd>", page)
    return {label: unescape(re.sub(r"<[^>]+>", "", text)) for label, text in found}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("intent_differs", "because the stored request differed from the recorded one"),
        ("rule_changed", "because its stored rule differed from the recorded one"),
    ],
)
@pytest.mark.parametrize("action", ["approval.denied", "approval.expired", "approval.cancelled"])
def test_the_page_of_an_event_says_why_a_hold_stayed(action: str, code: str, said: str) -> None:
    assert facts(action, {"hold_kept": code})["Hold"] == f"stayed on hold, {said}"


def test_a_code_of_a_later_version_is_shown_as_it_is() -> None:
    assert facts("approval.denied", {"hold_kept": "new_code"})["Hold"] == "stayed on hold: new_code"


def test_an_event_that_carries_no_reason_says_nothing_of_a_hold() -> None:
    assert "Hold" not in facts("approval.denied", {})


def test_proofs_write_times_as_the_rest_of_the_page() -> None:
    said = values_in_words.plain_dates("signed in, at 2026-12-02 19:41:57 UTC.")
    assert said == "signed in, at 2 Dec 2026 19:41:57 UTC."
    assert values_in_words.plain_dates("at 2026-13-02 19:41:57 UTC") == "at 2026-13-02 19:41:57 UTC"
    assert values_in_words.plain_dates("skill 2026-12-02") == "skill 2026-12-02"
