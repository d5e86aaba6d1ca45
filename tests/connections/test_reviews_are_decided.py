"""Access reviews: answers by those who may, and what follows from them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording import action_registry
from audit.recording.actors import Target
from connections.access_reviews import remediation, reviewer_permissions
from connections.component_manifests.manifest_store import Declaration
from connections.models import ConnectedAccount, ReviewItem, State
from connections.notifications import notices_on_owner_pages
from tests.accounts.trail import events
from tests.connections.campaign import (
    ADMINS,
    LIST,
    NOT_THERE,
    _people,
    admin,
    close,
    connected,
    decide,
    mia,
    only,
    opened,
    path,
    person,
    refusal,
)
from tests.connections.conftest import Travel
from tests.connections.visitor import subject
from tests.support.pages import signed_in

__all__ = ["_people", "mia"]  # fixtures


def test_an_owner_keeps_with_one_answer(mia: ConnectedAccount) -> None:
    item = only(opened())
    decide(person("member1"), item, "keep")
    assert (item.choice, item.self_review, item.decided_sub) == ("keep", True, subject("member1"))
    [event] = events("review.decided")
    assert item.event == event["id"]
    assert "decided to keep their own GitHub account member1-github" in action_registry.sentence(
        event
    )


@pytest.mark.parametrize(
    ("who", "roles", "code"),
    [
        ("member2", (), "not_permitted"),
        ("auditor", ("auditor",), "not_permitted"),
        ("admin", ("admin",), "not_reviewer"),
    ],
)
def test_nobody_but_the_owner_answers_before_the_due_day(
    mia: ConnectedAccount, who: str, roles: tuple[str, ...], code: str
) -> None:
    target = Target("review_item", str(only(opened()).id))
    assert refusal(person(who, *roles), "review.decide", target, params={"choice": "keep"}) == code
    assert ReviewItem.objects.get().choice == ""


@pytest.mark.parametrize("state", [State.REVOKED, State.GONE, State.REVOCATION_PENDING])
def test_nobody_is_asked_about_an_account_that_was_revoked_meanwhile(
    mia: ConnectedAccount, state: State
) -> None:
    review = opened()
    client, page = signed_in("member1"), path(only(review))
    asked = client.get(f"{LIST}{review.id}/").content.decode()
    assert "<h1>1 account of this review needs your decision</h1>" in asked
    assert 'name="choice"' in client.get(page).content.decode()
    ConnectedAccount.objects.filter(pk=mia.pk).update(state=state)
    found = client.get(page).content.decode()
    assert 'name="choice"' not in found and "there is nothing to decide" in found
    assert "lists it as undecided" in found
    assert not reviewer_permissions.waiting_for(person("member1"), clock.now())
    listed = client.get(f"{LIST}{review.id}/").content.decode()
    assert "revoked meanwhile" in listed and "nothing to decide" in listed
    assert "Decide on" not in listed
    assert "<h1>No account listed here is undecided</h1>" in listed
    [told] = close(review)["accounts"]
    closed = client.get(f"{LIST}{review.id}/").content.decode()
    assert "<h1>Closed with 1 account undecided</h1>" in closed
    assert told["decision"] == "undecided"


def test_what_was_revoked_meanwhile_is_counted_apart_from_what_is_undecided(
    mia: ConnectedAccount,
) -> None:
    connected("member1", "slack")
    review, client = opened(), signed_in("admin", "admin")
    ConnectedAccount.objects.filter(pk=mia.pk).update(state=State.REVOKED)
    page = _words(client.get(f"{LIST}{review.id}/").content.decode())
    assert "1 account of this review is undecided" in page
    assert "1 undecided" in page and "1 revoked meanwhile" in page and "0 of 1" in page
    assert "0 of 1" in _words(client.get(LIST).content.decode()), "the list counts the same"
    assert "2 accounts would be listed as undecided" in page
    assert "1 of them was revoked meanwhile." in page
    left = _words(client.get(f"{LIST}{review.id}/?show=undecided").content.decode())
    gone = _words(client.get(f"{LIST}{review.id}/?show=revoked-meanwhile").content.decode())
    assert "nothing to decide" not in left and "Slack" in left
    assert "nothing to decide" in gone and "Slack" not in gone


def _words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("choice", ["keep", "reduce"])
@pytest.mark.parametrize("state", [State.REVOKED, State.GONE, State.REVOCATION_PENDING])
def test_a_form_from_before_a_revocation_decides_nothing(
    mia: ConnectedAccount, state: State, choice: str
) -> None:
    review = opened()
    item, client = only(review), signed_in("member1")
    ConnectedAccount.objects.filter(pk=mia.pk).update(state=state)
    done = client.post(path(item), {"choice": choice})
    assert done.status_code == 422 and "there is nothing to decide" in done.content.decode()
    [told] = close(review)["accounts"]
    assert told["decision"] == "undecided" and events("review.decided") == []


def test_each_answer_keeps_its_key_whether_or_not_it_can_be_given(mia: ConnectedAccount) -> None:
    page = signed_in("member1").get(path(only(opened()))).content.decode()
    for key in "123":
        assert f'data-key="{key}"' in page


def test_an_admin_answers_what_is_left_after_the_due_day(
    mia: ConnectedAccount, travel: Travel
) -> None:
    review = opened()
    assert not reviewer_permissions.decidable(admin(), review, clock.now()).exists()
    travel(3 * 86400)
    assert reviewer_permissions.decidable(admin(), review, clock.now()).exists()
    item = only(review)
    decide(admin(), item, "keep")
    assert (item.choice, item.self_review) == ("keep", False)
    assert "overdue" in signed_in("admin", "admin").get(LIST).content.decode()


def test_only_a_named_admin_answers_where_admins_review(mia: ConnectedAccount) -> None:
    target = Target("review_item", str(only(opened(**ADMINS)).id))
    keep = {"choice": "keep"}
    assert (
        refusal(person("admin2", "admin"), "review.decide", target, params=keep) == "not_reviewer"
    )
    assert refusal(person("member1"), "review.decide", target, params=keep) == "not_reviewer"
    assert refusal(person("admin"), "review.decide", target, params=keep) == "not_permitted"
    perform(admin(), "review.decide", target, params=keep)


def test_an_admin_gives_a_reason_for_their_own_account_and_it_says_self_review(
    github_mcp: Declaration,
) -> None:
    connected("admin")
    review = opened(**ADMINS)
    target = Target("review_item", str(only(review).id))
    keep = {"choice": "keep"}
    assert refusal(admin(), "review.decide", target, params=keep) == "reason_needed"
    assert refusal(admin(), "review.decide", target, params=keep, reason=" ") == "reason_needed"
    perform(admin(), "review.decide", target, params=keep, reason="release work")
    [told] = close(review)["accounts"]
    assert told["self_review"] is True and told["reason"] == "release work"


def test_an_owner_revokes_at_once_and_says_why(mia: ConnectedAccount) -> None:
    review = opened()
    item = only(review)
    target = Target("review_item", str(item.id))
    revoke = {"choice": "revoke"}
    assert refusal(person("member1"), "review.decide", target, params=revoke) == "reason_needed"
    decide(person("member1"), item, "revoke", "not needed")
    mia.refresh_from_db()
    assert mia.state == State.REVOCATION_PENDING
    [event] = events("connection.revoked")
    assert event["reason"] == "Access review “Spring”: not needed"
    item.refresh_from_db()
    assert item.operation == event["operation"]
    assert remediation.states([item])[item.id] == "refused"
    assert refusal(person("member1"), "review.decide", target, params={"choice": "keep"})


def test_a_revocation_by_an_admin_waits_for_another(mia: ConnectedAccount) -> None:
    review = opened(**ADMINS)
    item = only(review)
    decide(admin(), item, "revoke", "left the team")
    approval = Approval.objects.get()
    assert approval.verb == "connection.revoke" and approval.rule["approver"] == "another"
    item.refresh_from_db()
    assert item.approval == str(approval.id)
    mia.refresh_from_db()
    assert mia.state == State.SUSPENDED
    [told] = close(review)["accounts"]
    assert (told["decision"], told["at_closing"]) == ("revoke", "waits")


def test_the_page_says_where_the_code_of_a_requested_revocation_is(mia: ConnectedAccount) -> None:
    review = opened(**ADMINS)
    client = signed_in("admin", "admin")
    given = {"choice": "revoke", "reason": "left the team"}
    page = client.post(path(only(review)), given, follow=True).content.decode()
    assert "account member1-github. Approvals shows the request and its code." in page


def test_a_revocation_that_did_not_begin_is_begun_later(mia: ConnectedAccount) -> None:
    """As after a crash between the decision and what follows, or a decision over the API."""
    item = only(opened())
    me = person("member1")
    target = Target("review_item", str(item.id))
    perform(me, "review.decide", target, params={"choice": "revoke"}, reason="unused")
    mia.refresh_from_db()
    assert mia.state == State.CONNECTED
    client = signed_in("member1")
    page = client.get(path(item)).content.decode()
    assert "The revocation was not asked for yet." in page and "Ask for the revocation" in page
    assert client.post(path(item, "revoke/")).status_code == 302
    mia.refresh_from_db()
    assert mia.state == State.REVOCATION_PENDING
    assert client.post(path(item, "revoke/")).status_code == 302
    assert len(events("connection.revoked")) == 1


def test_a_revocation_that_was_taken_for_decided_does_not_outlive_the_answer(
    mia: ConnectedAccount,
) -> None:
    item = only(opened())
    me, target = person("member1"), Target("review_item", str(item.id))
    perform(me, "review.decide", target, params={"choice": "revoke"}, reason="unused")
    read_before = only(item.review)
    perform(me, "review.decide", target, params={"choice": "keep"}, reason="used after all")
    with pytest.raises(Refused) as refused:
        remediation.begin(me, read_before)
    assert refused.value.code == "decided_again"
    mia.refresh_from_db()
    assert (mia.state, events("connection.revoked")) == (State.CONNECTED, [])
    assert only(item.review).operation == ""


def test_reducing_asks_the_owner_and_claims_no_more(mia: ConnectedAccount) -> None:
    review = opened(**ADMINS)
    item = only(review)
    decide(admin(), item, "reduce", "no deletes")
    [notice] = notices_on_owner_pages.for_person(mia.iss, mia.sub)
    assert (notice.code, notice.reason) == ("reduce", "no deletes")
    page = signed_in("member1").get("/connections/").content.decode()
    assert "asks for fewer permissions on your GitHub connection" in page
    mia.refresh_from_db()
    assert (mia.state, mia.scopes[-1]) == (State.CONNECTED, "delete_repo")
    assert remediation.states([item])[item.id] == "owner asked"
    ConnectedAccount.objects.filter(pk=mia.pk).update(scopes=["repo"])
    assert remediation.states([item])[item.id] == "reduced"


def test_what_has_no_scope_too_many_cannot_be_reduced(github_mcp: Declaration) -> None:
    connected("member1", "github", "repo")
    item = only(opened())
    target = Target("review_item", str(item.id))
    reduce = {"choice": "reduce"}
    assert refusal(person("member1"), "review.decide", target, params=reduce) == "nothing_to_reduce"
    page = signed_in("member1").get(path(item)).content.decode()
    assert re.search(r'<button [^>]*value="reduce"[^>]* disabled>', page)
    assert "is not offered: manifests need every scope that it has" in page


def test_an_answer_can_be_changed_while_it_is_open(mia: ConnectedAccount) -> None:
    review = opened()
    item = only(review)
    decide(person("member1"), item, "keep")
    decide(person("member1"), item, "reduce")
    assert [e["data"]["earlier"] for e in events("review.decided")] == ["", "keep"]
    assert close(review)["counts"]["reduce"] == 1


@pytest.mark.parametrize("name", ["x", NOT_THERE])
def test_what_is_not_there_is_refused(mia: ConnectedAccount, name: str) -> None:
    keep = {"choice": "keep"}
    item, review = Target("review_item", name), Target("review", name)
    assert refusal(admin(), "review.decide", item, params=keep) == "unknown_item"
    assert refusal(admin(), "review.close", review) == "unknown_review"


def test_a_member_goes_through_theirs_and_sees_no_other(mia: ConnectedAccount) -> None:
    second = connected("member1", "slack", "chat:write")
    other = connected("member2")
    review = opened()
    client = signed_in("member1")
    assert ": 2 accounts need your decision by" in client.get("/connections/").content.decode()
    home = client.get("/").content.decode()
    assert f": 2 accounts need your decision by {review.due.day} {review.due:%b}" in home
    assert f'href="{LIST}{review.id}/next/"' in home
    review.due = clock.now() - timedelta(days=1)
    review.save()
    late = client.get("/connections/").content.decode()
    assert ": 2 accounts need your decision, which was due on" in late
    first = client.get(f"{LIST}{review.id}/next/")["Location"]
    page = client.get(first).content.decode()
    assert "1 of 2" in page and 'data-key="1"' in page and 'data-key="j"' in page
    answer = client.post(first, {"choice": "keep"})
    assert answer["Location"] == path(review.items.get(account=second.id))
    answer = client.post(answer["Location"], {"choice": "keep"})
    assert answer["Location"] == f"{LIST}{review.id}/"
    page = client.get(answer["Location"]).content.decode()
    assert "Milo" not in page and "2 of 2" in page
    assert client.get(path(review.items.get(account=other.id))).status_code == 404


def test_a_reason_that_is_missing_is_asked_for_where_it_is_typed(mia: ConnectedAccount) -> None:
    item = only(opened())
    answer = signed_in("member1").post(path(item), {"choice": "revoke"})
    assert answer.status_code == 422 and "Revoking needs a reason." in answer.content.decode()


@pytest.mark.parametrize("choice", ["", "shrug"])
def test_what_is_no_answer_decides_nothing(mia: ConnectedAccount, choice: str) -> None:
    answer = signed_in("member1").post(path(only(opened())), {"choice": choice})
    assert answer.status_code == 422 and "Choose keep, reduce or revoke." in answer.content.decode()


def test_an_auditor_sees_everything_and_is_offered_no_act(mia: ConnectedAccount) -> None:
    review = opened()
    client = signed_in("auditor", "auditor")
    for address in (LIST, f"{LIST}{review.id}/", path(only(review))):
        page = client.get(address).content.decode()
        assert "Spring" in page
        for act in ("New review", "Close and sign", 'name="choice"'):
            assert act not in page
    answer = client.post(path(only(review)), {"choice": "keep"})
    assert answer.status_code == 403
    assert ReviewItem.objects.get().choice == ""


def test_reviews_of_others_cost_nobody_else_a_query(mia: ConnectedAccount) -> None:
    for _ in range(3):
        opened()
    with CaptureQueriesContext(connection) as asked:
        assert reviewer_permissions.waiting_for(person("auditor", "auditor"), clock.now()) == []
    assert len(asked) == 1
