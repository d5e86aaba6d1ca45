"""Access reviews over the API and by `ata`: seen, decided and taken away by whom they are for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

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
    api_house,
)

LIST = "/v1/reviews"
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
ANEW = f"""
from approvals.models import Approval
Approval.objects.all().delete()
ReviewItem.objects.all().delete()
Review.objects.all().delete()
ConnectedAccount.objects.all().delete()
account({MIA!r}, "github", "read:user", "delete_repo")
account({MIA!r}, "gitlab", "read_user")
account({MILO!r}, "github", "read:user")
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHouse]:
    with api_house(tmp_path_factory.mktemp("reviews")) as started:
        yield started


@pytest.fixture
def place(house: ApiHouse) -> ApiHouse:
    """Two accounts of Mia's, one with a scope too many, and one of Milo's."""
    house.runs(ANEW)
    return house


def decides(place: ApiHouse, verb: str, name: str, **params: Any) -> None:
    body = {"verb": verb, "target": {"kind": "review", "name": name}, "params": params}
    done = place.said("POST", "/v1/decisions", ADMIN, body)
    assert done.status_code == 201, done.text


def opened(place: ApiHouse, title: str = "Spring", **params: Any) -> str:
    """The id of a review that owners decide in, or as the parameters say."""
    review = str(uuid4())
    given = {"title": title, "due": TOMORROW, "reviewers": "owners"} | params
    decides(place, "review.open", review, **given)
    return review


def by_admins(place: ApiHouse) -> str:
    return opened(place, reviewers="admins", admins=[ADMIN])


def accounts(place: ApiHouse, review: str, who: str, query: str = "") -> list[dict[str, Any]]:
    answer = place.said("GET", f"{LIST}/{review}/accounts{query}", who)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def door(review: str, one: dict[str, Any], act: str = "decide") -> str:
    return f"{LIST}/{review}/accounts/{one['id']}/{act}"


def of(found: list[dict[str, Any]], sub: str, connection: str = "github") -> dict[str, Any]:
    [one] = [a for a in found if (a["owner"]["sub"], a["connection"]) == (sub, connection)]
    return one


def keep(reason: str = "") -> dict[str, str]:
    return {"decision": "keep", "reason": reason}


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
    assert (done.status_code, done.json()["refused"]["code"]) == (201, "already_revoked")
    assert of(accounts(place, review, MIA), MIA)["event_id"] == done.json()["event_id"]


def test_whoever_may_not_decides_nothing(place: ApiHouse) -> None:
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
    denied = place.events(action="access.refused")
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
    for who in (ADMIN, AUDITOR):
        body = place.said("GET", path, who).content
        assert hashlib.sha256(body).hexdigest() == told["data"]["result_sha256"]
    head = place.said("GET", f"{LIST}/{review}", AUDITOR).json()
    assert (head["state"], head["closed_event"]) == ("closed", told["id"])
    assert head["result_sha256"] == told["data"]["result_sha256"]
    one = of(accounts(place, review, MIA), MIA)
    assert place.refusal("POST", door(review, one), MIA, keep()) == (409, "review_closed")


def test_the_command_line_lists_shows_and_decides(place: ApiHouse, tmp_path: Path) -> None:
    review = opened(place)
    [shown] = place.ata(tmp_path, MIA, "reviews list")["items"]
    assert (shown["id"], shown["waits_for_you"]) == (review, 2)
    plain = place.typed(tmp_path, MIA, "reviews list").stdout.strip().split("\t")
    assert plain[1:] == ["Spring", "open", shown["due"], "0 of 2", "2"]
    body = place.ata(tmp_path, MIA, f"reviews show {review} --limit 1")
    rest = place.ata(tmp_path, MIA, f"reviews show {review} --after {body['next']}")
    mias = body["items"] + rest["items"]
    assert [one["connection"] for one in mias] == ["github", "gitlab"] and body["title"] == "Spring"
    done = place.ata(tmp_path, MIA, f"reviews decide {review} {mias[0]['number']} keep")
    assert (done["status"], done["decision"]) == ("done", "keep")
    left = place.ata(tmp_path, MIA, f"reviews show {review} --decision undecided")["items"]
    assert [one["id"] for one in left] == [mias[1]["id"]]
    words = f"reviews decide {review} {mias[1]['id']} revoke"
    no = place.ata(tmp_path, MIA, words, code=1)
    assert (no["error"]["code"], no["error"]["fix"]) == (
        "reason_needed",
        "Say why with --reason.",
    )
    assert place.ata(tmp_path, MIA, f"{words} --reason over")["refused"] is None
    milos = of(accounts(place, review, ADMIN), MILO)["number"]
    for who, which, code in (
        (AUDITOR, milos, "not_permitted"),
        (ADMIN, milos, "not_reviewer"),
        (MIA, milos, "not_found"),
        (MILO, 99, "not_found"),
    ):
        no = place.ata(tmp_path, who, f"reviews decide {review} {which} keep", code=1)
        assert no["error"]["code"] == code and no["error"]["fix"]
    assert place.typed(tmp_path, MIA, f"reviews decide {review} 1 maybe").returncode == 2


def test_the_command_line_says_where_a_revocation_waits(place: ApiHouse, tmp_path: Path) -> None:
    review = by_admins(place)
    number = of(accounts(place, review, ADMIN), MIA)["number"]
    words = f"reviews decide {review} {number} revoke --reason old --no-wait"
    asked = place.ata(tmp_path, ADMIN, words)
    assert (asked["status"], asked["decision"]) == ("pending", "revoke")
    place.ata(tmp_path, ADMIN, f"approvals cancel {asked['approval_id']}")
    again = place.ata(tmp_path, ADMIN, f"reviews revoke {review} {number} --no-wait")
    assert again["status"] == "pending" and again["approval_id"] != asked["approval_id"]


def test_the_command_line_says_that_a_revocation_was_refused(
    place: ApiHouse, tmp_path: Path
) -> None:
    review = opened(place)
    one = of(accounts(place, review, MILO), MILO)
    gone = f"ConnectedAccount.objects.filter(pk={one['connection_id']!r})"
    place.runs(f"{gone}.update(state='revoked')")
    words = f"reviews decide {review} {one['number']} revoke --reason old"
    assert place.ata(tmp_path, MILO, words, code=1)["refused"]["code"] == "already_revoked"
    plain = place.typed(tmp_path, MILO, words)
    assert "The decision stands, its revocation was refused" in plain.stderr


def test_the_command_line_fetches_the_result(place: ApiHouse, tmp_path: Path) -> None:
    review, path = opened(place), tmp_path / "result.json"
    fetch = f"reviews result {review} --output {path}"
    assert place.ata(tmp_path, AUDITOR, fetch, code=1)["error"]["code"] == "not_closed"
    assert not path.exists()
    decides(place, "review.close", review)
    done = place.ata(tmp_path, AUDITOR, fetch)
    told = place.events(action="review.closed")[0]
    assert (done["sha256"], done["event"]) == (told["data"]["result_sha256"], told["id"])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == done["sha256"]
    assert place.ata(tmp_path, AUDITOR, fetch, code=2)["error"]["code"] == "usage"
    assert place.ata(tmp_path, MIA, f"{fetch} --force", code=1)["error"]["code"] == "not_permitted"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == done["sha256"]
    place.runs(f"Review.objects.filter(pk={review!r}).update(result='{json.dumps({})}')")
    no = place.ata(tmp_path, AUDITOR, f"{fetch} --force", code=1)
    assert no["error"]["code"] == "result_differs"
