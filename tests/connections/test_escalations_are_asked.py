"""A request beyond a manifest: refused now, asked of the owner, then of security, then allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings as django_settings
from django.db import transaction

from approvals import clock
from approvals.models import Approval, Notice, Outcome, Person, Status
from approvals.pipeline import deny_expire_cancel, locks
from approvals.step_up.facts_shown_to_approver import facts
from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.models import EventRow
from connections.component_manifests import manifest_store
from connections.models import Allowance, Attempts, ConnectedAccount, Escalation
from connections.notifications import notices_on_owner_pages
from connections.sync import update_accounts
from tests.connections.conftest import Travel
from tests.connections.phone import Phone
from tests.connections.visitor import Answer, Gateway, Visitor, know, subject
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant

type Gateways = Callable[[str], Gateway]
type Phones = Callable[[str], Phone]

BEYOND = "repo delete_repo"


@pytest.fixture(autouse=True)
def _people(github_mcp: manifest_store.Declaration) -> None:
    know("operator", "admin")


@pytest.fixture
def phone(portal_tenant: LocalTenant) -> Iterator[Phones]:
    """The phone of a person, unlocked."""
    browsers = []

    def of(who: str) -> Phone:
        browsers.append(portal_tenant.browser())
        held = Phone(browsers[-1], who)
        held.pick_up()
        return held

    yield of
    for one in browsers:
        one.http.close()


@pytest.fixture
def mcp(gateway: Gateways) -> Gateway:
    """The gateway of Olu Operator, who owns a GitHub account."""
    return gateway("operator")


def code(answer: Answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def asked(mcp: Gateway, scopes: str = BEYOND) -> Approval:
    answer = mcp.exchange(scopes=scopes)
    assert code(answer) == (403, "scope_escalation_pending"), answer.content
    approval = Approval.objects.get(pk=answer.json()["approval_id"])
    sweep()
    return approval


def settled(approval: Approval, travel: Travel) -> Approval:
    travel(6)
    sweep()
    approval.refresh_from_db()
    return approval


def allowed(mcp: Gateway, phone: Phones, travel: Travel) -> Approval:
    """An escalation that both approved."""
    approval = asked(mcp)
    phone("operator").approve(approval)
    settled(approval, travel)
    sweep()
    phone("admin").approve(approval)
    assert settled(approval, travel).outcome == Outcome.APPROVED, approval.outcome_detail
    return approval


def account() -> ConnectedAccount:
    return ConnectedAccount.objects.get(sub=subject("operator"), connection="github")


def events(action: str) -> list[EventRow]:
    return list(EventRow.objects.filter(action=action).order_by("time"))


def severities() -> list[str]:
    return [SEVERITIES[row.severity] for row in events("scope.escalated")]


def test_the_request_names_exactly_the_escalation(mcp: Gateway) -> None:
    answer = mcp.exchange(scopes="repo delete_repo admin:org")
    assert code(answer) == (403, "scope_escalation_pending")
    assert answer.json()["excess_scopes"] == ["admin:org", "delete_repo"]
    approval = Approval.objects.get(pk=answer.json()["approval_id"])
    assert approval.verb == "scope.grant"
    assert approval.target_name == str(account().id)
    assert {**approval.params, "escalation": ""} == {
        "escalation": "",
        "component": "mcp:github-mcp",
        "scopes": ["admin:org", "delete_repo"],
        "agent": "release-bot",
        "for_s": 3600,
    }
    assert approval.sentence == (
        "Let MCP server github-mcp use “Olu Operator”'s GitHub account for 1 hour: administer "
        "their organisations (admin:org); delete repositories (delete_repo)"
    )
    [asked] = approval.asks.all()
    to_owner = {fact.name: fact.text for fact in facts(approval, asked.person)}
    assert to_owner["reason"] == "Agents cannot give a reason here"
    assert "If you or the next approver do not answer" in to_owner["if_denied"]
    assert to_owner["request"].endswith("then an admin or operator other than you")
    stranger = Person(iss=asked.person.iss, sub="auth0|another")
    to_others = {fact.name: fact.text for fact in facts(approval, asked.person, reader=stranger)}
    assert "If the owner or the next approver does not answer" in to_others["if_denied"]
    [told] = events("scope.escalated")
    assert (told.outcome, told.approval) == ("pending", str(approval.id))
    assert told.sentence == (
        "github-mcp asked GitHub for more than its manifest declares: "
        "admin:org, delete_repo (a person was asked)"
    )
    assert not events("token.exchanged")


def test_the_owner_is_asked_first_and_told_by_letter_and_notice(mcp: Gateway) -> None:
    approval = asked(mcp)
    assert [ask.person.sub for ask in approval.asks.all()] == [subject("operator")]
    assert Notice.objects.filter(ask__approval=approval).count() == 1
    [told] = notices_on_owner_pages.for_person(account().iss, account().sub)
    assert (told.code, told.by, told.reason) == (
        "scope_asked", "github-mcp (release-bot)", "delete_repo",
    )  # fmt: skip


def test_both_approve_and_the_broker_allows_it_until_it_expires(
    mcp: Gateway, phone: Phones, travel: Travel
) -> None:
    approval = asked(mcp)
    phone("operator").approve(approval)
    assert settled(approval, travel).outcome == ""
    assert [ask.person.sub for ask in approval.asks.order_by("number")] == [
        subject("operator"),
        subject("admin"),
    ]
    assert code(mcp.exchange(scopes=BEYOND)) == (403, "scope_escalation_pending")
    sweep()
    phone("admin").approve(approval)
    assert settled(approval, travel).outcome == Outcome.APPROVED, approval.outcome_detail
    [granted] = events("scope.granted")
    assert granted.sentence == (
        "Olu Operator gave github-mcp delete_repo on their own GitHub connection"
    )
    assert mcp.exchange(scopes=BEYOND).status_code == 200
    assert mcp.exchange(scopes="repo delete_repo admin:org").json()["excess_scopes"] == [
        "admin:org"
    ]
    travel(3601)
    answer = mcp.exchange(scopes=BEYOND)
    assert answer.json()["approval_id"] != str(approval.id)
    assert code(answer) == (403, "scope_escalation_pending")


@pytest.mark.parametrize("who", ["operator", "admin"])
def test_a_denial_by_either_ends_it_and_nobody_is_asked_again_for_a_day(
    mcp: Gateway, phone: Phones, travel: Travel, who: str
) -> None:
    approval = asked(mcp)
    if who == "admin":
        phone("operator").approve(approval)
        settled(approval, travel)
        sweep()
    phone(who).deny(approval)
    assert settled(approval, travel).outcome == Outcome.DENIED
    for scopes in (BEYOND, "delete_repo admin:org"):
        answer = mcp.exchange(scopes=scopes)
        assert code(answer) == (403, "scope_not_declared")
        assert "no one is asked again before" in answer.json()["detail"]
    assert Approval.objects.count() == 1
    assert not Allowance.objects.exists()
    travel(24 * 3600 + 60)
    assert code(mcp.exchange(scopes=BEYOND)) == (403, "scope_escalation_pending")


@pytest.mark.parametrize(
    ("denied", "wanted", "answered"),
    [
        ("read:org", "admin:org", "scope_not_declared"),
        ("read:org", "admin:org gist", "scope_not_declared"),
        ("read:org", "gist", "scope_escalation_pending"),
        ("admin:org", "read:org", "scope_escalation_pending"),
    ],
)
def test_nobody_is_asked_for_a_day_for_what_contains_what_was_denied(
    mcp: Gateway, denied: str, wanted: str, answered: str
) -> None:
    approval = asked(mcp, denied)
    with transaction.atomic():
        ask = approval.asks.get()
        deny_expire_cancel.deny(
            locks.locked(approval.pk), ask, ask.person.as_actor(via="web"),
            inferred=False, source="a test", now=ask.expires_at,
        )  # fmt: skip
    assert code(mcp.exchange(scopes=wanted)) == (403, answered)


def test_silence_of_the_owner_ends_it_without_asking_security(mcp: Gateway, travel: Travel) -> None:
    approval = asked(mcp)
    travel(400)
    sweep()
    approval.refresh_from_db()
    assert approval.outcome == Outcome.EXPIRED
    assert approval.asks.count() == 1


def test_the_same_thing_is_asked_once_however_often_it_is_tried(mcp: Gateway) -> None:
    first = asked(mcp)
    for _ in range(4):
        assert mcp.exchange(scopes=BEYOND).json()["approval_id"] == str(first.id)
    assert Approval.objects.count() == 1
    assert Escalation.objects.get().attempts == 5
    assert severities() == ["HIGH", "HIGH", "HIGH", "HIGH", "CRITICAL"]
    codes = [n.code for n in notices_on_owner_pages.for_person(account().iss, account().sub)]
    assert codes == ["scope_repeated", "scope_asked"]


def test_few_new_requests_an_hour_are_made_for_one_component(mcp: Gateway, travel: Travel) -> None:
    for scope in ("notifications", "gist", "read:org"):
        asked(mcp, scope)
    answer = mcp.exchange(scopes="read:project")
    assert code(answer) == (429, "asked_too_often")
    assert "Auth0" not in answer.json()["detail"]
    assert "Auth0" not in events("token.refused")[-1].sentence
    assert 3500 < int(answer["Retry-After"]) <= 3600
    assert severities() == ["MEDIUM", "MEDIUM", "HIGH", "HIGH"]
    assert len(Attempts.objects.get().asks) == 3
    travel(3601)
    assert code(mcp.exchange(scopes="read:project")) == (403, "scope_escalation_pending")


def test_a_request_that_was_withdrawn_counts_also_when_it_is_asked_for_over_the_api(
    mcp: Gateway,
) -> None:
    params = asked(mcp, "gist").params
    grant = {
        "verb": "scope.grant",
        "target": {"kind": "connection", "name": str(account().id)},
        "params": params,
    }
    for _ in range(2):
        waiting = Approval.objects.get(status=Status.PENDING)
        assert mcp.call("POST", f"/v1/approvals/{waiting.id}/cancel", {}).status_code == 200
        assert mcp.call("POST", "/v1/decisions", grant).status_code == 202
    assert mcp.call("POST", "/v1/decisions", grant).status_code == 202, "the one that waits"
    waiting = Approval.objects.get(status=Status.PENDING)
    assert mcp.call("POST", f"/v1/approvals/{waiting.id}/cancel", {}).status_code == 200
    answer = mcp.call("POST", "/v1/decisions", grant)
    assert code(answer) == (429, "asked_too_often")
    assert 3500 < int(answer["Retry-After"]) <= 3600
    assert Approval.objects.count() == 3


def test_one_person_is_asked_about_all_components_only_so_often(mcp: Gateway) -> None:
    now = clock.now().timestamp()
    for name in ("a", "b", "c", "d"):
        Attempts.objects.create(
            iss=django_settings.ENV.issuer, sub=subject("operator"), kind="mcp", name=name,
            asks=[now - 60] * 3,
        )  # fmt: skip
    assert code(mcp.exchange(scopes=BEYOND)) == (429, "asked_too_often")
    assert not Approval.objects.exists()


def test_the_owner_takes_an_allowance_back_at_once(
    mcp: Gateway, phone: Phones, travel: Travel
) -> None:
    allowed(mcp, phone, travel)
    made = Allowance.objects.get()
    listed = mcp.call("GET", f"/v1/connections/{account().id}").json()["allowances"]
    assert [(one["id"], one["component"], one["scopes"]) for one in listed] == [
        (str(made.id), "mcp:github-mcp", ["delete_repo"])
    ]
    body = {
        "verb": "scope.withdraw",
        "target": {"kind": "connection", "name": str(account().id)},
        "params": {"allowance": str(made.id)},
    }
    answer = mcp.call("POST", "/v1/decisions", body)
    assert answer.status_code == 201, answer.content
    assert code(mcp.exchange(scopes=BEYOND)) == (403, "scope_not_declared")
    assert mcp.call("POST", "/v1/decisions", body).json()["code"] == "already_over"
    assert events("scope.withdrawn")[0].sentence == (
        "Olu Operator withdrew delete_repo of github-mcp on their own GitHub connection"
    )


def test_what_was_approved_must_still_be_true(mcp: Gateway, phone: Phones, travel: Travel) -> None:
    approval = asked(mcp)
    wider = manifest_store.Declaration.model_validate(
        {"connections": [{"connection": "github", "scopes": ["repo"]}]}
    )
    manifest_store.declare_shipped("mcp", "github-mcp", wider)
    phone("operator").approve(approval)
    assert settled(approval, travel).outcome == Outcome.FAILED
    assert approval.outcome_code == "state_changed"
    assert approval.asks.count() == 1, "nobody else is asked to approve in vain"
    assert not Allowance.objects.exists()


def test_a_request_about_an_account_that_a_sync_finds_gone_ends_at_once(mcp: Gateway) -> None:
    approval = asked(mcp)
    assert update_accounts.vanished(account(), "it is not listed any more")
    approval.refresh_from_db()
    assert (approval.outcome, approval.outcome_code) == (Outcome.FAILED, "target_gone")
    assert "Auth0 no longer holds this account" in approval.outcome_detail


def test_nothing_can_be_granted_that_was_not_tried(mcp: Gateway) -> None:
    approval = asked(mcp)
    for change in (
        {"scopes": ["admin:org"]},
        {"component": "mcp:other"},
        {"escalation": "x"},
    ):
        answer = mcp.call(
            "POST",
            "/v1/decisions",
            {
                "verb": "scope.grant",
                "target": {"kind": "connection", "name": approval.target_name},
                "params": {**approval.params, **change},
            },
        )
        assert answer.json()["code"] == "unknown_escalation"
    longer = {**approval.params, "for_s": 7200}
    answer = mcp.call(
        "POST",
        "/v1/decisions",
        {
            "verb": "scope.grant",
            "target": {"kind": "connection", "name": approval.target_name},
            "params": longer,
        },
    )
    assert answer.json()["code"] == "too_long"


def test_a_blocked_component_causes_no_request(mcp: Gateway) -> None:
    from connections.component_manifests import enforcement_decision_hook

    enforcement_decision_hook.answer_with(
        lambda several: dict.fromkeys(several, enforcement_decision_hook.BLOCK)
    )
    assert code(mcp.exchange(scopes=BEYOND)) == (403, "mcp_blocked")
    assert not Approval.objects.exists()


def test_alone_with_the_role_the_owners_approval_is_enough_and_labelled(
    mcp: Gateway, phone: Phones, travel: Travel
) -> None:
    from approvals.models import Person

    Person.objects.exclude(sub=subject("operator")).update(roles=[])
    approval = asked(mcp)
    assert approval.single_person
    phone("operator").approve(approval)
    assert settled(approval, travel).outcome == Outcome.APPROVED
    assert mcp.exchange(scopes=BEYOND).status_code == 200


def test_the_request_says_in_plain_words_what_would_be_allowed(
    mcp: Gateway, visitor: Callable[[str], Visitor]
) -> None:
    approval = asked(mcp)
    page = visitor("operator").get(f"/approvals/{approval.id}/").content.decode()
    assert "For 1 hour the portal would let" in page
    assert "delete repositories" in page
    assert "It was asked for by release-bot, as its gateway said; that is not proven." in page
    assert "release-bot (name not proven), an agent of “Olu Operator”" in page
    assert "at the broker" in page


def test_what_is_allowed_and_tried_is_on_the_owners_page_and_ends_there(
    mcp: Gateway, phone: Phones, travel: Travel, visitor: Callable[[str], Visitor]
) -> None:
    allowed(mcp, phone, travel)
    olu = visitor("operator")
    path = f"/connections/{account().id}/"
    page = olu.get(path).content.decode()
    assert "Allowed beyond manifests" in page
    assert "Requests beyond the declared scopes" in page
    ending = f"{path}allowances/{Allowance.objects.get().id}/withdraw/"
    assert re.search(rf'action="{ending}"><input type="hidden" name="csrfmiddlewaretoken"', page)
    assert "github-mcp (release-bot) asked for more than it declares on your GitHub connection" in (
        olu.get("/connections/").content.decode()
    )
    milo = visitor("member2")
    assert milo.post(ending).status_code == 404
    assert olu.get(ending).status_code == 405
    assert olu.post(f"{path}allowances/{account().id}/withdraw/").status_code == 404
    assert Allowance.objects.get().ended_at is None
    assert olu.post(ending)["Location"] == path
    assert Allowance.objects.get().ended_at is not None
    assert code(mcp.exchange(scopes=BEYOND)) == (403, "scope_not_declared")


def test_everybody_who_watches_sees_them_and_members_do_not(
    mcp: Gateway, visitor: Callable[[str], Visitor]
) -> None:
    asked(mcp)
    for who in ("operator", "auditor", "admin"):
        page = visitor(who).get("/connections/scopes/").content.decode()
        assert "Let MCP server github-mcp use" in page
        assert "Waiting for an approval" in page
        assert ("Allow undeclared components" in page) == (who == "admin")
    assert visitor("member1").get("/connections/scopes/").status_code == 403
    assert "github-mcp asked to delete repositories" in (visitor("admin").get("/").content.decode())
