"""Each route that answers strangers is known with what bounds its cost; no other answers them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.v1.routers import api
from tests.attacks.sign_in.doors import Door, doors
from tests.attacks.sign_in.for_strangers import CALLS, PAGES
from tests.attacks.sign_in.visiting import HOST

pytestmark = pytest.mark.django_db
OPEN = [door for door in doors() if door.pattern in PAGES]
LARGEST = 256 * 1024
"""Bytes of an answer, but for the two documents that are made once a process."""


def calls() -> Iterator[tuple[str, str]]:
    """Method and path of each call of the API, as its document has them."""
    for path, methods in api.get_openapi_schema()["paths"].items():
        yield from ((method.upper(), path) for method in methods if method != "parameters")


def test_each_route_without_a_sign_in_is_classified() -> None:
    found = {door.pattern for door in doors() if not getattr(door.view, "login_required", True)}
    assert found - set(PAGES) == set(), "say in for_strangers.py what bounds its cost"
    assert set(PAGES) <= {door.pattern for door in doors()}
    assert all(cost.why for cost in (*PAGES.values(), *CALLS.values()))


def test_each_call_without_an_access_token_is_classified() -> None:
    found = list(calls())
    assert len(found) > 40
    answered = set()
    for method, path in found:
        some = re.sub("{[^}]+}", "11111111-1111-4111-8111-111111111111", path)
        answer = Client().generic(method, some, "{}", "application/json", HTTP_HOST=HOST)
        if answer.status_code != 401 or answer.json()["code"] != "token_missing":
            answered.add(f"{method} {path}")
    assert answered == set(CALLS), "say in for_strangers.py what bounds its cost"


@pytest.mark.parametrize("door", OPEN, ids=str)
def test_a_question_costs_no_more_than_is_said(door: Door) -> None:
    said = PAGES[door.pattern]
    for method in ("get", "post"):
        for last in (False, False, True):  # the first makes what is kept, for seconds at least
            with CaptureQueriesContext(connection) as asked:
                answer = getattr(Client(raise_request_exception=False), method)(
                    door.path, HTTP_HOST=HOST
                )
            if len(asked) <= said.queries:
                break
            assert not last, [one["sql"][:200] for one in asked]
        assert said.bound == "kept" or len(answer.content) <= LARGEST


@pytest.mark.parametrize("door", OPEN, ids=str)
def test_a_body_that_is_too_large_is_not_read(door: Door) -> None:
    answer = Client(raise_request_exception=False).generic(
        "POST",
        door.path,
        b"",
        content_type="application/octet-stream",
        HTTP_HOST=HOST,
        CONTENT_LENGTH=str(100 * 1024 * 1024),
    )
    assert answer.status_code == 413
