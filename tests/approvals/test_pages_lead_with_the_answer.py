"""The pages of approvals lead with their answer: what waits, what came of a request, what helps."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from approvals import clock
from approvals.models import Approval, Status
from approvals.policy import policy_in_force
from connections.models import Need
from tests.approvals.asking import ask
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.approvals.policies import in_force, rule
from tests.approvals.test_approvals_pages import text
from tests.support.pages import signed_in

pytestmark = pytest.mark.django_db


def title(answer: Any) -> str:
    """The h1 of a page, in one line."""
    found = re.search(r"(?s)<h1[^>]*>(.*?)</h1>", answer.content.decode())
    return " ".join(re.sub(r"<[^>]+>", "", found[1]).split()) if found else ""


def need(who: str, connection: str = "github") -> Need:
    """An account that a person is asked to connect."""
    me = acting(who)
    return Need.objects.create(
        iss=me.iss, sub=me.sub, connection=connection, kind="mcp", name="m", asked_at=clock.now()
    )


@pytest.fixture
def waiting(lamps: Lamps) -> Approval:
    known("operator2", "operator")
    return ask(acting("operator", "operator"))


def closed(approval: Approval, outcome: str, **values: Any) -> Approval:
    Approval.objects.filter(pk=approval.pk).update(
        status=Status.CLOSED, outcome=outcome, closed=clock.now(), **values
    )
    approval.refresh_from_db()
    return approval


def test_the_list_leads_with_how_many_requests_need_an_answer(waiting: Approval) -> None:
    assert title(signed_in("operator2", "operator").get("/approvals/")) == (
        "1 request needs your answer"
    )
    assert title(signed_in("operator", "operator").get("/approvals/")) == (
        "No request needs your answer"
    )


def test_a_filter_is_what_the_list_leads_with(waiting: Approval) -> None:
    client = signed_in("operator2", "operator")
    for query, said in (
        ("by=nobody", "Requests that match the filter"),
        ("status=failed", "Failed requests"),
        ("status=pending", "1 request needs your answer"),
        ("after=lately", "This filter cannot be read"),
    ):
        assert title(client.get(f"/approvals/?{query}")) == said


def test_the_filter_is_folded_below_what_waits_until_one_is_set(waiting: Approval) -> None:
    client = signed_in("operator2", "operator")
    plain = client.get("/approvals/").content.decode()
    assert "<details><summary>Filter" in plain
    assert plain.index('id="waiting"') < plain.index("<summary>Filter") < plain.index('id="over"')
    assert (
        "<details open><summary>Filter" in client.get("/approvals/?status=denied").content.decode()
    )


def test_the_title_moves_with_the_list(waiting: Approval) -> None:
    part = signed_in("operator2", "operator").get("/approvals/waiting/?seen=")
    assert '<div id="requests-said" hx-swap-oob="true">' in part.content.decode()
    assert title(part) == "1 request needs your answer"


def test_the_list_names_what_else_waits_on_home(waiting: Approval) -> None:
    mia = signed_in("member1")
    assert "for you</a></p>" not in mia.get("/approvals/").content.decode()
    need("member1")
    assert '<a href="/">1 other thing waits for you</a>' in mia.get("/approvals/").content.decode()
    need("member1", "slack")
    need("member2")
    assert "2 other things wait for you" in text(mia.get("/approvals/"))


def test_a_list_that_is_open_learns_what_else_waits_on_home(waiting: Approval) -> None:
    mia = signed_in("member1")
    page = mia.get("/approvals/").content.decode()
    found = re.search(r'id="waiting"[^>]* hx-get="([^"]+)"', page)
    assert found and mia.get(unescape(found[1])).status_code == 204
    need("member1")
    assert "1 other thing waits for you" in mia.get(unescape(found[1])).content.decode()


def test_how_requests_ended_stands_below_them(waiting: Approval) -> None:
    closed(waiting, "expired")
    body = signed_in("auditor", "auditor").get("/approvals/").content.decode()
    assert body.index("Completed approval requests") < body.index("Last 30 days")


LOST = "Auth0's answer came once and was lost. Nothing was committed; ask again."


def failed(approval: Approval) -> Approval:
    """A request about a skill whose answer was lost, while its hold stays."""
    Approval.objects.filter(pk=approval.pk).update(target_kind="skill", target_name="pdf-to-text")
    approval.asks.update(state="failed", detail=f"answer_lost: {LOST}")
    return closed(approval, "failed", outcome_detail=LOST, outcome_code="answer_lost", held=True)


def test_a_failed_request_says_once_what_came_of_it_and_what_helps(waiting: Approval) -> None:
    failed(waiting)
    answer = signed_in("operator", "operator").get(f"/approvals/{waiting.pk}/")
    said, body = text(answer), answer.content.decode()
    assert title(answer) == f"{waiting.sentence}: failed"
    assert said.count("came once and was lost") == 1 and "answer_lost" not in said
    assert f"{LOST} The hold stays." in said
    assert body.count("btn-primary") == 1
    assert 'btn-primary" href="/enforcement/skill/pdf-to-text/#decide">Decide about the' in body


def test_an_auditor_reads_the_hold_and_is_offered_no_decision(waiting: Approval) -> None:
    failed(waiting)
    body = signed_in("auditor", "auditor").get(f"/approvals/{waiting.pk}/").content.decode()
    assert "btn-primary" not in body and "View the hold" in body


def test_the_row_of_a_hold_that_stays_leads_operators_to_the_decision(waiting: Approval) -> None:
    failed(waiting)
    link = 'href="/enforcement/skill/pdf-to-text/#decide"'
    assert link in signed_in("operator", "operator").get("/approvals/").content.decode()
    assert link not in signed_in("auditor", "auditor").get("/approvals/").content.decode()


def test_a_request_that_waits_is_titled_by_what_it_asks_for(waiting: Approval) -> None:
    answer = signed_in("operator", "operator").get(f"/approvals/{waiting.pk}/")
    assert title(answer) == waiting.sentence


def test_the_title_of_an_open_request_gets_its_outcome(waiting: Approval) -> None:
    client, path = signed_in("operator", "operator"), f"/approvals/{waiting.pk}/"
    assert '<h1 id="approval-title">' in client.get(path).content.decode()
    closed(waiting, "expired")
    part = client.get(f"{path}live/?seen=")
    assert '<h1 id="approval-title" hx-swap-oob="true">' in part.content.decode()
    assert title(part) == title(client.get(path)) == f"{waiting.sentence}: no one answered"


def test_a_version_of_the_policy_says_by_its_name_whether_it_is_in_force(db: None) -> None:
    admin = signed_in("admin", "admin")
    default = f"/approvals/policy/{policy_in_force.default().digest}/"
    assert title(admin.get(default)) == "Default policy is in force"
    assert "The default policy is in force" in text(admin.get("/approvals/policy/"))
    first, second = in_force(rule("first")), in_force(rule("second"))
    assert title(admin.get(default)) == "Default policy is not in force"
    assert title(admin.get(f"/approvals/policy/{first.digest}/")) == "Version 1 is not in force"
    assert title(admin.get(f"/approvals/policy/{second.digest}/")) == "Version 2 is in force"
    undo = admin.get(f"/approvals/policy/review/?from={policy_in_force.default().digest}")
    assert title(undo) == "Back to the default policy?"
