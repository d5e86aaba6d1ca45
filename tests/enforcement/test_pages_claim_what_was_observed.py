"""Enforcement pages: whose answer it is, when it was asked, what an acknowledgement proves."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.html import escape

from approvals.views.policy.policy_page_context import ALWAYS
from enforcement.gateways import decided_and_enforced_state
from enforcement.models import Finding, Watch
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge

Look = Callable[[], int]
Do = Callable[[], None]
PAGE = "/enforcement/skill/notes/"


@pytest.fixture
def olu_web(db: None) -> Client:
    """Olu, an operator, in a browser."""
    return browser("operator", "operator")


def text(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_an_acknowledged_hold_is_not_said_to_stop_a_use(
    edge: Edge, look: Look, olu_web: Client, do_due: Do
) -> None:
    edge.scan("notes", severity="LOW")
    look()
    olu_web.post(PAGE, {"act": "hold", "reason": "odd"})
    do_due()
    shown = text(olu_web, PAGE)
    assert "On hold: the gateway acknowledged it." in shown
    assert "Not stopped for Claude Code: an installed copy can still be used." in shown
    assert escape(decided_and_enforced_state.REACH) in shown
    assert "It does not reach tokens already issued, nor what runs past a gateway" in shown


def test_an_answer_that_this_portals_hold_decides_is_not_called_the_gateways_own_policy(
    edge: Edge, look: Look, olu_web: Client, do_due: Do
) -> None:
    edge.scan("notes", severity="LOW")
    look()
    path = "/enforcement/preview/skill/notes/"
    before = text(olu_web, path)
    assert "What each gateway answers" in before and re.search(r"Asked .*UTC", before)
    assert "own policy" not in before and "counts in this answer" not in before
    olu_web.post(PAGE, {"act": "hold", "reason": "odd"})
    do_due()
    after = text(olu_web, path)
    assert "A decision of this portal counts in this answer: it is on hold there." in after
    assert "own policy" not in text(olu_web, PAGE)


def test_a_gateway_is_said_to_be_set_to_be_read_and_when_it_was(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    look()
    shown = text(olu_web, "/enforcement/fleet/")
    assert re.search(r"Set to be read every 2 seconds\.\s+Last read", re.sub("<[^>]+>", "", shown))
    assert "Read every" not in shown


def test_a_gateway_says_since_when_it_is_read_without_a_break(edge: Edge, look: Look) -> None:
    def watched() -> Watch:
        return Watch.objects.get(name=edge.name)

    look()
    began = watched().read_since
    assert began is not None and began == watched().read_at
    Watch.objects.update(read_at=began + timedelta(seconds=-15))
    look()
    assert watched().read_since == began, "it went on"
    Watch.objects.update(source="the file is not there")
    look()
    again = watched().read_since
    assert again is not None and again > began, "it could not be read in between"
    Watch.objects.update(read_at=again - timedelta(minutes=2))
    look()
    last = watched().read_since
    assert last is not None and last > again, "no worker read it in between"


def test_dismissing_says_that_it_ends_no_hold_and_the_policy_says_by_what_it_counts(
    edge: Edge, look: Look, olu_web: Client
) -> None:
    edge.scan("notes", severity="LOW")
    look()
    finding = Finding.objects.first()
    assert finding is not None
    assert "Neither ends a hold or a block." in text(
        olu_web, f"/enforcement/findings/{finding.pk}/"
    )
    [said] = [one for one in ALWAYS if "What relaxes" in one]
    assert "What relaxes a component" in said
    assert "Dismissing a finding counts as that finding, and ends no hold" in said
