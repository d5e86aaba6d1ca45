"""A count on one page is explained so that another count elsewhere does not contradict it."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache

from approvals import clock
from approvals.models import Approval
from audit.coverage.requirements import FRAMEWORKS
from enforcement.models import Asset
from enforcement.views import finding_hold_and_decision_lists
from tests.approvals.asking import ask
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.support.pages import signed_in
from tests.ui.test_shell import found

pytestmark = pytest.mark.django_db


def closed(lamps: Lamps, outcome: str, *, inferred: bool = False) -> None:
    """A request that is over while its hold stays."""
    asked = ask(acting("operator", "operator"))
    Approval.objects.filter(pk=asked.pk).update(
        status="closed", outcome=outcome, held=True, inferred=inferred, closed=clock.now()
    )
    for where in ("edge-1", "edge-2"):
        Asset.objects.create(
            kind="skill", name="x", instance=where, holder="h", hold_approval=str(asked.pk)
        )


def page_of(path: str = "/enforcement/") -> str:
    cache.clear()
    return signed_in("operator", "operator").get(path).content.decode()


def test_pages_say_once_and_alike_how_many_holds_stay(lamps: Lamps) -> None:
    known("operator2", "operator")
    closed(lamps, "expired")
    said = "2 on hold although their requests have ended"
    for path in ("/", "/approvals/", "/enforcement/"):
        assert page_of(path).count(said) == 1
    listed = page_of("/enforcement/?list=held")
    assert f'<h1 id="said">{said}</h1>' in listed and listed.count("although") == 1
    assert len(finding_hold_and_decision_lists.held()) == 2
    assert listed.count(">Decide…</a>") == 2, "each row has its step"
    assert (
        ">Decide…</a>"
        not in signed_in("auditor", "auditor").get("/enforcement/?list=held").content.decode()
    )


def test_home_badge_and_lists_count_what_needs_a_decision_alike(lamps: Lamps) -> None:
    known("operator2", "operator")
    closed(lamps, "expired")
    Asset.objects.create(kind="skill", name="by hand", holder="hand", held_at=clock.now())
    for name in ("one", "two"):
        found(name, "HIGH")
    said, hold = "2 components need a decision", "3 on hold, 2 of them although their requests"
    home, inbox = page_of("/"), page_of("/approvals/")
    assert (
        f"<h1>{said}</h1>" in home and f"<h1>No request needs your answer, but {said}</h1>" in inbox
    )
    for page in (home, inbox):
        assert 'btn-primary" href="/enforcement/?list=undecided">Decide…</a>' in page
        assert re.search(r'id="nav-undecided" class="count">2<', page) and hold in page
    assert said in page_of("/enforcement/?list=undecided")
    assert f"{hold} have ended</h1>" in page_of("/enforcement/?list=held")


def test_home_leads_with_holds_that_stay_where_no_component_needs_a_decision(
    lamps: Lamps,
) -> None:
    known("operator2", "operator")
    closed(lamps, "expired")
    Asset.objects.create(kind="skill", name="by hand", holder="hand", held_at=clock.now())
    Asset.objects.filter(instance="edge-2").delete()
    said = "2 on hold, 1 of them although its request has ended"
    assert f"<h1>{said}</h1>" in page_of("/")
    assert f"No request needs your answer, but {said}</h1>" in page_of("/approvals/")


def test_only_operators_read_that_components_need_a_decision_from_them(lamps: Lamps) -> None:
    known("operator2", "operator")
    closed(lamps, "expired")
    found("one", "HIGH")
    for who in ("admin", "auditor"):
        page = signed_in(who, who).get("/approvals/").content.decode()
        assert "<h1>No request needs your answer</h1>" in page and "needs a decision" not in page


def test_a_denial_that_waits_for_its_evidence_is_not_counted_as_nobody_decided(
    lamps: Lamps,
) -> None:
    known("operator2", "operator")
    closed(lamps, "denied", inferred=True)
    assert "although" not in page_of()


def test_an_admin_who_suspends_an_account_acted_with_administrative_access() -> None:
    [wanted] = [r for f in FRAMEWORKS for r in f.requirements if r.number == "10.2.1.2"]
    assert wanted.query is not None
    for action in ("connection.suspended", "connection.resumed", "connection.revoked"):
        assert f"action:{action}" in (wanted.filter or "").split()
    assert "an owner too" in wanted.note


def test_a_verification_that_was_asked_for_is_said_to_be_an_event() -> None:
    [wanted] = [r for f in FRAMEWORKS for r in f.requirements if r.number == "10.3.4"]
    assert "A verification that someone requests is an event." in wanted.note
    assert "action:audit.verified" in (wanted.filter or "").split()


def test_unfinished_lists_requests_too_and_says_so(db: None) -> None:
    shown = signed_in("admin", "admin").get("/connections/remediations/").content.decode()
    assert "Decisions and requests about accounts still waiting for someone" in shown
