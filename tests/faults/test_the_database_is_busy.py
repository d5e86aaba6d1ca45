"""Waits for the database end: whoever waits for what another process holds is told so in time."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import ConnectionHandler, OperationalError
from django.test import RequestFactory
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import SignedInSession
from accounts.sessions import service
from approvals import clock
from audit.db import sqlite_writer_lock_file
from audit.db.request_database_time_budget import IN_ALL_S
from audit.db.sqlite_writer_lock_file import in_turn
from audit.db.storage_error_kinds import is_busy, is_failure
from portal.database_settings import bound_waits, database
from portal.pages.errors import server_error
from tests.support.own_portal import database_in, portal_in
from tests.support.pages import signed_in
from tests.support.ports import free_port

WITHIN_S = 30
SQLITE = "django.db.backends.sqlite3"
POOL = "pool-of-one"  # Django keeps pools by alias
ON_POSTGRESQL = bool(os.environ.get("TEST_DATABASE_URL"))


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


@pytest.mark.skipif(not ON_POSTGRESQL, reason="SQLite has no connections")
@pytest.mark.django_db
def test_a_server_that_falls_silent_is_noticed_within_thirty_seconds() -> None:
    with connection.cursor():
        used = connection.connection.info.get_parameters()
    assert used["keepalives"] == "1"
    probes = int(used["keepalives_interval"]) * int(used["keepalives_count"])
    assert int(used["keepalives_idle"]) + probes <= WITHIN_S
    assert int(used["tcp_user_timeout"]) <= WITHIN_S * 1000
    assert int(used["connect_timeout"]) <= WITHIN_S


def test_a_keepalive_of_the_operators_own_stays(tmp_path: Path) -> None:
    url = "postgres://ata@db.example/ata?keepalives_idle=60"
    options = database(url, base_dir=tmp_path, var_dir=tmp_path)["OPTIONS"]
    assert (options["keepalives_idle"], options["keepalives_count"]) == ("60", 3)


def test_a_statement_that_runs_too_long_is_ended(on_postgresql: str, tmp_path: Path) -> None:
    entry = database(on_postgresql, base_dir=tmp_path, var_dir=tmp_path)
    bound_waits(entry)
    options = entry["OPTIONS"]["options"]
    with psycopg.connect(on_postgresql, options=options, autocommit=True) as one:
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
    assert made[0]["CONN_HEALTH_CHECKS"] and "timeout" not in made[0]["OPTIONS"]["options"]
    assert made[1]["OPTIONS"]["timeout"] == 20
    for one in made:
        bound_waits(one)
    pool = made[0]["OPTIONS"]["pool"]
    assert pool["max_size"] == 20
    assert made[0]["OPTIONS"]["options"].endswith("-c lock_timeout=5s -c statement_timeout=15s")
    assert pool["timeout"] + IN_ALL_S + 15 <= WITHIN_S, "and one statement more"
    turn_and_transaction = sqlite_writer_lock_file.TURN_WITHIN_S + made[1]["OPTIONS"]["timeout"]
    assert turn_and_transaction + IN_ALL_S <= WITHIN_S


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
        service._touch(session, clock.now())
        transaction.set_rollback(False)


@pytest.mark.skipif(ON_POSTGRESQL, reason="turns are of SQLite files")
def test_a_turn_that_another_process_keeps_is_not_waited_for_longer_than_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> None:
    path = tmp_path / "portal.sqlite3"
    sqlite3.connect(path).execute("CREATE TABLE t (a)").connection.close()
    own = ConnectionHandler(
        {"default": {"ENGINE": SQLITE, "NAME": path, "OPTIONS": {"timeout": 0}}}
    )
    monkeypatch.setattr(sqlite_writer_lock_file, "connection", own["default"])
    monkeypatch.setattr(sqlite_writer_lock_file, "TURN_WITHIN_S", 0.2)
    kept = (tmp_path / "portal.sqlite3-turn").open("w")
    fcntl.flock(kept, fcntl.LOCK_EX)

    def write() -> BaseException | None:
        try:
            with in_turn(), own["default"].cursor() as cursor:
                cursor.execute("INSERT INTO t VALUES (1)")
        except OperationalError as error:
            return error
        finally:
            own.close_all()
        return None

    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as pool:
        try:
            assert pool.submit(write).result(WITHIN_S) is None, "the file itself was free"
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                assert is_busy(pool.submit(write).result(WITHIN_S))
        finally:
            kept.close()  # who still waits, goes on


@pytest.fixture
def pool_of_one(
    on_postgresql: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Callable[..., OperationalError]]:
    """What a request meets that gets no connection of the pool, with other settings as named."""
    made: list[ConnectionHandler] = []

    def ask(*, held: int, **changes: Any) -> OperationalError:
        pool = {"min_size": 0, "max_size": 1, "timeout": 0.3}
        settings = database(on_postgresql, base_dir=tmp_path, var_dir=tmp_path) | changes
        settings["OPTIONS"] = {**settings["OPTIONS"], "pool": pool}
        made.append(own := ConnectionHandler({"default": {}, POOL: settings}))
        monkeypatch.setattr("audit.db.storage_error_kinds.connection", own[POOL])
        with ThreadPoolExecutor(1) as elsewhere:
            for _ in range(held):
                elsewhere.submit(lambda: own[POOL].ensure_connection()).result()
            try:
                with pytest.raises(OperationalError) as caught:
                    own[POOL].ensure_connection()
            finally:
                elsewhere.submit(own.close_all).result()
        return caught.value

    with django_db_blocker.unblock():
        yield ask
        for one in made:
            one[POOL].close_pool()  # type: ignore[attr-defined]


def test_a_pool_whose_connections_are_all_in_use_is_busy(
    pool_of_one: Callable[..., OperationalError],
) -> None:
    error = pool_of_one(held=1)
    assert is_busy(error) and not is_failure(error)
    assert said_of(error) == "busy"


def test_a_server_that_is_away_is_no_busy_pool(
    pool_of_one: Callable[..., OperationalError],
) -> None:
    error = pool_of_one(held=0, HOST="127.0.0.1", PORT=str(free_port()))
    assert is_failure(error) and not is_busy(error)
    assert said_of(error) == "storage_unavailable"


def said_of(error: Exception) -> str:
    """The code of the answer to a request that ended with `error`."""
    try:
        raise error
    except OperationalError:
        answer = server_error(RequestFactory().post("/v1/decisions"))
    assert answer.status_code == 503 and int(answer["Retry-After"]) > 0
    return str(json.loads(answer.content)["code"])
