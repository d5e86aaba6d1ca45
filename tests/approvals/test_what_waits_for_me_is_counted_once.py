"""Home, the badge and the list of requests count the same, and the list says what it leaves out."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from approvals import clock
from approvals.models import Approval, Ask, AskState
from approvals.pipeline.service import perform
from approvals.views import inbox
from audit.recording.actors import Target
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.approvals.test_approvals_pages import deny_inferred, text, waiting
from tests.support.pages import signed_in

__all__ = ["waiting"]


def test_home_badge_and_list_count_a_denial_that_waits_for_its_person(waiting: Approval) -> None:
    deny_inferred(waiting)
    oona, others = signed_in("operator2", "operator"), signed_in("operator", "operator")
    listed, home = oona.get("/approvals/"), oona.get("/")
    assert "No request needs your answer, but 1 denial needs your confirmation" in text(listed)
    assert "1 denial needs your confirmation" in text(home)
    assert f'btn-primary" href="/approvals/{waiting.pk}/">Confirm…' in home.content.decode()
    assert badge(oona) == "1"
    for path in ("/approvals/", "/"):
        assert "needs your confirmation" not in text(others.get(path))
    assert badge(others) == "0"


def test_home_leads_with_an_answer_and_names_a_denial_below_it(waiting: Approval) -> None:
    deny_inferred(waiting)
    perform(acting("operator", "operator"), "lamp.block", Target("lamp", "b"), severity="CRITICAL")
    asks = Ask.objects.filter(approval__status="pending")
    asks.update(state=AskState.WAITING, started=clock.now(), due=None)
    oona = signed_in("operator2", "operator")
    home = text(oona.get("/"))
    assert home.index("1 request needs your answer") < home.index("1 denial needs your confirm")
    assert badge(oona) == "2"
    listed = text(oona.get("/approvals/"))
    assert "1 request needs your answer 1 denial needs your confirmation" in listed


def test_the_list_says_how_many_waiting_requests_it_leaves_out_and_links_to_them(
    lamps: Lamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "_MOST_PENDING", 3)
    known("operator2", "operator")
    for n in range(8):
        target = Target("lamp", f"lamp-{n}")
        perform(acting("operator", "operator"), "lamp.block", target, severity="CRITICAL")
    client, seen = signed_in("auditor", "auditor"), []
    address = "/approvals/"
    for more in ("5 more wait and are", "2 more wait and are", ""):
        page = client.get(address).content.decode()
        seen += re.findall(r"(?s)<tr>.*?Block lamp (lamp-\d).*?</tr>", page)
        link = re.search(r'<p class="small">([^<]*) not listed here. <a href="([^"]*)">', page)
        assert (link[1] if link else "") == more
        address = "/approvals/" + link[2].replace("&amp;", "&") if link else ""
    assert seen == [f"lamp-{n}" for n in reversed(range(8))]


def test_an_own_denial_is_listed_however_much_else_waits(
    waiting: Approval, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny_inferred(waiting)
    for n in range(3):
        target = Target("lamp", f"lamp-{n}")
        perform(acting("operator", "operator"), "lamp.block", target, severity="CRITICAL")
    Ask.objects.filter(approval__status="pending").update(person=known("auditor", "auditor"))
    monkeypatch.setattr(inbox, "_MOST_PENDING", 2)
    assert "Confirm…" in text(signed_in("operator2", "operator").get("/approvals/"))


def badge(client: Client) -> str:
    """The number next to Approvals in the menu."""
    page = client.get("/").content.decode()
    found = re.search(r'(?s)href="/approvals/"[^>]*>(.*?)</a>', page)
    assert found
    number = re.search(r"\d+", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<svg.*?</svg>", "", found[1])))
    return number[0] if number else ""
