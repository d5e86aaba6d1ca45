"""What a connection does with undeclared scopes and callers: set by admins, looser by approval."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings as django_settings

from approvals.models import Approval
from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.models import EventRow
from connections.component_manifests import manifest_store
from connections.models import ConnectedAccount, ScopeRule
from connections.scope_escalation import connection_rules
from connections.scope_escalation.connection_rules import Rules, of
from tests.connections.conftest import Travel
from tests.connections.phone import Phone
from tests.connections.tables import everything_stored
from tests.connections.visitor import Gateway, Visitor, know, subject
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant

type Gateways = Callable[[str], Gateway]
type Visitors = Callable[[str], Visitor]

STRICT = {"excess": "refuse", "allow_for_s": "900"}
LOOSE = {"excess": "flag", "anonymous": "1", "allow_for_s": "3600"}


def narrow() -> None:
    """A manifest that declares less than the grant of Olu's account holds."""
    declared = manifest_store.Declaration.model_validate(
        {"connections": [{"connection": "github", "scopes": ["read:user"]}]}
    )
    manifest_store.declare_shipped("mcp", "github-mcp", declared)


def set_rules(**given: object) -> None:
    ScopeRule.objects.update_or_create(
        name="github", defaults={"changed_at": "2026-01-01T00:00:00Z", "changed_by": "x", **given}
    )


def test_a_connection_can_refuse_tokens_with_undeclared_scopes(gateway: Gateways) -> None:
    narrow()
    olu = gateway("operator")
    assert olu.exchange(scopes="read:user").status_code == 200
    set_rules(excess="refuse")
    answer = olu.exchange(scopes="read:user")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_excess")
    assert answer.json()["excess_scopes"] == ["repo"]
    told = EventRow.objects.get(action="scope.escalated")
    assert told.sentence == (
        "Auth0 gave github-mcp a GitHub token with undeclared scopes: repo (denied)"
    )
    assert EventRow.objects.filter(action="token.refused", outcome="denied").count() == 1
    assert '"token_dropped":true' in everything_stored().replace(" ", "")
    account = ConnectedAccount.objects.get(sub=subject("operator"), connection="github")
    assert account.uses.get().count == 1, "a token that was dropped is no use"


def test_a_row_that_was_edited_by_hand_lets_no_undeclared_scope_through(
    gateway: Gateways, visitor: Visitors
) -> None:
    narrow()
    set_rules(excess="whatever", allow_for_s=5)
    answer = gateway("operator").exchange(scopes="read:user")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_excess")
    assert visitor("admin").get("/connections/scopes/").status_code == 200


def test_a_connection_can_take_callers_without_a_manifest(gateway: Gateways) -> None:
    narrow()
    olu = gateway("operator")
    assert olu.exchange(skill="").json()["code"] == "undeclared_caller"
    set_rules(anonymous=True)
    assert olu.exchange(skill="").status_code == 200
    assert olu.exchange(skill="mcp:unheard-of").status_code == 200
    declared = manifest_store.Declaration.model_validate({"connections": []})
    manifest_store.declare_shipped("mcp", "other", declared)
    assert olu.exchange(skill="mcp:other").json()["code"] == "undeclared_caller"


def test_letting_less_through_holds_at_once_and_more_waits(
    visitor: Visitors, portal_tenant: LocalTenant, travel: Travel
) -> None:
    know("admin", "admin2")
    amir = visitor("admin")
    assert amir.post("/connections/scopes/github/", STRICT)["Location"] == "/connections/scopes/"
    assert of("github") == Rules(excess="refuse", anonymous=False, allow_for_s=900)
    approval_page = amir.post("/connections/scopes/github/", LOOSE)["Location"]
    assert of("github") == Rules(excess="refuse", anonymous=False, allow_for_s=900)
    approval = Approval.objects.get()
    assert approval_page == f"/approvals/{approval.id}/"
    assert approval.sentence == (
        "For GitHub: flag tokens with undeclared scopes, give tokens to callers without manifest, "
        "let approved escalations last 1 hour"
    )
    sweep()
    browser = portal_tenant.browser()
    phone = Phone(browser, "admin2")
    phone.pick_up()
    phone.approve(approval)
    travel(6)
    sweep()
    browser.http.close()
    assert of("github") == Rules(excess="flag", anonymous=True, allow_for_s=3600)
    assert EventRow.objects.filter(action="scope.configured").count() == 2


