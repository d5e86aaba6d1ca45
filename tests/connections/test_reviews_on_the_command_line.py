"""Access reviews by `ata`: opened, decided, closed and taken away by whom they are for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.connections.api_house import (
    ADMIN,
    AUDITOR,
    MIA,
    MILO,
    NOT_THERE,
    ApiHouse,
)
from tests.connections.review_house import (
    ANEW,
    LIST,
    TOMORROW,
    accounts,
    by_admins,
    decides,
    of,
    opened,
)

__all__ = ["ANEW"]  # what `place` begins with


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


def test_the_command_line_says_that_an_account_was_revoked_before(
    place: ApiHouse, tmp_path: Path
) -> None:
    review = opened(place)
    one = of(accounts(place, review, MILO), MILO)
    gone = f"ConnectedAccount.objects.filter(pk={one['connection_id']!r})"
    place.runs(f"{gone}.update(state='revoked')")
    words = f"reviews decide {review} {one['number']} revoke --reason old"
    assert place.ata(tmp_path, MILO, words)["refused"]["code"] == "nothing_to_do"
    plain = place.typed(tmp_path, MILO, words)
    assert "is already revoked" in plain.stdout + plain.stderr


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


def test_the_command_line_opens_a_review_and_closes_it(place: ApiHouse, tmp_path: Path) -> None:
    words = f"reviews open --title Spring --due {TOMORROW}"
    done = place.ata(tmp_path, ADMIN, f"{words} --connection github --show excess --admin me")
    head = done["review"]
    assert (done["status"], head["state"], head["counts"]["accounts"]) == ("done", "open", 1)
    assert head["filter"].startswith("GitHub accounts, those over-privileged")
    told = place.events(action="review.opened")[0]
    assert (told["id"], told["data"]["reviewers"]) == (done["event_id"], "admins")
    assert (told["id"], told["actor"]["sub"]) == (head["opened_event"], ADMIN)
    plain = place.typed(tmp_path, ADMIN, words)
    assert "Opened with 3 accounts" in plain.stdout, plain.stderr
    number = accounts(place, head["id"], ADMIN)[0]["number"]
    place.ata(tmp_path, ADMIN, f"reviews decide {head['id']} {number} keep")
    closed = place.ata(tmp_path, ADMIN, f"reviews close {head['id']}")
    assert closed["review"]["counts"]["keep"] == 1 and closed["review"]["state"] == "closed"
    told = place.events(action="review.closed")[0]
    assert closed["review"]["result_sha256"] == told["data"]["result_sha256"]
    no = place.ata(tmp_path, ADMIN, f"reviews close {head['id']}", code=1)
    assert no["error"]["code"] == "review_closed" and no["error"]["fix"]


@pytest.mark.parametrize(
    ("who", "words", "code"),
    [
        (MIA, "", "not_permitted"),
        (AUDITOR, "", "not_permitted"),
        (ADMIN, "--connection nowhere", "nothing_to_review"),
        (ADMIN, "--due 2020-01-01", "bad_due"),
        (ADMIN, f"--admin {MIA}", "unknown_reviewer"),
    ],
    ids=str,
)
def test_what_opens_no_review_says_why_on_the_command_line(
    place: ApiHouse, tmp_path: Path, who: str, words: str, code: str
) -> None:
    line = f"reviews open --title Spring --due {TOMORROW} {words}"
    no = place.ata(tmp_path, who, line, code=1)
    assert no["error"]["code"] == code and no["error"]["fix"]
    assert place.said("GET", LIST, ADMIN).json()["items"] == []


@pytest.mark.parametrize("words", ["--due soon", "--state revoked", "--show old", "--title"])
def test_what_cannot_be_typed_is_a_usage_error(place: ApiHouse, tmp_path: Path, words: str) -> None:
    line = f"reviews open --title Spring --due {TOMORROW} {words}"
    assert place.typed(tmp_path, ADMIN, line).returncode == 2


def test_only_an_admin_closes_on_the_command_line(place: ApiHouse, tmp_path: Path) -> None:
    review = opened(place)
    for who, which, code in ((MIA, review, "not_permitted"), (ADMIN, NOT_THERE, "unknown_review")):
        no = place.ata(tmp_path, who, f"reviews close {which}", code=1)
        assert no["error"]["code"] == code and no["error"]["fix"]
    assert place.said("GET", f"{LIST}/{review}", ADMIN).json()["state"] == "open"
