"""Access reviews by `ata`: opened, decided, closed and taken away by whom they are for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.connections.api_house import (
    ADMIN,
    AUDITOR,
    MIA,
    MILO,
    ApiHouse,
)
from tests.connections.review_house import (
    ANEW,
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
