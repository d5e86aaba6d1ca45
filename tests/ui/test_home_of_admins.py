"""Home of admins leads with what needs them; what agents can use follows."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.test import Client

from approvals import clock
from connections.access_reviews import reviewer_permissions
from connections.models import Freeze, Review, ReviewItem, State
from connections.status.account_status import EVERYTHING
from enforcement.models import AdministrativeAct, PostureDifference
from tests.approvals.people_of import known
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS
from tests.ui.test_home import NOON, account
from tests.ui.test_shell import found

pytestmark = pytest.mark.usefixtures("house")


def said(client: Client) -> tuple[str, str, str]:
    """The h1 of Home, the line below it and the main action."""
    page = client.get("/").content.decode()
    head = re.search(
        r'(?s)<div id="home-said">(.*?)</div>\s*<div id="home-actions"(.*?)</div>', page
    )
    assert head and page.count("btn-primary") == head[2].count("btn-primary")
    title, _, facts = head[1].partition("</h1>")
    main = re.search(r'btn-primary"[^>]*>(.*?)</a>', head[2])
    return _text(title), _text(facts), _text(main[1]) if main else ""


def _text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


def test_home_leads_with_accounts_whenever_nothing_needs_the_admin() -> None:
    account("member1", State.CONNECTED)
    assert said(signed_in("admin", "admin")) == (
        "Agents can use 1 account of 1 person",
        "",
        "View the accounts",
    )


def test_home_names_people_whose_access_is_frozen_below_its_title() -> None:
    account("member1", State.CONNECTED)
    known("auditor", "auditor")
    for by in ("auth0|amir", "auth0|olu"):
        Freeze.objects.create(kind="person", name=SUBS["auditor"], by=by, since=NOON)
    admin = signed_in("admin", "admin")
    assert said(admin) == (
        "Agents can use 1 account of 1 person",
        "Access to Ada Auditor’s accounts is frozen",
        "View the accounts",
    )
    frozen = admin.get("/connections/freeze/").content.decode()
    assert "<h1>Access to Ada Auditor’s accounts is frozen</h1>" in frozen


def test_home_names_two_people_whose_access_is_frozen_and_counts_more() -> None:
    for who, title in (
        ("auth0|x", "Access to auth0|x’s accounts is frozen"),
        ("auth0|y", "Access to the accounts of auth0|x and auth0|y is frozen"),
        ("auth0|z", "Access to the accounts of 3 people is frozen"),
    ):
        Freeze.objects.create(kind="person", name=who, by="auth0|amir", since=NOON)
        assert said(signed_in("admin", "admin"))[1] == title


def test_home_links_to_what_is_frozen() -> None:
    Freeze.objects.create(kind="person", name=SUBS["auditor"], by="auth0|amir", since=NOON)
    page = signed_in("admin", "admin").get("/").content.decode()
    head = page.partition('<div id="home-said"')[2].partition("</div>")[0]
    assert '<a href="/connections/freeze/">Access to' in head


def test_home_leads_with_components_that_need_a_decision_of_operators() -> None:
    Freeze.objects.create(kind="person", name=SUBS["auditor"], by=SUBS["admin"], since=NOON)
    found("pdf-exfil", "HIGH")
    title, below, action = said(signed_in("admin", "admin"))
    assert (title, action) == ("1 component needs a decision", "View the findings")
    assert f"Access to {SUBS['auditor']}’s accounts is frozen" in below


def test_home_leads_with_changes_that_no_decision_covers() -> None:
    Freeze.objects.create(kind="person", name=SUBS["auditor"], by="auth0|amir", since=NOON)
    for number, title in (
        (1, "1 change at a gateway has no decision: who made it?"),
        (2, "2 changes at gateways have no decision: who made them?"),
    ):
        AdministrativeAct.objects.create(
            event=uuid4(), instance="edge-1", action="skill-unblock", act="unblock", kind="skill",
            name="x", at=NOON, relaxes=True, bypass=uuid4(),
        )  # fmt: skip
        admin = signed_in("admin", "admin")
        assert said(admin)[::2] == (title, "View the changes" if number > 1 else "View the change")
        assert title in _text(admin.get("/enforcement/bypasses/").content.decode())


def test_home_leads_with_gateways_that_are_set_weaker_than_approved() -> None:
    for number, (instance, title) in enumerate(
        (
            ("edge-1", "edge-1 is set weaker than approved"),
            ("edge-2", "2 gateways are set weaker than approved"),
        )
    ):
        for setting, weakens in (("mode", True), ("port", False), (f"other{number}", True)):
            PostureDifference.objects.create(
                instance=instance, setting=setting, expected="a", seen="b", weakens=weakens,
                since=NOON,
            )  # fmt: skip
        assert said(signed_in("admin", "admin"))[::2] == (title, "View the settings")


def test_home_does_not_lead_with_some_people_when_everything_is_frozen() -> None:
    account("member1", State.CONNECTED)
    for kind, name in (("person", SUBS["auditor"]), ("service", EVERYTHING)):
        Freeze.objects.create(kind=kind, name=name, by="auth0|amir", since=NOON)
    assert said(signed_in("admin", "admin")) == (
        "Agents get no new token of any account",
        f"Access to {SUBS['auditor']}’s accounts is frozen",
        "View frozen access",
    )


def test_home_leads_with_reviews_that_need_the_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    Freeze.objects.create(kind="person", name=SUBS["auditor"], by="auth0|amir", since=NOON)
    for left, title in (
        (1, "1 account needs your decision in an access review"),
        (7, "7 accounts need your decision in access reviews"),
    ):
        due = [(Review(), left)]
        monkeypatch.setattr(reviewer_permissions, "waiting_for", lambda *_, due=due: due)
        assert said(signed_in("admin", "admin")) == (
            title,
            "Agents get no new token of any account"
            f" · Access to {SUBS['auditor']}’s accounts is frozen",
            "Decide…",
        )


def test_an_open_review_says_how_far_it_is_and_when_it_is_due() -> None:
    review = Review.objects.create(title="Autumn", opened_at=NOON, due=NOON, digest="d")
    for number, choice in ((1, "keep"), (2, ""), (3, "")):
        ReviewItem.objects.create(
            review=review,
            number=number,
            choice=choice,
            account="00000000-0000-7000-8000-00000000000" + str(number),
            watched_since=clock.now(),
        )
    page = signed_in("auditor", "auditor").get("/").content.decode()
    assert f"1 of 3 decided, was due {NOON.day} {NOON:%b}" in page