@pytest.mark.parametrize("who", ["admin", "admin2"])
@pytest.mark.parametrize(
    "more", [{"excess": "flag"}, {"anonymous": "1"}, {"allow_for_s": "3600"}], ids=str
)
def test_what_lets_more_through_needs_another_person(
    visitor: Visitors, who: str, more: dict[str, str]
) -> None:
    know("admin", "admin2")
    visitor("admin2").post("/connections/scopes/github/", STRICT)
    visitor(who).post("/connections/scopes/github/", {**STRICT, **more})
    assert of("github") == Rules(excess="refuse", anonymous=False, allow_for_s=900)
    assert Approval.objects.get().rule["approver"] == "another"


def test_no_admin_opens_a_connection_to_undeclared_callers_alone(visitor: Visitors) -> None:
    know("admin", "admin2")
    visitor("admin").post("/connections/scopes/github/", LOOSE)
    assert not connection_rules.of("github").anonymous
    assert Approval.objects.get().rule["approver"] == "another"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"excess": "maybe", "allow_for_s": "900"}, "github"),
        ({"excess": "flag", "allow_for_s": "1"}, "github"),
        ({"excess": "flag", "allow_for_s": "for ever"}, "github"),
        ({"excess": "flag", "allow_for_s": "9" * 5000}, "github"),
        ({}, "github"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    visitor: Visitors, given: dict[str, str], path: str
) -> None:
    amir = visitor("admin")
    assert amir.post(f"/connections/scopes/{path}/", given)["Location"] == "/connections/scopes/"
    assert "Nothing was changed." in amir.get("/connections/scopes/").content.decode()
    assert not ScopeRule.objects.exists()


def test_only_admins_set_rules(visitor: Visitors) -> None:
    for who in ("operator", "auditor", "member1"):
        assert visitor(who).post("/connections/scopes/github/", STRICT).status_code == 403
    amir = visitor("admin")
    assert amir.get("/connections/scopes/github/").status_code == 405
    assert amir.post("/connections/scopes/..x/", STRICT)["Location"] == "/connections/scopes/"
    amir.client.handler.enforce_csrf_checks = True
    assert amir.post("/connections/scopes/github/", STRICT).status_code == 403
    host = django_settings.PORTAL_URL.partition("//")[2]
    amir.client.cookies.clear()
    amir.client.handler.enforce_csrf_checks = False
    answer = amir.client.post("/connections/scopes/github/", STRICT, HTTP_HOST=host)
    assert answer["Location"].startswith("/oidc/authenticate/")
    assert not ScopeRule.objects.exists()


def test_a_declaration_that_gives_more_stands_out(gateway: Gateways) -> None:
    olu = gateway("operator")
    github = {"connections": [{"connection": "github", "scopes": ["read:user", "repo"]}]}
    manifest_store.declare_shipped(
        "mcp", "github-mcp", manifest_store.Declaration.model_validate(github)
    )

    def declare(*scopes: str) -> str:
        body = {"connections": [{"connection": "github", "scopes": list(scopes)}]}
        answer = olu.call("PUT", "/v1/manifests/mcp/github-mcp", body)
        if answer.status_code == 200:
            told = EventRow.objects.get(event=answer.json()["event_id"])
            return SEVERITIES[told.severity]
        assert answer.status_code == 202
        return Approval.objects.get(pk=answer.json()["approval_id"]).severity

    assert declare("read:user") == "LOW"
    assert declare("read:user", "notifications") == "HIGH"
    assert declare("read:user", "notifications", "delete_repo") == "CRITICAL"
    assert declare() == "LOW"
