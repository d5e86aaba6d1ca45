"""Access reviews: a frozen list, answers by those who may, and a signed result."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client

from approvals import clock
from approvals.models import Approval
from approvals.perform import Refused, perform
from audit import actions, logkey
from audit.actor import Actor, Target
from audit.clock import uuid7
from audit.ledger import note
from connections import notices
from connections.ibom import signing
from connections.manifests import Declaration
from connections.models import ConnectedAccount, Review, ReviewItem, State, Use
from connections.reviews import remedy, result, rights, scope
from portal.connections_pages import reviews
from tests.connections.conftest import Travel
from tests.connections.visitor import NAMES, know, subject
from tests.identity.trail import events
from tests.support.pages import signed_in

LIST = "/connections/reviews/"
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
NOT_THERE = "5b0e2d9e-6f0a-4c43-9f6c-0a1b2c3d4e5f"
ADMINS: dict[str, Any] = {"reviewers": "admins", "admins": ["admin"]}


def person(who: str, *roles: str) -> Actor:
    return Actor(
        iss=settings.ENV.issuer,
        sub=subject(who),
        roles=frozenset(roles),
        via="web",
        name=NAMES[who],
    )


def admin() -> Actor:
    return person("admin", "admin")


def connected(who: str, connection: str = "github", *scopes: str, **more: Any) -> ConnectedAccount:
    """An account of a person, as reconciling would have found it."""
    now = clock.now()
    return ConnectedAccount.objects.create(
        iss=settings.ENV.issuer,
        sub=subject(who),
        connection=connection,
        auth0_id=f"cac_{uuid4().hex[:16]}",
        label=f"{who}-{connection}",
        scopes=list(scopes or ("read:user",)),
        state_since=now,
        source="management",
        seen_at=now,
        watched_since=now - timedelta(days=10),
        **more,
    )


@pytest.fixture(autouse=True)
def _people(_own_ground: None) -> None:
    know("admin", "admin2", "auditor", "member1", "member2")


@pytest.fixture
def mia(github_mcp: Declaration) -> ConnectedAccount:
    """Mia's GitHub account: a scope too many, and an agent that used it."""
    account = connected("member1", "github", "read:user", "repo", "delete_repo")
    now = clock.now()
    Use.objects.create(
        account=account, agent="claw", skill="mcp:github-mcp", count=3, first=now, last=now
    )
    return account


def opened(by: Actor | None = None, **params: Any) -> Review:
    given = {"title": "Spring", "due": TOMORROW, "reviewers": "owners"} | params
    if "admins" in given:
        given["admins"] = [subject(who) for who in given["admins"]]
    target = Target("review", str(uuid7()))
    perform(by or admin(), "review.open", target, params=given)
    return Review.objects.get(pk=target.name)


