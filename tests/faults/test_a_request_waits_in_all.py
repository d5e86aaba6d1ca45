"""A request that waits for the database again and again is answered in time, and keeps nothing."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection, transaction

from approvals import clock
from audit.db import request_database_time_budget
from audit.db.request_database_time_budget import WaitedTooLong
from audit.db.storage_error_kinds import is_busy, is_failure
from connections.models import Schedule
from http_client import Guard, HttpClient, time_budget_for_all_calls
from tests.support.own_portal import database_in, portal_in

ON_POSTGRESQL = bool(os.environ.get("TEST_DATABASE_URL"))
IN_ALL_S = 1.2
EACH_S = 0.8
TABLE = "CREATE TABLE waited (id integer PRIMARY KEY, n integer NOT NULL)"
ROWS = "INSERT INTO waited VALUES (1, 0), (2, 0), (3, 0), (4, 0)"

# The portal with a bound of seconds, and with pages that take their time.
APPLICATION = f"""
import time
from audit.db import request_database_time_budget
request_database_time_budget.IN_ALL_S = {IN_ALL_S}
from django.contrib.auth.decorators import login_not_required
from django.db import connection, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from portal import wsgi, urls

def execute(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)

def add_one(row):
    execute("UPDATE waited SET n = n + 1 WHERE id = %s", row)

@login_not_required
def one_transaction(request):
    with transaction.atomic():
        for row in (1, 2, 3, 4):
            add_one(row)
    return HttpResponse("done")

@login_not_required
def many_transactions(request):
    for _ in range(40):
        with transaction.atomic():
            add_one(1)
        time.sleep(0.2)  # whoever waits for the file gets it
    return HttpResponse("done")

def pieces():
    for n in range(5):
        if connection.vendor == "postgresql":
            execute("SELECT pg_sleep(0.4)")
        else:
            connection.ensure_connection()
            connection.connection.create_function("pg_sleep", 1, time.sleep)
            execute("SELECT pg_sleep(0.4)")
        yield str(n)

urls.urlpatterns += [
    path("one-transaction", one_transaction),
    path("many-transactions", many_transactions),
    path("in-one-piece", login_not_required(lambda request: HttpResponse("".join(pieces())))),
    path("in-pieces", login_not_required(lambda request: StreamingHttpResponse(pieces()))),
]
application = wsgi.application
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of such a portal, and of its database."""
    folder = tmp_path_factory.mktemp("waits")
    (folder / "slow_pages.py").write_text(APPLICATION)
    with database_in(folder) as database:
        changed(database, TABLE, ROWS)
        more = {"application": "slow_pages:application", "PYTHONPATH": str(folder)}
        with portal_in(folder, database, **more) as portal:
            httpx.get(f"{portal}/log/checkpoint", timeout=60)  # a new file becomes one with a WAL
            yield portal, database


def changed(database: str, *statements: str) -> list[tuple[Any, ...]]:
    """What the last statement returned, in a transaction elsewhere."""
    opened: Any
    if ON_POSTGRESQL:
        opened = psycopg.connect(database)
    else:
        opened = sqlite3.connect(database.removeprefix("sqlite:///"), timeout=30)
    with closing(opened):
        for one in statements:
            answer = opened.execute(one)
        found = list(answer.fetchall()) if one.startswith("SELECT") else []
        opened.commit()
    return found


def asked(url: str) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return httpx.get(url, timeout=60), time.monotonic() - began


def is_told_to_come_again(answer: httpx.Response) -> bool:
    return (
        answer.status_code == 503
        and 0 < int(answer.headers["Retry-After"]) < 30
        and "busy" in answer.text
    )


@pytest.mark.skipif(not ON_POSTGRESQL, reason="rows have locks of their own")
def test_four_locks_that_are_freed_one_after_the_other_are_not_all_waited_for(
    served: tuple[str, str],
) -> None:
    portal, database = served
    with ExitStack() as held:
        others = [held.enter_context(psycopg.connect(database)) for _ in range(4)]
        for row, other in enumerate(others, start=1):
            other.execute("SELECT 1 FROM waited WHERE id = %s FOR UPDATE", [row])

        def free() -> None:
            for other in others:
                time.sleep(EACH_S)
                other.rollback()

        freeing = threading.Thread(target=free)
        freeing.start()
        try:
            answer, took = asked(f"{portal}/one-transaction")
            assert is_told_to_come_again(answer), answer.text
            assert took < 4 * EACH_S, "it waited for all four"
        finally:
            freeing.join()
    assert changed(database, "SELECT sum(n) FROM waited") == [(0,)], "it kept some of it"
    assert asked(f"{portal}/one-transaction")[0].text == "done", "all are free now"
    changed(database, "UPDATE waited SET n = 0")


@pytest.mark.skipif(ON_POSTGRESQL, reason="a file has one lock")
def test_a_file_that_others_write_again_and_again_is_not_waited_for_each_time(
    served: tuple[str, str],
) -> None:
    portal, database = served
    over = threading.Event()
    path = database.removeprefix("sqlite:///")

    def write() -> None:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as other:
            while not over.is_set():
                other.execute("BEGIN IMMEDIATE")
                time.sleep(EACH_S / 2)
                other.execute("COMMIT")
                time.sleep(0.15)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        answer, took = asked(f"{portal}/many-transactions")
    finally:
        over.set()
        writing.join()
    assert is_told_to_come_again(answer), answer.text
    [(kept,)] = changed(database, "SELECT n FROM waited WHERE id = 1")
    assert 0 < kept < 20 and took < 20, "each of those was confirmed by the database"


def test_statements_that_take_long_together_are_bounded_and_a_stream_is_not(
    served: tuple[str, str],
) -> None:
    portal, _ = served
    assert asked(f"{portal}/in-pieces")[0].text == "01234"
    answer, took = asked(f"{portal}/in-one-piece")
    assert is_told_to_come_again(answer), answer.text
    assert took < 20


def slow(execute: Any, sql: str, *rest: Any) -> Any:
    """A statement that takes a while."""
    time.sleep(0.05)
    return execute(sql, *rest)


def write(name: str) -> None:
    Schedule.objects.create(name=name, due=clock.now())


def written() -> set[str]:
    return set(Schedule.objects.values_list("name", flat=True))


def test_the_outcome_of_a_call_is_written_however_long_was_waited_before(db: None) -> None:
    answers = httpx.MockTransport(lambda _request: httpx.Response(200))
    with (
        time_budget_for_all_calls.bounded(),
        request_database_time_budget.bounded(0.04),
        connection.execute_wrapper(slow),
    ):
        written()
        with pytest.raises(WaitedTooLong):
            written()
        with HttpClient(guard=Guard(), transport=answers) as client:
            client.post_json("https://peer.example/", {}, operation="t.post")
        write("done there")
        with pytest.raises(WaitedTooLong):
            written()
    assert "done there" in written()


def test_a_refusal_that_is_caught_undoes_no_more_than_its_savepoint(db: None) -> None:
    with (
        request_database_time_budget.bounded(0.18),
        connection.execute_wrapper(slow),
        transaction.atomic(),
    ):
        write("first")
        with pytest.raises(WaitedTooLong), transaction.atomic():
            write("second")
            written()
    assert written() & {"first", "second"} == {"first"}


def test_it_is_a_busy_database_and_no_failure_of_it(db: None) -> None:
    with request_database_time_budget.bounded(0.0), pytest.raises(WaitedTooLong) as caught:
        written()
    assert is_busy(caught.value) and not is_failure(caught.value)
    written()  # outside a request nothing is counted
