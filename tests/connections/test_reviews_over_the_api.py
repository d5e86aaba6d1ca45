"""Access reviews over the API: seen, decided and taken away by whom they are for."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.connections.api_house import (
    ADMIN,
    ADMIN2,
    AUDITOR,
    MIA,
    MILO,
    NOT_THERE,
    OPERATOR,
    ApiHouse,
)
from tests.connections.review_house import (
    ANEW,
    LIST,
    accounts,
    by_admins,
    decides,
    door,
    keep,
    of,
    opened,
)

__all__ = ["ANEW"]  # what `place` begins with


def test_each_sees_the_reviews_and_accounts_that_are_for_them(place: ApiHouse) -> None:
    gitlab = opened(place, "GitLab", connection="gitlab")
    everything = opened(place, "Everything")

    def listed(who: str) -> list[tuple[str, int, int]]:
        items = place.said("GET", LIST, who).json()["items"]
        return [(one["id"], one["counts"]["accounts"], one["waits_for_you"]) for one in items]

    for who in (ADMIN, AUDITOR):
        assert listed(who) == [(everything, 3, 0), (gitlab, 1, 0)]
        assert len(accounts(place, everything, who)) == 3
    assert listed(MIA) == [(everything, 2, 2), (gitlab, 1, 1)]
    assert listed(MILO) == [(everything, 1, 1)]
    assert listed(OPERATOR) == []
    assert place.refusal("GET", f"{LIST}/{gitlab}", MILO) == (404, "not_found")
    [milos] = accounts(place, everything, MILO)
    assert (milos["owner"], milos["may_decide"]) == (
        {"iss": place.vault.issuer, "sub": MILO, "name": "Milo Member"},
        True,
    )
    seen = of(accounts(place, everything, AUDITOR), MIA)
    assert (seen["scopes"], seen["excess"]) == (["read:user", "delete_repo"], ["delete_repo"])
    assert (seen["decision"], seen["may_decide"], bool(seen["why_not"])) == (
        "undecided", False, True
    )  # fmt: skip


def test_pages_of_reviews_and_of_accounts_miss_nothing(place: ApiHouse) -> None:
    made = [opened(place, f"No {number}") for number in range(3)]
    first = place.said("GET", f"{LIST}?limit=2", ADMIN).json()
    rest = place.said("GET", f"{LIST}?limit=2&after={first['next']}", ADMIN).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None
    path = f"{LIST}/{made[0]}/accounts"
    first = place.said("GET", f"{path}?limit=2", AUDITOR).json()
    rest = place.said("GET", f"{path}?after={first['next']}", AUDITOR).json()
    assert first["items"] + rest["items"] == accounts(place, made[0], AUDITOR)
    assert ([one["number"] for one in rest["items"]], rest["next"]) == ([3], None)


def test_an_owner_keeps_reduces_and_revokes_with_a_reason(place: ApiHouse) -> None:
    review = opened(place)
    mias = accounts(place, review, MIA)
    github, gitlab = of(mias, MIA), of(mias, MIA, "gitlab")
    done = place.said("POST", door(review, github), MIA, {"decision": "reduce"})
    assert done.status_code == 201, done.text
    assert done.json()["remedy"] == "its owner was asked; the grant is as it was"
    path = door(review, gitlab)
    assert place.refusal("POST", path, MIA, {"decision": "revoke"}) == (409, "reason_needed")
    done = place.said("POST", path, MIA, {"decision": "revoke", "reason": "the job is done"})
    assert done.status_code == 201 and done.json()["refused"] is None, done.text
    told = place.events(action="review.decided")[0]
    assert (told["id"], told["data"]["choice"]) == (done.json()["event_id"], "revoke")
    assert place.events(action="connection.revoked")[0]["operation"] == done.json()["operation"]
    now = of(accounts(place, review, MIA, "?decision=revoke"), MIA, "gitlab")
    assert now["remedy"] == "refused; the deletion at Auth0 is pending"
    assert (now["decided_by"]["sub"], now["reason"]) == (MIA, "the job is done")
    assert place.refusal("POST", path, MIA, keep()) == (409, "already_begun")
    counts = place.said("GET", f"{LIST}/{review}", ADMIN).json()["counts"]
    assert counts == {"accounts": 3, "keep": 0, "reduce": 1, "revoke": 1, "undecided": 1}


def test_a_revocation_by_an_admin_waits_and_is_asked_for_again(place: ApiHouse) -> None:
    review = by_admins(place)
    one = of(accounts(place, review, ADMIN), MIA)
    done = place.said("POST", door(review, one), ADMIN, {"decision": "revoke", "reason": "old"})
    assert done.status_code == 202, done.text
    asked = done.json()
    assert asked["decision"] == "revoke" and asked["event_id"]
    assert place.refusal("POST", door(review, one, "revoke"), ADMIN) == (409, "nothing_to_begin")
    place.said("POST", f"/v1/approvals/{asked['approval_id']}/cancel", ADMIN)
    now = of(accounts(place, review, ADMIN), MIA)
    assert (now["remedy"], now["can_begin"]) == ("the revocation was not approved", True)
    assert not of(accounts(place, review, AUDITOR), MIA)["can_begin"]
    assert place.refusal("POST", door(review, one, "revoke"), AUDITOR) == (403, "not_permitted")
    again = place.said("POST", door(review, one, "revoke"), ADMIN)
    assert again.status_code == 202 and again.json()["approval_id"] != asked["approval_id"]


def test_a_decision_stands_where_its_revocation_is_refused(place: ApiHouse) -> None:
    review = opened(place)
    one = of(accounts(place, review, MIA), MIA)
    place.runs(f"ConnectedAccount.objects.filter(pk={one['connection_id']!r})"
               ".update(state='revoked')")  # fmt: skip
    done = place.said("POST", door(review, one), MIA, {"decision": "revoke", "reason": "x"})
    assert (done.status_code, done.json()["refused"]["code"]) == (201, "nothing_to_do")
    assert of(accounts(place, review, MIA), MIA)["event_id"] == done.json()["event_id"]


@pytest.mark.parametrize("decision", ["keep", "reduce"])
def test_nothing_but_revoke_is_taken_for_an_account_that_was_revoked(
    place: ApiHouse, decision: str
) -> None:
    review = opened(place)
    one = of(accounts(place, review, MIA), MIA)
    place.runs(f"ConnectedAccount.objects.filter(pk={one['connection_id']!r})"
               ".update(state='revoked')")  # fmt: skip
    now = of(accounts(place, review, MIA), MIA)
    assert not now["may_decide"] and "there is nothing to decide" in now["why_not"]
    body = {"decision": decision}
    assert place.refusal("POST", door(review, one), MIA, body) == (409, "already_revoked")
    assert of(accounts(place, review, MIA), MIA)["decision"] == "undecided"


def test_whoever_may_not_decides_nothing(place: ApiHouse) -> None:
    before = [one["id"] for one in place.events(action="access.refused")]
    review, other = by_admins(place), opened(place, "Other")
    one = of(accounts(place, review, ADMIN), MIA)
    path = door(review, one)
    again = door(review, one, "revoke")
    for where in (path, again):
        assert place.refusal("POST", where, "", keep()) == (401, "token_missing")
        assert place.stale("POST", where, ADMIN, keep()) == (401, "token_expired")
        for method in ("GET", "PUT", "DELETE"):
            assert place.refusal(method, where, ADMIN) == (405, "method_not_allowed")
    assert place.refusal("POST", path, AUDITOR, keep()) == (403, "not_permitted")
    for who in (OPERATOR, MILO):  # no account of theirs is in it, or another's
        assert place.refusal("POST", path, who, keep()) == (404, "not_found")
    assert place.refusal("POST", path, ADMIN2, keep("x")) == (409, "not_reviewer")
    assert place.refusal("POST", path, MIA, keep()) == (409, "not_reviewer")
    owners = of(accounts(place, other, ADMIN), MIA)
    assert place.refusal("POST", door(other, owners), ADMIN, keep("x")) == (409, "not_reviewer")
    for bad in (NOT_THERE, owners["id"]):  # none, or of another review
        no = place.refusal("POST", f"{LIST}/{review}/accounts/{bad}/decide", ADMIN, keep())
        assert no == (404, "not_found")
    for bad in (f"{LIST}/x/accounts/{one['id']}/decide", f"{LIST}/{review}/accounts/x/decide"):
        assert place.refusal("POST", bad, ADMIN, keep()) == (422, "invalid_request")
    bodies: tuple[Any, ...] = (
        {},
        {"decision": "maybe"},
        keep("x" * 501),
        {**keep(), "by": MIA},
        [],
    )
    for body in bodies:
        assert place.refusal("POST", path, ADMIN, body) == (422, "invalid_request")
    found = accounts(place, review, ADMIN) + accounts(place, other, ADMIN)
    assert {one["decision"] for one in found} == {"undecided"}
    denied = [e for e in place.events(action="access.refused") if e["id"] not in before]
    assert {MILO, MIA, ADMIN2} <= {one["actor"]["sub"] for one in denied}


def test_whoever_may_not_reads_nothing(place: ApiHouse) -> None:
    review = opened(place)
    for path in (LIST, f"{LIST}/{review}", f"{LIST}/{review}/accounts", f"{LIST}/{review}/result"):
        assert place.refusal("GET", path) == (401, "token_missing")
        assert place.stale("GET", path, AUDITOR) == (401, "token_expired")
        assert place.refusal("POST", path, ADMIN, {}) == (405, "method_not_allowed")
    for tail in ("", "/accounts", "/result"):
        assert place.refusal("GET", f"{LIST}/{NOT_THERE}{tail}", ADMIN) == (404, "not_found")
        assert place.refusal("GET", f"{LIST}/that-one{tail}", ADMIN) == (422, "invalid_request")
    wrong = ("?limit=0", "?after=1", "?after=1-x", f"/{review}/accounts?decision=maybe",
             f"/{review}/accounts?after=-1", f"/{review}/accounts?limit=201")  # fmt: skip
    for query in wrong:
        assert place.refusal("GET", LIST + query, ADMIN) == (422, "invalid_request")


def test_the_signed_result_is_for_admins_and_auditors_once_it_is_closed(place: ApiHouse) -> None:
    review = opened(place)
    path = f"{LIST}/{review}/result"
    assert place.refusal("GET", path, AUDITOR) == (409, "not_closed")
    decides(place, "review.close", review)
    for who in (MIA, OPERATOR):
        assert place.refusal("GET", path, who) == (403, "not_permitted")
    told = place.events(action="review.closed")[0]
    read = len(place.events(action="connection.exported"))
    for who in (ADMIN, AUDITOR):
        answer = place.said("GET", path, who)
        assert hashlib.sha256(answer.content).hexdigest() == told["data"]["result_sha256"]
        newest = place.events(action="connection.exported")[0]
        assert newest["id"] == answer.headers["ATA-Event"]
        assert (newest["actor"]["sub"], newest["target"]["name"]) == (who, review)
        assert newest["data"]["sha256"] == told["data"]["result_sha256"]
        manifest = f"/v1/connections/export/{newest['id']}/manifest"
        assert place.refusal("GET", manifest, who) == (404, "not_found")
    assert place.said("HEAD", path, AUDITOR).status_code in {200, 405}
    assert len(place.events(action="connection.exported")) == read + 2
    head = place.said("GET", f"{LIST}/{review}", AUDITOR).json()
    assert (head["state"], head["closed_event"]) == ("closed", told["id"])
    assert head["result_sha256"] == told["data"]["result_sha256"]
    one = of(accounts(place, review, MIA), MIA)
    assert place.refusal("POST", door(review, one), MIA, keep()) == (409, "review_closed")


def decided(place: ApiHouse) -> list[str]:
    return [one["data"]["choice"] for one in place.events(action="review.decided")]


def test_a_decision_repeated_with_its_key_has_the_same_answer(place: ApiHouse) -> None:
    review, key = opened(place), "one-key"
    mias = accounts(place, review, MIA)
    path, other = door(review, of(mias, MIA)), door(review, of(mias, MIA, "gitlab"))
    before = len(decided(place))
    first = place.said("POST", path, MIA, keep("fine"), key=key)
    assert first.status_code == 201, first.text
    again = place.said("POST", path, MIA, keep("fine"), key=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(decided(place)) == before + 1
    mismatch = (422, "idempotency_mismatch")
    assert place.refusal("POST", path, MIA, keep("else"), key=key) == mismatch
    assert place.refusal("POST", other, MIA, keep("fine"), key=key) == mismatch
    assert place.refusal("POST", path, MIA, keep(), key="k" * 201) == (422, "invalid_request")
    assert len(decided(place)) == before + 1
    # Another person's key is another key, and a refused call leaves its key free.
    milos = door(review, of(accounts(place, review, MILO), MILO))
    gone = {"decision": "revoke"}
    assert place.refusal("POST", milos, MILO, gone, key=key) == (409, "reason_needed")
    assert place.said("POST", milos, MILO, keep(), key=key).status_code == 201


@pytest.mark.parametrize("by", ["owner", "admin"])
def test_a_revocation_repeated_with_its_key_is_asked_for_once(place: ApiHouse, by: str) -> None:
    review, who = (opened(place), MIA) if by == "owner" else (by_admins(place), ADMIN)
    path = door(review, of(accounts(place, review, who), MIA))
    body = {"decision": "revoke", "reason": "old"}
    first = place.said("POST", path, who, body, key=f"of-{by}")
    again = place.said("POST", path, who, body, key=f"of-{by}")
    assert first.status_code == (201 if by == "owner" else 202), first.text
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert place.refusal("POST", path, who, body) == (409, "already_begun")


def test_a_refused_revocation_and_one_asked_for_again_keep_their_answers(place: ApiHouse) -> None:
    review = by_admins(place)
    one = of(accounts(place, review, ADMIN), MIA)
    body = {"decision": "revoke", "reason": "old"}
    asked = place.said("POST", door(review, one), ADMIN, body).json()
    place.said("POST", f"/v1/approvals/{asked['approval_id']}/cancel", ADMIN)
    path = door(review, one, "revoke")
    first = place.said("POST", path, ADMIN, key="again")
    second = place.said("POST", path, ADMIN, key="again")
    assert (first.status_code, first.json()) == (202, second.json())
    assert place.refusal("POST", door(review, one), ADMIN, body, key="again") == (
        422, "idempotency_mismatch"
    )  # fmt: skip
    milos = of(accounts(place, review, ADMIN), MILO)
    gone = f"ConnectedAccount.objects.filter(pk={milos['connection_id']!r})"
    place.runs(f"{gone}.update(state='revoked')")
    told = [place.said("POST", door(review, milos), ADMIN, body, key="gone") for _ in range(2)]
    assert [one.json()["refused"]["code"] for one in told] == ["nothing_to_do"] * 2
    assert told[0].json() == told[1].json()


def test_a_key_whose_call_died_between_decision_and_revocation_takes_it_up(
    place: ApiHouse,
) -> None:
    review = opened(place)
    one = of(accounts(place, review, MIA), MIA)
    body = json.dumps({"decision": "revoke", "reason": "old"}, separators=(",", ":"))
    path = door(review, one)
    place.runs(
        "from approvals import idempotency\nfrom approvals.models import IdempotencyRecord\n"
        f"me = person({MIA!r})\n"
        f"idempotency.begin(me, 'died', 'POST {path}', {body.encode()!r})\n"
        "IdempotencyRecord.objects.filter(key='died').update(created=now - timedelta(minutes=1))\n"
        f"perform(me, 'review.decide', Target('review_item', {one['id']!r}),"
        " params={'choice': 'revoke'}, reason='old')"
    )
    done = place.said("POST", path, MIA, json.loads(body), key="died")
    assert done.status_code == 201 and done.json()["refused"] is None, done.text
    assert done.json()["remedy"] == "refused; the deletion at Auth0 is pending"