def refusal(*args: Any, **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        perform(*args, **more)
    return refused.value.code


def decide(actor: Actor, item: ReviewItem, choice: str, reason: str = "") -> remedy.Decided:
    return remedy.decide(actor, item, choice, reason)


def only(review: Review) -> ReviewItem:
    return review.items.select_related("review").get()


def close(review: Review) -> dict[str, Any]:
    """The result: its signed head, with the accounts that its lines tell."""
    perform(admin(), "review.close", Target("review", str(review.id)))
    review.refresh_from_db()
    head, *lines = map(json.loads, file_of(review))
    assert isinstance(head, dict)
    return head | {"accounts": lines}


def file_of(review: Review) -> list[bytes]:
    """The lines of the result as they are handed out."""
    return "".join(result.text(review)).encode().splitlines(keepends=True)


def path(item: ReviewItem, more: str = "") -> str:
    return f"{LIST}{item.review_id}/{item.id}/{more}"


def test_what_was_reviewed_stays_as_it_was_when_it_opened(mia: ConnectedAccount) -> None:
    review = opened()
    ConnectedAccount.objects.filter(pk=mia.pk).update(scopes=["user"], state=State.SUSPENDED)
    Use.objects.all().delete()
    item = only(review)
    assert (item.scopes, item.excess) == (["read:user", "repo", "delete_repo"], ["delete_repo"])
    assert item.state == "connected"
    assert [(use["agent"], use["count"]) for use in item.uses] == [("claw", 3)]
    assert scope.is_intact(review)


def test_the_opening_event_names_the_digest_and_a_changed_list_shows(mia: ConnectedAccount) -> None:
    review = opened()
    [event] = events("review.opened")
    assert (
        event["data"]["scope_sha256"]
        == review.digest
        == scope.digest(str(review.id), [only(review)])
    )
    assert review.opened_event == event["id"]
    assert actions.sentence(event).endswith("opened the access review “Spring” of 1 accounts")
    ReviewItem.objects.update(excess=[])
    assert not scope.is_intact(review)
    page = signed_in("auditor", "auditor").get(f"{LIST}{review.id}/").content.decode()
    assert "The frozen list was altered." in page
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


def test_an_owner_keeps_with_one_answer(mia: ConnectedAccount) -> None:
    item = only(opened())
    decide(person("member1"), item, "keep")
    assert (item.choice, item.self_review, item.decided_sub) == ("keep", True, subject("member1"))
    [event] = events("review.decided")
    assert item.event == event["id"]
    assert "decided to keep their own GitHub account member1-github" in actions.sentence(event)


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


def test_an_admin_answers_what_is_left_after_the_due_day(
    mia: ConnectedAccount, travel: Travel
) -> None:
    review = opened()
    assert not rights.decidable(admin(), review, clock.now()).exists()
    travel(3 * 86400)
    assert rights.decidable(admin(), review, clock.now()).exists()
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
    assert remedy.states([item])[item.id] == "refused"
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
        remedy.begin(me, read_before)
    assert refused.value.code == "nothing_to_begin"
    mia.refresh_from_db()
    assert (mia.state, events("connection.revoked")) == (State.CONNECTED, [])
    assert only(item.review).operation == ""


def test_reducing_asks_the_owner_and_claims_no_more(mia: ConnectedAccount) -> None:
    review = opened(**ADMINS)
    item = only(review)
    decide(admin(), item, "reduce", "no deletes")
    [notice] = notices.for_person(mia.iss, mia.sub)
    assert (notice.code, notice.reason) == ("reduce", "no deletes")
    page = signed_in("member1").get("/connections/").content.decode()
    assert "asks for fewer permissions on your GitHub connection" in page
    mia.refresh_from_db()
    assert (mia.state, mia.scopes[-1]) == (State.CONNECTED, "delete_repo")
    assert remedy.states([item])[item.id] == "owner asked"
    ConnectedAccount.objects.filter(pk=mia.pk).update(scopes=["repo"])
    assert remedy.states([item])[item.id] == "reduced"


def test_what_has_no_scope_too_many_cannot_be_reduced(github_mcp: Declaration) -> None:
    connected("member1", "github", "repo")
    item = only(opened())
    target = Target("review_item", str(item.id))
    reduce = {"choice": "reduce"}
    assert refusal(person("member1"), "review.decide", target, params=reduce) == "nothing_to_reduce"
    assert "Reduce" not in signed_in("member1").get(path(item)).content.decode()


def test_an_answer_can_be_changed_while_it_is_open(mia: ConnectedAccount) -> None:
    review = opened()
    item = only(review)
    decide(person("member1"), item, "keep")
    decide(person("member1"), item, "reduce")
    assert [e["data"]["earlier"] for e in events("review.decided")] == ["", "keep"]
    assert close(review)["counts"]["reduce"] == 1


def test_the_result_is_signed_and_lists_what_nobody_decided(mia: ConnectedAccount) -> None:
    connected("member2", "slack", "chat:write")
    review = opened()
    decide(person("member1"), review.items.get(sub=mia.sub), "keep", "daily work")
    document = close(review)
    file, key = file_of(review), note.public_key(logkey.seed())
    assert result.verify(file, key)["accounts"]["number"] == 2
    assert document["counts"] == {
        "accounts": 2, "keep": 1, "reduce": 0, "revoke": 0, "undecided": 1,
    }  # fmt: skip
    told = {one["connection"]: one["decision"] for one in document["accounts"]}
    assert told == {"github": "keep", "slack": "undecided"}
    [event] = events("review.closed")
    assert event["data"]["result_sha256"] == hashlib.sha256(b"".join(file)).hexdigest()
    assert actions.sentence(event).endswith("“Spring”: 1 kept, 0 reduced, 0 revoked, 1 undecided")
    kept = file[2].replace(b"undecided", b"keep")
    fewer = file[0].replace(b'"undecided":1', b'"undecided":0')
    for bent in ([*file[:2], kept], file[:2], [file[0], *file[:0:-1]], [fewer, *file[1:]], []):
        with pytest.raises(signing.BadSignature):
            result.verify(bent, key)


def test_nothing_is_decided_after_it_closed(mia: ConnectedAccount) -> None:
    review = opened()
    item = only(review)
    close(review)
    target = Target("review_item", str(item.id))
    keep = {"choice": "keep"}
    assert refusal(person("member1"), "review.decide", target, params=keep) == "review_closed"
    assert refusal(admin(), "review.close", Target("review", str(review.id))) == "review_closed"


@pytest.mark.parametrize("name", ["x", NOT_THERE])
def test_what_is_not_there_is_refused(mia: ConnectedAccount, name: str) -> None:
    keep = {"choice": "keep"}
    item, review = Target("review_item", name), Target("review", name)
    assert refusal(admin(), "review.decide", item, params=keep) == "unknown_item"
    assert refusal(admin(), "review.close", review) == "unknown_review"


def test_auditors_download_the_very_bytes_that_the_event_names(mia: ConnectedAccount) -> None:
    review = opened()
    client = signed_in("auditor", "auditor")
    assert client.get(f"{LIST}{review.id}/result/").status_code == 404
    close(review)
    answer = client.get(f"{LIST}{review.id}/result/")
    assert hashlib.sha256(answer.getvalue()).hexdigest() == review.result_digest
    assert f"access-review-{review.id}.ndjson" in answer["Content-Disposition"]
    assert signed_in("member1").get(f"{LIST}{review.id}/result/").status_code == 403


def test_the_form_counts_before_it_opens(mia: ConnectedAccount) -> None:
    connected("member2", "slack", "chat:write")
    client = signed_in("admin", "admin")
    page = client.get(f"{LIST}new/").content.decode()
    assert "<strong>2 accounts</strong> of 2 people, 2 with more scope" in page
    part = client.get(f"{LIST}new/?connection=slack", HTTP_HX_REQUEST="true").content.decode()
    assert part.startswith("<strong>1 account</strong>") and "<form" not in part
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


def test_what_was_typed_stays_when_nothing_opens(mia: ConnectedAccount) -> None:
    client = signed_in("admin", "admin")
    answer = client.post(f"{LIST}new/", {"title": "Typed at length", "reviewers": "owners"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Typed at length" in page and "Say until which day" in page


def test_a_member_goes_through_theirs_and_sees_no_other(mia: ConnectedAccount) -> None:
    second = connected("member1", "slack", "chat:write")
    other = connected("member2")
    review = opened()
    client = signed_in("member1")
    assert "asks you about 2 accounts" in client.get("/connections/").content.decode()
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
        for act in ("Open a review", "Close and sign", 'name="choice"'):
            assert act not in page
    answer = client.post(path(only(review)), {"choice": "keep"})
    assert answer.status_code == 403
    assert ReviewItem.objects.get().choice == ""


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
    assert "shows here and on My connections" in signed_in("member1").get(LIST).content.decode()


def test_the_page_of_a_large_review_costs_few_queries(
    github_mcp: Declaration, django_assert_max_num_queries: Any
) -> None:
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
    monkeypatch.setattr(reviews, "CHECKED", 0)
    address = f"{LIST}{opened().id}/"
    ReviewItem.objects.update(excess=[])
    client = signed_in("auditor", "auditor")
    page = client.get(address).content.decode()
    assert "Hold the list to it" in page and "as it was frozen" not in page
    assert "The frozen list was altered." in client.get(f"{address}?check=1").content.decode()


def test_a_review_takes_no_more_than_it_can_sign(
    mia: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "MOST", 0)
    with pytest.raises(Refused) as refused:
        opened()
    assert refused.value.code == "too_many"
    assert "too many for one" in signed_in("admin", "admin").get(f"{LIST}new/").content.decode()


def test_counts_never_take_silence_for_an_answer() -> None:
    found = result.count(["keep", "", "", "revoke"])
    assert (found.keep, found.undecided, found.decided) == (1, 2, 2)
