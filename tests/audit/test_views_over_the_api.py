"""Saved views over `/v1`: the same views as on the pages, with the same refusals."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from audit.models import EventRow, SavedView
from audit.saved_views import changes
from audit.views.built_in_views import shipped
from tests.audit.calling import Caller, caller
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
DENIED = {"name": "Refusals", "filter": {"outcome": ["denied", "expired"], "-via": "task"}}


@pytest.fixture
def ada(portal_tenant: LocalTenant) -> Caller:
    return caller(portal_tenant, "auditor")


@pytest.fixture
def olu(portal_tenant: LocalTenant) -> Caller:
    return caller(portal_tenant, "operator")


def send(who: Caller, method: str, path: str, body: Any = None) -> Any:
    """A request with any method below `/v1/audit/views`."""
    return who.client.generic(
        method,
        f"/v1/audit/views{path}",
        body if isinstance(body, str) else _written(body),
        content_type="application/json",
        headers=who._headers(),
    )


def _written(body: Any) -> str:
    import json

    return "" if body is None else json.dumps(body)


def test_a_view_is_saved_read_changed_and_removed(ada: Caller) -> None:
    made = send(ada, "POST", "", DENIED)
    assert made.status_code == 201
    view = made.json()
    assert made["Location"] == f"/v1/audit/views/{view['id']}"
    assert view["query"] == "outcome:denied outcome:expired -via:task"
    assert view["words"].startswith("Events with outcome denied or expired")
    assert view["filter"] == {"outcome": ["denied", "expired"], "-via": ["task"]}
    assert (view["own"], view["shared"], view["problems"]) == (True, False, [])
    read = send(ada, "GET", f"/{view['id']}").json()
    assert read == {**view, "events": {"count": 0, "exact": True}}
    changed = send(ada, "PUT", f"/{view['id']}", {"name": "All", "shared": True})
    assert changed.status_code == 200
    assert (changed.json()["query"], changed.json()["shared"]) == ("", True)
    assert EventRow.objects.filter(action="audit.view_shared").count() == 1
    gone = send(ada, "DELETE", f"/{view['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert EventRow.objects.filter(action="audit.view_unshared").count() == 1
    for method in ("GET", "DELETE"):
        assert send(ada, method, f"/{view['id']}").status_code == 404
    assert send(ada, "GET", "").json()["items"] == []


def test_the_list_has_what_ships_what_is_mine_and_what_others_share(
    ada: Caller, olu: Caller
) -> None:
    send(olu, "POST", "", {"name": "private", "filter": {"via": "web"}})
    send(olu, "POST", "", {"name": "shared", "filter": {"via": "web"}, "shared": True})
    for n in range(3):
        send(ada, "POST", "", {"name": f"mine {n}"})
    found = send(ada, "GET", "").json()
    assert [one["key"] for one in found["built_in"]] == [one.key for one in shipped()]
    assert [one["name"] for one in found["items"]] == ["mine 2", "mine 1", "mine 0", "shared"]
    assert [one["own"] for one in found["items"]] == [True, True, True, False]
    first = send(ada, "GET", "?limit=3").json()
    assert [one["name"] for one in first["items"]] == ["mine 2", "mine 1", "mine 0"]
    rest = send(ada, "GET", f"?limit=3&after={first['next']}").json()
    assert ([one["name"] for one in rest["items"]], rest["next"]) == (["shared"], None)


def test_a_filter_that_no_longer_parses_is_told(ada: Caller) -> None:
    view = send(ada, "POST", "", DENIED).json()
    SavedView.objects.update(filter="action:skill.blessed")
    read = send(ada, "GET", f"/{view['id']}").json()
    assert (read["filter"], read["query"], read["events"]) == ({}, "action:skill.blessed", None)
    assert "'skill.blessed'" in read["problems"][0]


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({"name": "REFUSALS"}, 409, "name_taken", "/name"),
        ({"name": " \t"}, 422, "invalid_request", "/name"),
        ({"name": "x" * 81}, 422, "invalid_request", "/name"),
        ({"name": "x", "description": "x" * 301}, 422, "invalid_request", "/description"),
        ({"name": "x", "filter": {"outcom": "denied"}}, 422, "unknown_filter", "/filter/outcom"),
        ({"name": "x", "filter": {"severity": "HUGE"}}, 422, "bad_filter", "/filter/severity"),
        ({"name": "x", "filter": {"actor": "[erased]"}}, 422, "invalid_request", "/filter"),
        ({"name": "x", "owner": "me"}, 422, "invalid_request", "/owner"),
        ({"filter": {}}, 422, "invalid_request", "/name"),
    ],
)
def test_what_cannot_be_saved_says_which_part(
    ada: Caller, body: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    view = send(ada, "POST", "", DENIED).json()
    other = send(ada, "POST", "", {"name": "other"}).json()
    for answer in (send(ada, "POST", "", body), send(ada, "PUT", f"/{other['id']}", body)):
        assert answer.status_code == status, answer.content
        problem = answer.json()
        assert (problem["code"], problem["pointer"]) == (code, pointer)
        assert answer["Content-Type"] == "application/problem+json"
    assert send(ada, "GET", f"/{view['id']}").json()["name"] == "Refusals"


def test_too_many_are_refused(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST", 1)
    send(ada, "POST", "", DENIED)
    answer = send(ada, "POST", "", {"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_views")


def test_what_is_not_yours_stays_as_it_is(
    ada: Caller, olu: Caller, portal_tenant: LocalTenant
) -> None:
    shared = send(olu, "POST", "", DENIED | {"shared": True}).json()["id"]
    private = send(olu, "POST", "", {"name": "private"}).json()["id"]
    amir, mia, nobody = caller(portal_tenant, "admin"), caller(portal_tenant, "member1"), Caller("")
    change = {"name": "Stolen"}
    for who, path, status in (
        (ada, f"/{private}", 404),
        (amir, f"/{private}", 404),
        (ada, f"/{uuid4()}", 404),
        (ada, "/none", 422),
        (ada, f"/{shared}", 403),
        (mia, f"/{shared}", 403),
        (nobody, f"/{shared}", 401),
    ):
        for method, body in (("PUT", change), ("DELETE", None)):
            answer = send(who, method, path, body)
            assert answer.status_code == status, (path, method, answer.content)
    assert send(amir, "PUT", f"/{shared}", change).status_code == 403
    for method, path in (("GET", ""), ("POST", ""), ("GET", f"/{shared}")):
        body = change if method == "POST" else None
        assert send(mia, method, path, body).status_code == 403
        assert send(nobody, method, path, body).status_code == 401
    assert sorted(SavedView.objects.values_list("name", flat=True)) == ["Refusals", "private"]
    assert send(amir, "DELETE", f"/{shared}").status_code == 204


def test_another_method_is_answered_with_those_there_are(ada: Caller) -> None:
    answer = send(ada, "PATCH", "")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, POST")
