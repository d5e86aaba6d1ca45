"""DEMO stands where the local tenant is the issuer; the policy page names its exceptions."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from approvals import registry
from approvals.models import Approval, Ask, AskState
from approvals.pipeline import final_approval
from approvals.policy import single_decision_dry_run
from approvals.policy.document import DEFAULT, read
from approvals.views.policy import policy_page_context
from tests.approvals.asking import ask
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.support.pages import signed_in
from ui import local_tenant

pytestmark = pytest.mark.django_db


def approved_page(lamps: Lamps) -> str:
    """The page of a request that a phone approved."""
    olu = acting("operator", "operator")
    known("operator2", "operator")
    approval = ask(olu)
    Ask.objects.update(state=AskState.WAITING, started=approval.created)
    one = approval.asks.get()
    final_approval.approve(
        Approval.objects.get(pk=approval.pk), one, acting("operator2", "operator"),
        signed=True, evidence=(),
    )  # fmt: skip
    return signed_in("operator", "operator").get(f"/approvals/{approval.pk}/").content.decode()


@pytest.mark.parametrize("local", [True, False])
def test_what_the_local_tenant_did_is_labelled_demo_and_not_said_of_auth0(
    lamps: Lamps, monkeypatch: pytest.MonkeyPatch, local: bool
) -> None:
    monkeypatch.setattr(local_tenant, "is_local", lambda: local)
    shown = approved_page(lamps)
    by = "DEMO: the local tenant" if local else "Auth0"
    assert f"{by} accepted the push to Oona Operator’s device" in shown
    assert "signature checked" not in shown, "nothing was signed"
    assert ("Auth0 accepted the push" in shown) != local


def test_that_nobody_else_holds_the_role_is_said_where_the_floor_is() -> None:
    [said] = [one for one in policy_page_context.ALWAYS if "No policy can go below that" in one]
    assert "Where no one else holds the role, the one who asks may approve" in said


def test_what_restricts_is_not_said_to_be_undone_where_it_cannot(lamps: Lamps) -> None:
    titles = [group.title for group in policy_page_context.verb_groups()]
    assert "Tightening: at once" in titles and not any("undone" in one for one in titles)
    verb = registry.get("passkey.revoke")
    facts = single_decision_dry_run.make_situation(verb, "HIGH", roles=frozenset({"admin"}))
    tried = single_decision_dry_run.what_if(read(DEFAULT), verb, facts)
    assert tried.why == ("Tightening is immediate; no rule is asked.",)


def test_scope_watch_says_what_is_refused_and_what_a_rule_decides(client: Client) -> None:
    shown = signed_in("admin", "admin").get("/connections/scopes/").content.decode()
    rows = dict(
        re.findall(r'<tr><td class="cell-full">([^<]+)</td><td[^>]*>(.*?)</td></tr>', shown)
    )
    undeclared = rows["For a scope that the component’s manifest does not declare"]
    assert undeclared.startswith("refused until the account’s owner, and then an operator or admin")
    assert rows["Auth0’s token carries more scopes"].startswith(
        "issued and flagged, or dropped, by"
    )


def test_a_stranger_reads_no_more_than_what_every_decision_has(client: Client) -> None:
    shown = client.get("/").content.decode()
    assert "the record says how well each decision is proven" in shown
    assert "it can be proven" not in shown and "without trusting us" not in shown
    assert "An operator who signs alone could show two logs" in shown


def test_exports_and_samples_say_what_they_list(client: Client) -> None:
    auditor = signed_in("auditor", "auditor")
    shown = auditor.get("/audit/exports/").content.decode()
    assert "A file of events is kept for 7 days" in shown and "Every file" not in shown
    assert "audit files and the whole log are not kept here" in shown
    assert "No export is on record yet" in shown and "?action=audit.exported" not in shown
    drawn = auditor.get("/audit/sample/").content.decode()
    assert "None was drawn with exactly this filter." in drawn
    assert "?action=audit.sample_asked" in drawn and "nobody picked" not in drawn
