"""Waits for the database end: whoever waits for what another process holds is told so in time."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import OperationalError
from django.test import RequestFactory

from approvals import clock
from audit.storage import is_busy, is_failure
from portal.databases import bound_waits, database
from portal.identity import sessions
from portal.identity.models import SignedInSession
from portal.liveness import check_and_bound, check_if_in_doubt
from portal.web.errors import server_error
from tests.support.own_portal import database_in, portal_in
from tests.support.pages import signed_in

WITHIN_S = 30


@pytest.fixture
def on_postgresql(tmp_path: Path) -> Iterator[str]:
    if not os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("needs PostgreSQL, where readers wait for locks")
    with database_in(tmp_path) as address:
        yield address


def timed(url: str, **more: Any) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return httpx.get(url, timeout=2 * WITHIN_S, **more), time.monotonic() - began


def test_who_waits_for_a_lock_is_told_within_thirty_seconds(
    on_postgresql: str, tmp_path: Path
) -> None:
    with portal_in(tmp_path, on_postgresql) as portal, psycopg.connect(on_postgresql) as other:
        assert httpx.get(f"{portal}/log/checkpoint", timeout=60).status_code == 404
        other.execute("LOCK TABLE audit_checkpoint IN ACCESS EXCLUSIVE MODE")
        page, waited = timed(f"{portal}/log/checkpoint")
        assert page.status_code == 503 and 0 < int(page.headers["Retry-After"]) < WITHIN_S
        assert waited < WITHIN_S and "busy" in page.text
        assert timed(f"{portal}/healthz")[1] < 1
        other.rollback()
        assert httpx.get(f"{portal}/log/checkpoint", timeout=60).status_code == 404


def test_a_bound_of_the_operators_own_stays(on_postgresql: str, tmp_path: Path) -> None:
    own = f"{on_postgresql}{'&' if '?' in on_postgresql else '?'}options=-c%20lock_timeout%3D1s"
    with portal_in(tmp_path, own) as portal, psycopg.connect(on_postgresql) as other:
        other.execute("LOCK TABLE audit_checkpoint IN ACCESS EXCLUSIVE MODE")
        page, waited = timed(f"{portal}/log/checkpoint")
        assert page.status_code == 503 and 1 <= waited < 4


def test_a_statement_that_runs_too_long_is_ended(on_postgresql: str) -> None:
    with psycopg.connect(on_postgresql, autocommit=True) as one:
        check_and_bound(one)
        shown = {name: one.execute(f"SHOW {name}".encode()).fetchone() for name in BOUNDS}
        assert shown == BOUNDS
        one.execute("SET statement_timeout = '50ms'")
        with pytest.raises(psycopg.errors.QueryCanceled) as caught:
            one.execute("SELECT pg_sleep(5)")
        assert is_busy(caught.value) and not is_failure(caught.value)


BOUNDS = {"lock_timeout": ("5s",), "statement_timeout": ("15s",)}


def test_only_processes_that_answer_requests_wait_less(tmp_path: Path) -> None:
    made = [
        database(url, base_dir=tmp_path, var_dir=tmp_path)
        for url in ("postgres://somebody@nowhere/portal", "")
    ]
    checks = [one["OPTIONS"]["pool"]["check"] for one in made[:1]]
    assert checks == [check_if_in_doubt] and made[1]["OPTIONS"]["timeout"] == 20
    for one in made:
        bound_waits(one)
    pool = made[0]["OPTIONS"]["pool"]
    assert (pool["check"], pool["max_size"]) == (check_and_bound, 20)
    assert pool["timeout"] + 15 <= WITHIN_S and made[1]["OPTIONS"]["timeout"] <= WITHIN_S


@pytest.fixture
def locked(tmp_path: Path) -> OperationalError:
    """What a write meets while another process writes the same SQLite file for too long."""
    path = tmp_path / "x.sqlite3"
    sqlite3.connect(path).execute("CREATE TABLE t (a)").connection.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    late = sqlite3.connect(path, timeout=0, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError) as caught:
        late.execute("INSERT INTO t VALUES (1)")
    other.close()
    late.close()
    error = OperationalError(str(caught.value))
    error.__cause__ = caught.value
    return error


def test_a_busy_sqlite_file_is_said_on_pages_and_with_a_code(
    locked: OperationalError, rf: RequestFactory
) -> None:
    assert is_busy(locked) and not is_failure(locked)
    answers = []
    for path in ("/v1/decisions", "/approvals/"):
        try:
            raise locked
        except OperationalError:
            answers.append(server_error(rf.post(path)))
    api, page = answers
    assert (api.status_code, json.loads(api.content)["code"]) == (503, "busy")
    assert api["Content-Type"] == "application/problem+json"
    assert page.status_code == 503 and "The portal is busy" in page.content.decode()
    assert all(int(one["Retry-After"]) > 0 for one in answers)


@pytest.mark.parametrize("error", [ValueError("anything"), OSError(28, "No space"), None])
def test_nothing_else_is_taken_for_busy(error: BaseException | None) -> None:
    assert not is_busy(error)


def test_a_page_is_shown_though_its_visit_could_not_be_noted(
    locked: OperationalError, db: None
) -> None:
    signed_in("operator", "operator")
    session = SignedInSession.objects.get()

    def busy(execute: Any, sql: str, *rest: Any) -> Any:
        raise locked

    with transaction.atomic(), connection.execute_wrapper(busy):
        sessions._touch(session, clock.now())
        transaction.set_rollback(False)
