"""A decision that needed an approval names its requester and its approver."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from approvals.models import Approval, Person
from enforcement.models import Asset
from enforcement.views.requester_and_approver import requested_and_approved
from tests.enforcement.answering import approve
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town

PAGE = "/enforcement/skill/expense-mailer/"


@pytest.fixture
def olu_web(town: Town, db: None) -> Client:
    """Olu in a browser; Oona could approve."""
    browser("operator2", "operator", name="Oona Operator")
    return browser("operator", "operator", name="Olu Operator")


def text(client: Client, path: str, **query: str) -> str:
    """A page as people read it."""
    page = client.get(path, query).content.decode()
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def block(client: Client, severity: str) -> None:
    form = {"new": "on", "act": "block", "reason": "odd", "severity": severity}
    client.post(PAGE, form)


def test_a_block_that_another_person_approved_names_both(olu_web: Client) -> None:
    block(olu_web, "CRITICAL")
    approve(Approval.objects.get())
    both = "equested by Olu Operator, recorded as approved by Oona Operator; no proof found"
    assert f"R{both} " in text(olu_web, PAGE) and "Decided by" not in text(olu_web, PAGE)
    assert f"r{both} odd" in text(olu_web, "/enforcement/", list="blocked")


def test_a_block_that_needed_no_approval_names_who_decided(olu_web: Client) -> None:
    block(olu_web, "LOW")
    assert "Decided by Olu Operator" in text(olu_web, PAGE)
    assert "every gateway effect not known Olu Operator odd" in text(
        olu_web, "/enforcement/", list="blocked"
    )


def test_one_who_approved_their_own_request_is_named_once(olu_web: Client) -> None:
    block(olu_web, "CRITICAL")
    approval = approve(Approval.objects.get())
    olu = Person.objects.get(sub=approval.requester_sub)
    approval.asks.update(person=olu)
    row = Asset.objects.get()
    said = "requested and recorded as approved by Olu Operator; no proof found"
    assert requested_and_approved([row]) == {row.pk: said}
