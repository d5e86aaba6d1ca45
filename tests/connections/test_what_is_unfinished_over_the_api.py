"""What is not finished, over the API and by `ata`: page by page, and tried again by admins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.connections.api_house import (
    ADMIN,
    AUDITOR,
    MIA,
    NOT_THERE,
    OPERATOR,
    ApiHouse,
)

LIST = "/v1/connections/unfinished"
EVERY = f"""
import json
from approvals.models import Effect
def step(row, kind, state, at):
    return Effect.objects.create(
        id=uuid7(), kind=kind, verb="connection.revoke", event="connection.revoked",
        operation="op", target_kind="connection", target_name=str(row.id), label="End sessions",
        payload={{"account": str(row.id), "connection": "github", "operation": "op"}}, state=state,
        attempts=40, created=at, updated=at, due=None if state == "failed" else at)
first = account({MIA!r}, state="revocation_pending")
second = account({MIA!r}, "gitlab", state="revocation_pending")
ConnectedAccount.objects.update(state_since=now)
review = Review.objects.create(title="Spring", reviewers="owners", due=now, digest="0" * 64,
                               opened_at=now)
ReviewItem.objects.create(
    review=review, number=1, account=account({MIA!r}, "slack").id, iss=iss, sub={MIA!r},
    connection="slack", state="connected", watched_since=now, choice="revoke", decided_at=now)
print(json.dumps([str(step(first, "auth0.end_access", "failed", now).pk),
                  str(step(second, "auth0.end_access", "pending", now - timedelta(days=1)).pk)]))
"""


@pytest.fixture
def steps(place: ApiHouse) -> list[str]:
    """Five things of three kinds, four of them of one moment; the ids of the two remote steps."""
    return list(place.runs(EVERY))


def listed(place: ApiHouse, limit: int, who: str = ADMIN) -> list[dict[str, Any]]:
    """All of it, page by page."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        body = place.said("GET", f"{LIST}?limit={limit}{after}", who).json()
        assert len(body["items"]) <= limit
        found += body["items"]
        if body["next"] is None:
            return found
        after = f"&after={body['next']}"


def states_of(place: ApiHouse) -> dict[str, str]:
    return dict(
        place.runs(
            "import json; from approvals.models import Effect\n"
            "print(json.dumps([(str(e.pk), e.state) for e in Effect.objects.all()]))"
        )
    )


def test_every_page_size_shows_the_same_in_the_same_order(
    place: ApiHouse, steps: list[str]
) -> None:
    whole = listed(place, 200)
    assert [(one["kind"], one["state"]) for one in whole] == [
        ("step", "waits"),
        ("deletion", "waits"),
        ("deletion", "waits"),
        ("review", "waits"),
        ("step", "failed"),
    ]
    for limit in (1, 2, 3, 5):
        assert listed(place, limit) == whole
    assert listed(place, 2, AUDITOR) == whole
    told = whole[1]
    assert told["what"].startswith("Delete Mia Member’s GitHub account 1a-github at Auth0")
    assert (told["waits_for"], told["step"]) == ("Mia Member", None)
    assert told["url"].endswith(f"/connections/{told['id']}/")
    assert [one["step"] for one in whole if one["kind"] == "step"] == [steps[1], steps[0]]


def test_what_is_finished_meanwhile_loses_nobodys_place(place: ApiHouse, steps: list[str]) -> None:
    whole = listed(place, 200)
    after = place.said("GET", f"{LIST}?limit=2", ADMIN).json()["next"]
    place.runs(f"ConnectedAccount.objects.filter(pk={whole[1]['id']!r}).update(state='revoked')")
    rest = place.said("GET", f"{LIST}?after={after}", ADMIN).json()["items"]
    assert rest == whole[2:]


def test_nothing_is_said_to_be_nothing(place: ApiHouse, tmp_path: Path) -> None:
    assert place.said("GET", LIST, AUDITOR).json() == {"items": [], "next": None}
    assert (
        "Everything is finished." in place.typed(tmp_path, ADMIN, "connections unfinished").stderr
    )


def test_an_admin_has_a_failed_step_tried_again(place: ApiHouse, steps: list[str]) -> None:
    done = place.said("POST", f"{LIST}/{steps[0]}/retry", ADMIN)
    assert (done.status_code, done.json()["step"]) == (200, steps[0])
    assert states_of(place)[steps[0]] == "unknown", "its next try reads back first"


def test_whoever_may_not_sees_nothing_and_tries_nothing(place: ApiHouse, steps: list[str]) -> None:
    path = f"{LIST}/{steps[0]}/retry"
    assert place.refusal("GET", LIST) == (401, "token_missing")
    assert place.refusal("POST", path) == (401, "token_missing")
    for who in (MIA, OPERATOR):
        assert place.refusal("GET", LIST, who) == (403, "not_permitted")
        assert place.refusal("POST", path, who) == (403, "not_permitted")
    assert place.refusal("POST", path, AUDITOR) == (403, "not_permitted")
    assert place.refusal("POST", f"{LIST}/{NOT_THERE}/retry", ADMIN) == (404, "not_found")
    assert place.refusal("POST", f"{LIST}/that-one/retry", ADMIN) == (422, "invalid_request")
    for method, where in (("GET", path), ("PUT", path), ("POST", LIST)):
        assert place.refusal(method, where, ADMIN) == (405, "method_not_allowed")
    assert place.stale("GET", LIST, ADMIN) == (401, "token_expired")
    assert place.stale("POST", path, ADMIN) == (401, "token_expired")
    wrong = ("limit=0", "after=1", f"after=1-cloud-{'0' * 32}", f"after={'9' * 17}-step-{'0' * 32}")
    for query in wrong:
        assert place.refusal("GET", f"{LIST}?{query}", ADMIN) == (422, "invalid_request")
    assert states_of(place)[steps[0]] == "failed"


def test_the_command_line_lists_and_tries_again(
    place: ApiHouse, steps: list[str], tmp_path: Path
) -> None:
    shown = place.ata(tmp_path, AUDITOR, "connections unfinished --limit 3")
    assert [one["kind"] for one in shown["items"]] == ["step", "deletion", "deletion"]
    rest = place.ata(tmp_path, AUDITOR, f"connections unfinished --after {shown['next']}")
    assert ([one["kind"] for one in rest["items"]], rest["next"]) == (["review", "step"], None)
    assert place.ata(tmp_path, ADMIN, f"connections retry {steps[0]}")["status"] == "done"
    for who, which, code in ((AUDITOR, steps[0], "not_permitted"), (ADMIN, NOT_THERE, "not_found")):
        no = place.ata(tmp_path, who, f"connections retry {which}", code=1)
        assert no["error"]["code"] == code and no["error"]["fix"]
    wrong = place.ata(tmp_path, ADMIN, "connections retry that-one", code=2)
    assert wrong["error"]["code"] == "invalid_request"
