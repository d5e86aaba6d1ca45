"""What was allowed beyond manifests, over the API and by `ata`: seen by whom, ended by whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.connections.api_house import (
    ADMIN,
    AUDITOR,
    MIA,
    MILO,
    NOT_THERE,
    OPERATOR,
    ApiHouse,
)

LIST = "/v1/connections/allowances"
ALLOW = f"""
import json
made = []
for sub, name in (({MIA!r}, "github-mcp"), ({MIA!r}, "reader"), ({MILO!r}, "github-mcp")):
    row = ConnectedAccount.objects.filter(sub=sub).first() or account(sub)
    made.append(str(Allowance.objects.create(
        account=row, kind="mcp", name=name, scopes=["delete_repo"], agent="release-bot",
        granted_at=now, expires_at=now + timedelta(hours=1)).id))
Allowance.objects.create(account=row, kind="mcp", name="over", scopes=["x"], granted_at=now,
                         expires_at=now - timedelta(seconds=1))
print(json.dumps(made))
"""


@pytest.fixture
def made(place: ApiHouse) -> list[str]:
    """Ids of two on Mia's account and one on Milo's, the oldest first."""
    return list(place.runs(ALLOW))


def items(place: ApiHouse, who: str, query: str = "") -> list[dict[str, Any]]:
    return list(place.said("GET", LIST + query, who).json()["items"])


def ids(place: ApiHouse, who: str, query: str = "") -> list[str]:
    return [one["id"] for one in items(place, who, query)]


def test_each_sees_what_the_pages_show_them(place: ApiHouse, made: list[str]) -> None:
    first, second, milos = made
    assert ids(place, MIA) == [second, first]
    assert ids(place, MILO) == [milos]
    for who in (OPERATOR, ADMIN, AUDITOR):
        assert ids(place, who) == [milos, second, first]
    [one] = items(place, MILO)
    told = (one["component"], one["scopes"], one["agent"], one["connection"], one["owner"]["name"])
    assert told == ("mcp:github-mcp", ["delete_repo"], "release-bot", "github", "Milo Member")
    allowed = {who: [o["may_end"] for o in items(place, who)] for who in (MIA, AUDITOR, OPERATOR)}
    assert allowed == {MIA: [True] * 2, AUDITOR: [False] * 3, OPERATOR: [True] * 3}


def test_pages_follow_each_other_and_miss_nothing(place: ApiHouse, made: list[str]) -> None:
    seen: list[str] = []
    body = place.said("GET", f"{LIST}?limit=2", ADMIN).json()
    seen += [one["id"] for one in body["items"]]
    assert body["next"] == seen[-1] and len(seen) == 2
    body = place.said("GET", f"{LIST}?limit=2&after={body['next']}", ADMIN).json()
    assert body["next"] is None
    assert seen + [one["id"] for one in body["items"]] == list(reversed(made))


@pytest.mark.parametrize("who", [MIA, OPERATOR, ADMIN])
def test_who_owns_the_account_or_watches_ends_it_for_good(
    place: ApiHouse, made: list[str], who: str
) -> None:
    path = f"{LIST}/{made[0]}/end"
    done = place.said("POST", path, who, {"reason": "the job is done"})
    assert done.status_code == 201, done.text
    assert made[0] not in ids(place, MIA)
    told = place.events(action="scope.withdrawn")[0]
    assert (told["id"], told["reason"]) == (done.json()["event_id"], "the job is done")
    assert told["actor"]["sub"] == who
    assert place.refusal("POST", path, who, {}) == (409, "already_over")


def test_whoever_may_not_ends_nothing(place: ApiHouse, made: list[str]) -> None:
    before = [one["id"] for one in place.events(action="access.refused")]
    path = f"{LIST}/{made[0]}/end"
    assert place.refusal("GET", LIST) == (401, "token_missing")
    assert place.refusal("POST", path) == (401, "token_missing")
    assert place.refusal("POST", path, AUDITOR, {}) == (403, "not_permitted")
    assert place.refusal("POST", path, MILO, {}) == (404, "not_found")
    assert place.refusal("POST", f"{LIST}/{NOT_THERE}/end", ADMIN, {}) == (404, "not_found")
    assert place.refusal("POST", f"{LIST}/that-one/end", ADMIN, {}) == (422, "invalid_request")
    assert place.refusal("POST", path, ADMIN, {"because": "x"}) == (422, "invalid_request")
    for method, where in (("GET", path), ("DELETE", path), ("POST", LIST)):
        assert place.refusal(method, where, ADMIN) == (405, "method_not_allowed")
    assert place.stale("GET", LIST, ADMIN) == (401, "token_expired")
    assert place.stale("POST", path, MIA, {}) == (401, "token_expired")
    for query in ("limit=0", "limit=201", "after=there"):
        assert place.refusal("GET", f"{LIST}?{query}", MIA) == (422, "invalid_request")
    assert made[0] in ids(place, MIA)
    denied = [e for e in place.events(action="access.refused") if e["id"] not in before]
    assert MILO in {e["actor"]["sub"] for e in denied}, (
        "that somebody else reached for it is on the record"
    )


def test_the_command_line_lists_and_ends(place: ApiHouse, made: list[str], tmp_path: Path) -> None:
    shown = place.ata(tmp_path, ADMIN, "connections allowances list --limit 2")
    assert [one["id"] for one in shown["items"]] == [made[2], made[1]]
    rest = place.ata(tmp_path, ADMIN, f"connections allowances list --after {shown['next']}")
    assert ([one["id"] for one in rest["items"]], rest["next"]) == ([made[0]], None)
    plain = place.typed(tmp_path, ADMIN, "connections allowances list --limit 1")
    assert plain.stdout.split("\t")[:3] == [made[2], "mcp:github-mcp", "delete_repo"]
    assert f"--after {made[2]}" in plain.stderr
    said = place.ata(tmp_path, MIA, f"connections allowances end {made[0]} --reason done")
    assert (said["status"], ids(place, MIA)) == ("done", [made[1]])
    for who, which, code in (
        (MIA, made[0], "already_over"),
        (MILO, made[1], "not_found"),
        (AUDITOR, made[1], "not_permitted"),
    ):
        no = place.ata(tmp_path, who, f"connections allowances end {which}", code=1)
        assert no["error"]["code"] == code and no["error"]["fix"]
    wrong = place.ata(tmp_path, MIA, "connections allowances end that-one", code=2)
    assert wrong["error"]["code"] == "invalid_request"
