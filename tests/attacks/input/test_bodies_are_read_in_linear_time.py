"""Bodies that are made to cost: each is answered in time linear in what was sent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from api import request_bodies
from api.problems import Problem
from portal.ops.request_body_limits import ORDINARY, limit_of


def _seconds(work: Callable[[], object]) -> float:
    """The least processor time of three calls."""

    def once() -> float:
        began = time.thread_time()
        work()
        return time.thread_time() - began

    return min(once() for _ in range(3))


def test_a_member_that_stands_twice_is_found_in_linear_time() -> None:
    names = [f'"{n}":1' for n in range(40_000)]
    body = "{" + ",".join([*names, '"39999":2']) + "}"

    def refuse() -> None:
        with pytest.raises(Problem, match="member '39999' twice"):
            request_bodies.parse(body.encode())

    assert _seconds(refuse) < 6 * _seconds(lambda: json.loads(body))


@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/session", "/oidc/backchannel-logout/"])
def test_an_ordinary_endpoint_takes_512_kib(path: str) -> None:
    body = json.dumps({"x": "y" * ORDINARY})
    answer = Client().post(path, body, content_type="application/json")
    assert answer.status_code == 413
    assert ORDINARY < len(body) < settings.DATA_UPLOAD_MAX_MEMORY_SIZE


@pytest.mark.parametrize("path", ["/v1/audit/events", "/v1/ingest/auth0-logs", "/v1/policy"])
def test_what_brings_much_at_once_may_be_larger(path: str) -> None:
    assert limit_of(path) == settings.DATA_UPLOAD_MAX_MEMORY_SIZE
