"""The pages of approvals lead with their answer: what waits, what came of a request, what helps."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from approvals import clock
from approvals.models import Approval, Status
from approvals.pipeline.service import perform
from approvals.policy import policy_in_force
from audit.recording.actors import Target
from connections.access_reviews import reviewer_permissions
from connections.models import Need, Review
from enforcement.models import Asset
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


def need(who: str, connection: str = "github", name: str = "m") -> Need:
    """An account that a person is asked to connect."""
    me = acting(who)
    return Need.objects.create(
        iss=me.iss, sub=me.sub, connection=connection, kind="mcp", name=name, asked_at=clock.now()
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
        ("by=nobody", "No request matches the filter"),
        ("by=olu", "1 request matches the filter"),
        ("by=olu&status=pending", "1 request matches the filter"),
        ("by=olu&status=failed", "No request matches the filter"),
        ("status=failed", "No failed request"),
        ("status=pending", "1 request needs your answer"),
        ("after=lately", "This filter cannot be read"),
    ):
        assert title(client.get(f"/approvals/?{query}")) == said


def test_a_list_of_one_outcome_leads_with_how_many_there_are(waiting: Approval) -> None:
    client = signed_in("auditor", "auditor")
    closed(waiting, "expired")
    assert title(client.get("/approvals/?status=expired")) == "1 expired request"
    other = perform(
        acting("operator", "operator"), "lamp.block", Target("lamp", "other"), severity="CRITICAL"
    )
    assert other.approval and closed(other.approval, "expired")
    assert title(client.get("/approvals/?status=expired")) == "2 expired requests"
    assert title(signed_in("member1").get("/approvals/?status=expired")) == "No expired request"


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
    none = "No request needs your answer"
    assert title(mia.get("/approvals/")) == none
    assert "btn-primary" not in mia.get("/approvals/").content.decode()
    need("member1")
    assert title(mia.get("/approvals/")) == f"{none}, but MCP server m needs your GitHub account"
    assert 'btn-primary" href="/connections/">Connect…' in mia.get("/approvals/").content.decode()
    need("member1", "slack")
    need("member2")
    assert title(mia.get("/approvals/")).endswith(
        "MCP server m needs your GitHub and Slack accounts"
    )
    need("member1", "google-oauth2")
    need("member1", "slack", "other")
    assert title(mia.get("/approvals/")).endswith(
        "2 components need your GitHub, Google and Slack accounts"
    )
    need("member1", "dropbox")
    assert title(mia.get("/approvals/")).endswith("2 components need 4 accounts of yours")


def test_what_else_waits_stands_below_a_request_that_needs_an_answer(waiting: Approval) -> None:
    need("operator2")
    page = signed_in("operator2", "operator").get("/approvals/")
    assert title(page) == "1 request needs your answer"
    assert '<a href="/connections/">MCP server m needs your GitHub account</a>' in (
        page.content.decode()
    )
    assert "btn-primary" not in page.content.decode()


def test_reviews_lead_before_accounts_to_connect(
    lamps: Lamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("member1")
    for left, said in (
        (1, "1 account needs your decision in an access review"),
        (2, "2 accounts need your decision in access reviews"),
    ):
        monkeypatch.setattr(
            reviewer_permissions, "waiting_for", lambda *_, left=left: [(Review(), left)]
        )
        mia = signed_in("member1").get("/approvals/")
        assert title(mia) == f"No request needs your answer, but {said}"
        assert '<a href="/connections/">MCP server m needs' in mia.content.decode()


def test_a_list_that_is_open_learns_what_else_waits_on_home(waiting: Approval) -> None:
    mia = signed_in("member1")
    page = mia.get("/approvals/").content.decode()
    found = re.search(r'id="waiting"[^>]* hx-get="([^"]+)"', page)
    assert found and mia.get(unescape(found[1])).status_code == 204
    need("member1")
    part = mia.get(unescape(found[1])).content.decode()
    assert "MCP server m needs your GitHub account" in part
    assert 'id="requests-actions" hx-swap-oob="true"><a class="btn btn-primary"' in part


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Olu Operator", "Olu Operator"),
        ("You", "“You”"),
        ("A CRITICAL finding (automatic)", "“A CRITICAL finding (automatic)”"),
        ("an agent of yours", "“an agent of yours”"),
    ],
)
def test_a_name_in_the_list_is_in_quotes_only_where_it_could_be_taken_for_words_of_ours(
    waiting: Approval, name: str, shown: str
) -> None:
    closed(waiting, "expired", requester=waiting.requester | {"name": name})
    listed = text(signed_in("auditor", "auditor").get("/approvals/"))
    assert f" {shown} " in listed
    assert (f"“{name}”" in listed) is (shown != name)


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
    assert title(answer) == f"{waiting.sentence}: failed, and the hold stays"
    assert said.count("came once and was lost") == 1 and "answer_lost" not in said
    assert f"{LOST} The hold stays." in said
    assert body.count("btn-primary") == 1
    head = body.partition('id="approval-actions"')[2].partition("</div>")[0]
    assert 'btn-primary" href="/enforcement/skill/pdf-to-text/#decide">' in head
    assert "Ask again…" in head and "Decide about the hold" not in body


def test_a_request_that_nobody_answered_leads_to_its_hold_or_to_the_same_decision(
    waiting: Approval,
) -> None:
    about = {"target_kind": "skill", "target_name": "pdf-to-text", "verb": "skill.block"}
    operator, path = signed_in("operator", "operator"), f"/approvals/{waiting.pk}/"
    for outcome, held, said in (
        ("expired", True, "Decide about the hold…"),
        ("expired", False, "Ask again…"),
        ("cancelled", False, "Ask again…"),
        ("denied", False, ""),
        ("approved", False, ""),
    ):
        closed(waiting, outcome, held=held, **about)
        head = operator.get(path).content.decode().partition('id="approval-actions"')[2]
        main = re.search(r'btn-primary" href="([^"]+)">(?:<svg.*?</svg>)?([^<]+)', head)
        assert (main[2] if main else "") == said
        assert main is None or main[1] == "/enforcement/skill/pdf-to-text/#decide"
    closed(waiting, "expired", held=False, **about)
    assert "Ask again" not in text(signed_in("auditor", "auditor").get(path))


def test_a_block_that_was_approved_is_titled_by_what_agents_can_still_do(
    waiting: Approval,
) -> None:
    about = {"target_kind": "skill", "target_name": "pdf-to-text", "verb": "skill.block"}
    Asset.objects.create(kind="skill", name="pdf-to-text", decision="block")
    closed(waiting, "approved", held=False, **about)
    page = signed_in("operator", "operator").get(f"/approvals/{waiting.pk}/")
    assert title(page).endswith(
        ", but it is not known whether agents can still use it where a copy is installed"
    )
    body = page.content.decode()
    assert body.index("Effect now") < body.index('class="dl facts-approved"')
    assert body.count("btn-primary") == 0 and "View pdf-to-text" in body


def test_an_auditor_reads_the_hold_and_is_offered_no_decision(waiting: Approval) -> None:
    failed(waiting)
    body = signed_in("auditor", "auditor").get(f"/approvals/{waiting.pk}/").content.decode()
    assert "btn-primary" not in body and "View the hold" in body


def test_the_row_of_a_hold_that_stays_leads_operators_to_the_decision(waiting: Approval) -> None:
    failed(waiting)
    link = 'href="/enforcement/skill/pdf-to-text/#decide"'
    assert link in signed_in("operator", "operator").get("/approvals/").content.decode()
    assert link not in signed_in("auditor", "auditor").get("/approvals/").content.decode()


def test_a_request_that_waits_is_titled_by_what_it_waits_for(waiting: Approval) -> None:
    path = f"/approvals/{waiting.pk}/"
    said = f"{waiting.sentence}: sending the request"
    assert title(signed_in("operator", "operator").get(path)) == said
    waiting.asks.update(state="waiting")
    for who, whose in (("operator", "Oona Operator’s"), ("operator2", "your")):
        answer = signed_in(who, "operator").get(path)
        assert title(answer) == f"{waiting.sentence}: waiting for {whose} phone"


def test_the_title_of_an_open_request_gets_its_outcome(waiting: Approval) -> None:
    client, path = signed_in("operator", "operator"), f"/approvals/{waiting.pk}/"
    assert '<h1 id="approval-title">' in client.get(path).content.decode()
    closed(waiting, "expired")
    part = client.get(f"{path}live/?seen=")
    assert '<h1 id="approval-title" hx-swap-oob="true">' in part.content.decode()
    assert (
        title(part)
        == title(client.get(path))
        == (f"{waiting.sentence}: no one answered, and the hold stays")
    )
    assert 'id="approval-actions" class="actions" hx-swap-oob="true"' in part.content.decode()


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
