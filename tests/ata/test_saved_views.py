"""`ata audit views` and `ata audit search --view`, against a portal by the contract."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn

VIEWS = "/v1/audit/views"


def view(number: int, name: str, filter: dict[str, list[str]], **changes: Any) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "name": name,
        "description": "",
        "filter": filter,
        "query": " ".join(f"{k}:{v}" for k, values in filter.items() for v in values),
        "words": "Events",
        "problems": [],
        "shared": False,
        "own": True,
        "made_by": "Ada Auditor",
        "created": "2026-03-01T12:00:00.000000Z",
        "changed": "2026-03-01T12:00:00.000000Z",
        **changes,
    }


SHIPPED = {
    "key": "tokens-refused", "name": "Token exchanges refused", "description": "x",
    "filter": {"action": ["token.refused"]}, "query": "action:token.refused", "words": "Events",
}  # fmt: skip
MINE = view(1, "Night shift", {"outcome": ["denied"], "-via": ["task"]})
THEIRS = view(2, "Theirs", {"via": ["web"]}, own=False, shared=True)
TWIN = view(3, "theirs", {"via": ["api"]}, own=False, shared=True)
BROKEN = view(4, "Broken", {}, problems=["there is no filter 'x'."], query="x:y")


@pytest.fixture
def saved(portal: StandIn) -> StandIn:
    first = {"built_in": [SHIPPED], "items": [MINE, THEIRS], "next": "1-a"}
    rest = {"built_in": [SHIPPED], "items": [TWIN, BROKEN], "next": None}

    def page(request: Any) -> Reply:
        return Reply(200, rest if "after" in request.query else first)

    portal.on("GET", VIEWS, page)
    portal.on("GET", "/v1/audit/events", Reply(200, {"items": [], "next": None, "tree_size": 9}))
    return portal


@pytest.mark.parametrize("words", [("views",), ("views", "list")])
def test_all_views_are_listed(signed_in: Ata, saved: StandIn, words: tuple[str, ...]) -> None:
    done = signed_in("audit", *words)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == [
        "Token exchanges refused", "Night shift", "Theirs", "theirs", "Broken",
    ]  # fmt: skip
    assert rows[0][2:4] == ["the product", "everybody"]
    assert rows[1][2:4] == ["you", "you"]
    assert rows[4][1] == "cannot be run: x:y"
    told = json.loads(signed_in("audit", *words, "--json").stdout)
    assert (len(told["built_in"]), len(told["items"])) == (1, 4)


@pytest.mark.parametrize(
    ("args", "asked"),
    [
        (("--view", "night SHIFT"), {"outcome": ["denied"], "-via": ["task"]}),
        (("--view", MINE["id"]), {"outcome": ["denied"], "-via": ["task"]}),
        (("--view", "tokens-refused"), {"action": ["token.refused"]}),
        (
            ("--view", "Night shift", "outcome=expired", "severity:HIGH"),
            {"outcome": ["expired"], "-via": ["task"], "severity": ["HIGH"]},
        ),
        (("--view", "Night shift", "via=web"), {"outcome": ["denied"], "via": ["web"]}),
    ],
)
def test_a_view_is_searched_and_narrowed(
    signed_in: Ata, saved: StandIn, args: tuple[str, ...], asked: dict[str, list[str]]
) -> None:
    done = signed_in("audit", "search", *args)
    assert done.returncode == 0, done.stderr
    assert saved.seen("GET", "/v1/audit/events")[0].query == asked


@pytest.mark.parametrize(
    ("name", "code"),
    [("Nobody's", "no_such_view"), ("Theirs", "several_views"), ("Broken", "view_unreadable")],
)
def test_a_view_that_cannot_be_used_is_said(
    signed_in: Ata, saved: StandIn, name: str, code: str
) -> None:
    done = signed_in("audit", "search", "--view", name)
    assert done.returncode == 1 and code in done.stderr
    assert saved.seen("GET", "/v1/audit/events") == []


def test_a_view_is_saved(signed_in: Ata, saved: StandIn) -> None:
    saved.on("POST", VIEWS, Reply(201, MINE))
    done = signed_in(
        "audit", "views", "save", "Night shift", "outcome=denied", "-via=task",
        "--shared", "--description", "For Olu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Saved Night shift, seen by you alone" in done.stdout
    assert saved.seen("POST", VIEWS)[0].json == {
        "name": "Night shift",
        "filter": {"outcome": ["denied"], "-via": ["task"]},
        "description": "For Olu",
        "shared": True,
    }


def test_a_view_is_replaced_by_its_name(signed_in: Ata, saved: StandIn) -> None:
    saved.on("PUT", f"{VIEWS}/{MINE['id']}", Reply(200, MINE))
    saved.on("POST", VIEWS, Reply(201, MINE))
    for name in ("night shift", "Another"):
        done = signed_in("audit", "views", "save", name, "via=web", "--replace")
        assert done.returncode == 0, done.stderr
    assert len(saved.seen("PUT", f"{VIEWS}/{MINE['id']}")) == len(saved.seen("POST", VIEWS)) == 1


def test_a_filter_with_a_mistake_is_saved_by_nobody(signed_in: Ata, saved: StandIn) -> None:
    done = signed_in("audit", "views", "save", "x", "outcom=denied")
    assert done.returncode == 2 and "nearest is 'outcome'" in done.stderr
    assert saved.requests == []


def test_a_view_is_removed(signed_in: Ata, saved: StandIn) -> None:
    saved.on("DELETE", f"{VIEWS}/{MINE['id']}", Reply(204, raw=b""))
    done = signed_in("audit", "views", "remove", "Night shift", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"removed": MINE["id"]}
    done = signed_in("audit", "views", "remove", "tokens-refused")
    assert done.returncode == 2 and "comes with the product" in done.stderr
