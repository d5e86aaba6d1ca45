"""What comparisons with Auth0 found, over the API and by `ata`, for admins and auditors."""

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

LIST = "/v1/connections/drift"
COMPARED = f"""
import json
from connections.sync import run_progress, update_accounts
made = []
def compare(*acts):
    run = run_progress.begin(2)
    for act in acts:
        act(run.pk)
    run_progress.reached(run, 2, 2, 0)
    run_progress.finish(run)
    made.append(str(run.pk))
def fact(sub, *scopes):
    id = f"cac_{{sub[-2:]}}_{{now.timestamp()}}"
    return update_accounts.Fact(id, "github", scopes, None, None)
mia, milo = fact({MIA!r}, "repo"), fact({MILO!r}, "repo")
def find(fact):
    return ConnectedAccount.objects.get(auth0_id=fact.auth0_id)
compare(lambda run: update_accounts.appeared(iss, {MIA!r}, mia, "management", run),
        lambda run: update_accounts.appeared(iss, {MILO!r}, milo, "management", run),
        lambda run: update_accounts.still_there(find(mia), fact({MIA!r}, "gist"), clock.now(), run))
compare(lambda run: update_accounts.vanished(find(milo), "not listed", run))
compare()
print(json.dumps(made))
"""


@pytest.fixture
def made(place: ApiHouse) -> list[str]:
    """Three comparisons, the oldest first: with three differences, with one, with none."""
    return list(place.runs(COMPARED))


def kinds(items: list[dict[str, Any]]) -> list[str]:
    return [one["data"]["drift"] for one in items]


@pytest.mark.parametrize("who", [ADMIN, AUDITOR])
def test_each_comparison_says_how_much_it_found(place: ApiHouse, made: list[str], who: str) -> None:
    items = place.said("GET", LIST, who).json()["items"]
    assert [one["id"] for one in items] == made[::-1]
    assert [sum(one["differences"].values()) for one in items] == [0, 1, 3]
    assert items[2]["differences"]["scopes_changed"] == 1
    assert all(one["finished"] and (one["compared"], one["people"]) == (2, 2) for one in items)


def test_each_difference_is_an_event_and_pages_miss_none(place: ApiHouse, made: list[str]) -> None:
    whole = place.said("GET", f"{LIST}/{made[0]}", AUDITOR).json()
    assert kinds(whole["items"]) == ["scopes_changed", "appeared", "appeared"]
    assert whole["next"] is None and whole["id"] == made[0]
    changed = whole["items"][0]
    assert changed["changes"] == {"scopes": {"before": ["repo"], "after": ["gist"]}}
    assert changed["sentence"] and changed["operation"] == made[0]
    event = place.said("GET", f"/v1/audit/events/{changed['id']}", AUDITOR).json()
    assert event == {name: value for name, value in changed.items() if name != "sentence"}
    first = place.said("GET", f"{LIST}/{made[0]}?limit=2", AUDITOR).json()
    rest = place.said("GET", f"{LIST}/{made[0]}?limit=2&after={first['next']}", AUDITOR).json()
    assert first["items"] + rest["items"] == whole["items"]
    assert rest["next"] is None
    assert place.said("GET", f"{LIST}/{made[2]}", AUDITOR).json()["items"] == []


def test_whoever_may_not_reads_nothing(place: ApiHouse, made: list[str]) -> None:
    for path in (LIST, f"{LIST}/{made[0]}"):
        assert place.refusal("GET", path) == (401, "token_missing")
        assert place.stale("GET", path, ADMIN) == (401, "token_expired")
        for who in (MIA, OPERATOR):
            assert place.refusal("GET", path, who) == (403, "not_permitted")
        assert place.refusal("POST", path, ADMIN) == (405, "method_not_allowed")
    assert place.refusal("GET", f"{LIST}/{NOT_THERE}", ADMIN) == (404, "not_found")
    assert place.refusal("GET", f"{LIST}/that-one", ADMIN) == (422, "invalid_request")
    for query in ("limit=0", "after=there"):
        path = f"{LIST}/{made[0]}?{query}"
        assert place.refusal("GET", path, ADMIN) == (422, "invalid_request")


def test_the_command_line_lists_and_shows(place: ApiHouse, made: list[str], tmp_path: Path) -> None:
    shown = place.ata(tmp_path, AUDITOR, "connections drift")
    assert [one["id"] for one in shown["items"]] == made[::-1]
    latest = place.ata(tmp_path, AUDITOR, "connections drift latest")
    assert (latest["id"], kinds(latest["items"])) == (made[1], ["vanished"])
    part = place.ata(tmp_path, ADMIN, f"connections drift {made[0]} --limit 2")
    rest = place.ata(tmp_path, ADMIN, f"connections drift {made[0]} --after {part['next']}")
    assert kinds(part["items"] + rest["items"]) == ["scopes_changed", "appeared", "appeared"]
    plain = place.typed(tmp_path, ADMIN, "connections drift latest").stdout
    assert plain.endswith(f"{latest['items'][0]['sentence']}\n")
    for who, which, code, ends in (
        (OPERATOR, "", "not_permitted", 1),
        (ADMIN, NOT_THERE, "not_found", 1),
        (ADMIN, "that-one", "invalid_request", 2),
    ):
        no = place.ata(tmp_path, who, f"connections drift {which}", code=ends)
        assert no["error"]["code"] == code and no["error"]["fix"]
