"""Access reviews open: a list frozen as it was, by those who may."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client

from approvals import clock, people_and_roles
from approvals.errors import Refused
from audit.clock import uuid7
from audit.recording import action_registry
from audit.recording.actors import Target
from connections.access_reviews import frozen_account_list, reminders
from connections.component_manifests.manifest_store import Declaration
from connections.models import ConnectedAccount, Review, ReviewItem, State, Use
from connections.views import access_review_pages
from tests.accounts.trail import events
from tests.connections.campaign import (
    LIST,
    NOT_THERE,
    TOMORROW,
    _people,
    admin,
    close,
    connected,
    mia,
    only,
    opened,
    path,
    person,
    refusal,
)
from tests.connections.visitor import subject
from tests.support.pages import keep_the_shell, signed_in

__all__ = ["_people", "mia"]  # fixtures


def test_what_was_reviewed_stays_as_it_was_when_it_opened(mia: ConnectedAccount) -> None:
    review = opened()
    ConnectedAccount.objects.filter(pk=mia.pk).update(scopes=["user"], state=State.SUSPENDED)
    Use.objects.all().delete()
    item = only(review)
    assert (item.scopes, item.excess) == (["read:user", "repo", "delete_repo"], ["delete_repo"])
    assert item.state == "connected"
    assert [(use["agent"], use["count"]) for use in item.uses] == [("claw", 3)]
    assert frozen_account_list.stands(review).whole


def test_the_opening_event_names_the_digest_and_a_changed_list_shows(mia: ConnectedAccount) -> None:
    review = opened()
    [event] = events("review.opened")
    assert (
        event["data"]["scope_sha256"]
        == review.digest
        == frozen_account_list.digest(str(review.id), [only(review)])
    )
    assert review.opened_event == event["id"]
    assert action_registry.sentence(event).endswith(
        "opened the access review “Spring” of 1 accounts"
    )
    ReviewItem.objects.update(excess=[])
    assert not frozen_account_list.stands(review).whole
    page = signed_in("auditor", "auditor").get(f"{LIST}{review.id}/").content.decode()
    assert "The snapshot was altered." in page
    assert close(review)["scope"] == {"sha256": review.digest, "intact": False}
    assert events("review.closed")[-1]["data"]["scope_intact"] is False


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ({}, "asleep excess idle slack"),
        ({"connection": "slack"}, "slack"),
        ({"state": "suspended"}, "asleep"),
        ({"show": "excess"}, "excess slack"),
        ({"show": "idle"}, "idle"),
        ({"connection": "github", "show": "excess"}, "excess"),
    ],
    ids=str,
)
def test_a_filter_takes_what_it_says(
    github_mcp: Declaration, wanted: dict[str, Any], taken: str
) -> None:
    long_ago = clock.now() - timedelta(days=91)
    names = {
        connected("member1", "github", "delete_repo").id: "excess",
        connected("member1", "github", "repo", last_used_at=long_ago).id: "idle",
        connected("member2", "github", "repo", state=State.SUSPENDED).id: "asleep",
        connected("member2", "slack", "chat:write").id: "slack",
        connected("member2", "slack", "chat:write", state=State.REVOKED).id: "gone",
        connected("member2", "github", state=State.REVOCATION_PENDING).id: "going",
    }
    found = {names[item.account] for item in opened(**wanted).items.all()}
    assert found == set(taken.split())


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"title": " "}, "bad_params"),
        ({"title": "x" * 121}, "bad_params"),
        ({"due": "soon"}, "bad_params"),
        ({"due": "2020-01-01"}, "bad_due"),
        ({"due": "2999-01-01"}, "bad_due"),
        ({"reviewers": "everybody"}, "bad_params"),
        ({"state": "revoked"}, "bad_params"),
        ({"show": "old"}, "bad_params"),
        ({"connection": "nowhere"}, "nothing_to_review"),
        ({"reviewers": "admins"}, "unknown_reviewer"),
        ({"reviewers": "admins", "admins": ["member1"]}, "unknown_reviewer"),
        ({"reviewers": "admins", "admins": ["admin", "auditor"]}, "unknown_reviewer"),
        ({"more": "x"}, "bad_params"),
    ],
    ids=str,
)
def test_what_makes_no_review_opens_none(
    mia: ConnectedAccount, given: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        opened(**given)
    assert refused.value.code == code
    assert not Review.objects.exists() and not events("review.opened")


@pytest.mark.parametrize("name", ["spring", "", NOT_THERE.upper()], ids=["word", "none", "case"])
def test_a_review_is_named_by_a_new_uuid(mia: ConnectedAccount, name: str) -> None:
    params = {"title": "Spring", "due": TOMORROW, "reviewers": "owners"}
    assert refusal(admin(), "review.open", Target("review", name), params=params) == "bad_target"


def test_a_review_cannot_be_opened_twice(mia: ConnectedAccount) -> None:
    target = Target("review", str(opened().id))
    params = {"title": "Again", "due": TOMORROW, "reviewers": "owners"}
    assert refusal(admin(), "review.open", target, params=params) == "already_open"


@pytest.mark.parametrize("roles", [(), ("auditor",), ("operator",)], ids=str)
def test_only_an_admin_opens_and_closes(mia: ConnectedAccount, roles: tuple[str, ...]) -> None:
    review = opened()
    someone = person("auditor", *roles)
    params = {"title": "Mine", "due": TOMORROW, "reviewers": "owners"}
    assert refusal(someone, "review.open", Target("review", str(uuid7())), params=params)
    assert refusal(someone, "review.close", Target("review", str(review.id))) == "not_permitted"
    assert Review.objects.get().closed_at is None


def test_the_form_counts_before_it_opens(mia: ConnectedAccount) -> None:
    connected("member2", "slack", "chat:write")
    client = signed_in("admin", "admin")
    page = client.get(f"{LIST}new/").content.decode()
    assert "<strong>2 accounts</strong> of 2 people, 2 over-privileged" in page
    part = client.get(f"{LIST}new/?connection=slack", HTTP_HX_REQUEST="true").content.decode()
    assert "<strong>1 account</strong>" in part and "<form" not in part
    answer = client.post(f"{LIST}new/", {"do": "count", "connection": "none", "title": "Kept"})
    assert "No account." in answer.content.decode() and "Kept" in answer.content.decode()
    assert not Review.objects.exists()


def test_an_admin_opens_one_on_the_page(mia: ConnectedAccount) -> None:
    client = signed_in("admin", "admin")
    given = {
        "title": "Autumn", "due": TOMORROW, "reviewers": "admins", "admins": [subject("admin2")],
    }  # fmt: skip
    answer = client.post(f"{LIST}new/", given)
    review = Review.objects.get()
    assert answer["Location"] == f"{LIST}{review.id}/"
    assert review.admins == [{"iss": settings.ENV.issuer, "sub": subject("admin2")}]
    page = client.get(answer["Location"]).content.decode()
    assert "Anya Admin" in page and "Decide on" not in page and "Close and sign" in page


def test_an_admin_is_named_by_issuer_and_subject(mia: ConnectedAccount) -> None:
    review = opened(reviewers="admins", admins=["admin2"])
    for issuer, name in (
        ("https://a.example/", "Aaron Other"),
        ("https://zz.example/", "Zoe Other"),
    ):
        people_and_roles.note_person(
            iss=issuer, sub=subject("admin2"), name=name, email="", roles=["admin"]
        )
    page = signed_in("admin", "admin").get(f"{LIST}{review.id}/").content.decode()
    assert "Anya Admin" in page and "Other" not in page


def test_what_was_typed_stays_when_nothing_opens(mia: ConnectedAccount) -> None:
    client = signed_in("admin", "admin")
    answer = client.post(f"{LIST}new/", {"title": "Typed at length", "reviewers": "owners"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Typed at length" in page and "Say until which day" in page


def doors(review: Review) -> dict[str, str]:
    item = only(review)
    return {
        "open": f"{LIST}new/",
        "close": f"{LIST}{review.id}/close/",
        "decide": path(item),
        "revoke": path(item, "revoke/"),
    }


@pytest.mark.parametrize("door", ["open", "close", "decide", "revoke"])
def test_each_door_refuses_whoever_may_not(mia: ConnectedAccount, door: str) -> None:
    address = doors(opened())[door]
    given = {"choice": "keep", "title": "x", "due": TOMORROW, "reviewers": "owners"}
    nobody = Client().post(address, given)
    assert nobody.status_code in {302, 401, 403} and "/oidc/" in nobody.get("Location", "/oidc/")
    forged = signed_in("admin", "admin", csrf=True).post(address, given)
    assert forged.status_code == 403
    assert signed_in("admin", "admin").put(address).status_code == 405
    stranger = signed_in("member2").post(address, given)
    assert stranger.status_code in {403, 404}
    auditor = signed_in("auditor", "auditor").post(address, given)
    assert auditor.status_code == (302 if door == "revoke" else 403)
    assert not events("review.decided") and not events("review.closed")
    assert not events("connection.revoked") and len(events("review.opened")) == 1


@pytest.mark.parametrize("door", ["close", "decide", "revoke"])
def test_a_review_that_is_not_there_is_not_found(mia: ConnectedAccount, door: str) -> None:
    review = opened()
    address = doors(review)[door].replace(str(review.id), str(uuid4()))
    assert signed_in("admin", "admin").post(address, {"choice": "keep"}).status_code == 404


def test_an_item_of_another_review_is_not_found(mia: ConnectedAccount) -> None:
    first, second = opened(), opened()
    address = f"{LIST}{first.id}/{only(second).id}/"
    assert signed_in("admin", "admin").get(address).status_code == 404


def test_nothing_yet_says_so(db: None) -> None:
    assert "No review yet" in signed_in("admin", "admin").get(LIST).content.decode()
    assert (
        "shows here and on My connected accounts" in signed_in("member1").get(LIST).content.decode()
    )


def test_the_page_of_a_large_review_costs_few_queries(
    github_mcp: Declaration, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_the_shell(monkeypatch)
    for n in range(30):
        connected("member1" if n % 2 else "member2", "github", "repo")
    review = opened()
    client = signed_in("auditor", "auditor")
    client.get(f"{LIST}{review.id}/")
    with django_assert_max_num_queries(24):
        assert client.get(f"{LIST}{review.id}/").status_code == 200


def test_a_long_list_is_held_to_its_digest_on_demand(
    mia: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_review_pages, "CHECKED", 0)
    address = f"{LIST}{opened().id}/"
    ReviewItem.objects.update(excess=[])
    client = signed_in("auditor", "auditor")
    page = client.get(address).content.decode()
    assert "Compare with the snapshot" in page and ">unchanged<" not in page
    assert "The snapshot was altered." in client.get(f"{address}?check=1").content.decode()


def test_a_review_takes_no_more_than_it_can_sign(
    mia: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen_account_list, "MOST", 0)
    with pytest.raises(Refused) as refused:
        opened()
    assert refused.value.code == "too_many"
    assert "too many for one" in signed_in("admin", "admin").get(f"{LIST}new/").content.decode()


def offered(query: str, who: str = "admin") -> str:
    """Where the inventory sends whoever wants to review what it shows."""
    page = signed_in(who, who).get(f"/connections/inventory/{query}").content.decode()
    found = re.search(r'href="([^"]*)">Review these…', page)
    return html.unescape(found[1]) if found else ""


def test_the_inventory_hands_its_filter_to_a_review_and_gets_it_back(
    mia: ConnectedAccount,
) -> None:
    connected("member2", "slack", "chat:write")
    for query, many in (("", "2 accounts"), ("?connection=github&show=excess", "1 account")):
        address = offered(query)
        assert address == f"{LIST}new/{query}"
        page = signed_in("admin", "admin").get(address).content.decode()
        assert f"<strong>{many}</strong>" in page
        back = re.search(r'<a href="([^"]*)">See them in the inventory', page)
        assert back and html.unescape(back[1]) == f"/connections/inventory/{query}"
    assert 'value="github" selected' in page and 'value="excess" selected' in page


@pytest.mark.parametrize(
    "query",
    ["?q=mia", "?state=connected&state=asleep", "?state=revoked", "?owner=x", "?source=management"],
)
def test_the_inventory_offers_no_review_of_other_accounts_than_it_shows(
    mia: ConnectedAccount, query: str
) -> None:
    connected("member1", "slack", "chat:write", state=State.REVOKED)
    assert offered(query) == ""


def test_only_who_may_open_a_review_is_offered_one(mia: ConnectedAccount) -> None:
    assert offered("") and not offered("", "auditor")


def test_a_reviewer_who_was_ticked_is_never_dropped_in_silence(mia: ConnectedAccount) -> None:
    given = {"title": "Autumn", "due": TOMORROW, "reviewers": "owners"}
    answer = signed_in("admin", "admin").post(
        f"{LIST}new/", given | {"admins": [subject("admin2")]}
    )
    page = answer.content.decode()
    assert answer.status_code == 422 and not Review.objects.exists()
    assert "You ticked admins and chose each owner" in page
    assert f'value="{subject("admin2")}" checked' in page and "Autumn" in page


def test_a_review_that_opens_with_fewer_accounts_than_its_form_named_says_so(
    mia: ConnectedAccount,
) -> None:
    given = {"title": "Autumn", "due": TOMORROW, "reviewers": "owners", "counted": "3"}
    answer = signed_in("admin", "admin").post(f"{LIST}new/", given, follow=True)
    page = answer.content.decode()
    assert "with 1 account. The form had named 3 accounts" in page


def test_another_use_while_the_list_is_written_is_no_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used, asked, new = (connected("member1", name) for name in ("github", "slack", "jira"))
    now = clock.now()
    for account in (used, asked, new):
        Use.objects.create(account=account, agent="claw", count=1, first=now, last=now)
    plan = reminders.plan

    def meanwhile(review: Review, at: datetime) -> None:
        plan(review, at)
        later = clock.now() + timedelta(hours=2)
        ConnectedAccount.objects.update(last_used_at=later, seen_at=later, failures=3)
        Use.objects.update(count=7, last=later)
        ConnectedAccount.objects.filter(pk=asked.pk).update(scopes=["repo"])
        Use.objects.create(account=new, agent="another", count=1, first=later, last=later)

    monkeypatch.setattr(reminders, "plan", meanwhile)
    review = opened()
    assert set(review.changed) == {str(asked.pk), str(new.pk)}
    [event] = events("review.opened")
    assert event["data"]["changed"] == 2
