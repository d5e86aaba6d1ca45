"""Home of admins leads with what needs them; what agents can use follows."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from approvals import clock
from connections.access_reviews import reviewer_permissions
from connections.models import Freeze, Review, ReviewItem, State
from connections.status.account_status import EVERYTHING
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS
from tests.ui.test_home import NOON, account

pytestmark = pytest.mark.usefixtures("house")


def said(client: Client) -> tuple[str, str]:
    """The h1 of Home and the line below it."""
    page = client.get("/").content.decode()
    head = re.search(r'(?s)<div id="home-said">(.*?)</div>', page)
    assert head
    title, _, facts = head[1].partition("</h1>")
    return tuple(" ".join(re.sub(r"<[^>]+>", "", part).split()) for part in (title, facts))  # type: ignore[return-value]


def test_home_leads_with_accounts_whenever_nothing_needs_the_admin() -> None:
    account("member1", State.CONNECTED)
    assert said(signed_in("admin", "admin")) == (
        "Agents can use 1 account of 1 person",
        "View 1 account",
    )


def test_home_leads_with_people_whose_access_is_frozen() -> None:
    account("member1", State.CONNECTED)
    for by in ("auth0|amir", "auth0|olu"):
        Freeze.objects.create(kind="person", name=SUBS["auditor"], by=by, since=NOON)
    assert said(signed_in("admin", "admin")) == (
        "Access of 1 person is frozen",
        "View frozen access · Agents can use 1 account of 1 person",
    )


def test_home_links_to_what_is_frozen_when_it_leads_with_it() -> None:
    Freeze.objects.create(kind="person", name=SUBS["auditor"], by="auth0|amir", since=NOON)
    page = signed_in("admin", "admin").get("/").content.decode()
    head = page.partition('<div id="home-said">')[2].partition("</div>")[0]
    assert 'href="/connections/freeze/"' in head


def test_home_does_not_lead_with_some_people_when_everything_is_frozen() -> None:
    account("member1", State.CONNECTED)
    for kind, name in (("person", SUBS["auditor"]), ("service", EVERYTHING)):
        Freeze.objects.create(kind=kind, name=name, by="auth0|amir", since=NOON)
    assert said(signed_in("admin", "admin")) == (
        "Agents get no new token of any account",
        "Access of 1 person is frozen · View 0 accounts",
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
            "Access of 1 person is frozen · Agents get no new token of any account",
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
