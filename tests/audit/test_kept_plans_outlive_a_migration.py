"""A migration that changes the type of a column that running portals read by a kept plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import NotSupportedError, connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from approvals import clock
from audit import prepared
from connections import freezing
from connections.models import Freeze, FrozenKind
from tests.audit.own_database import own_database

TABLE = Freeze._meta.db_table
MIGRATION = f"ALTER TABLE {TABLE} ALTER COLUMN name TYPE text"
BACK = f"ALTER TABLE {TABLE} ALTER COLUMN name TYPE varchar(255)"


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test, which would be that of another thread."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def portal(db: None, tmp_path: Path) -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Does work on one connection of a portal, which lives through all of it."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite keeps no plans of ours")

    def do(work: Callable[[], Any]) -> Any:
        return threads.submit(work).result(30)

    with own_database(tmp_path), ThreadPoolExecutor(1) as threads:
        try:
            yield do
        finally:
            do(lambda: connection.close())  # of that thread


def migrate(statement: str = MIGRATION) -> None:
    """By a connection of its own, as `manage.py migrate` has."""

    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(work).result(30)


def frozen() -> list[str]:
    """What the broker reads with every request."""
    found = [freezing.in_force(agent, "", "") for agent in ("claw", "half")]
    return [freeze.name for freeze in found if freeze is not None]


def pid() -> int:
    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def plans() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        return int(cursor.fetchone()[0])


def begun() -> int:
    """A portal that has read it; the process that serves its connection."""
    Freeze.objects.create(kind=FrozenKind.AGENT, name="claw", since=clock.now())
    assert frozen() == ["claw"] and plans() > 0
    return pid()


def test_a_portal_goes_on_reading_on_the_same_connection(
    portal: Callable[[Callable[[], Any]], Any],
) -> None:
    before = portal(begun)
    for statement in (MIGRATION, BACK):
        migrate(statement)
        assert portal(frozen) == ["claw"]
        assert portal(pid) == before
        assert portal(plans) > 0, "it is kept again"


def test_a_transaction_under_way_is_not_repeated_and_the_next_one_works(
    portal: Callable[[Callable[[], Any]], Any],
) -> None:
    def within() -> list[str]:
        with transaction.atomic():
            Freeze.objects.create(kind=FrozenKind.AGENT, name="half", since=clock.now())
            return frozen()

    before = portal(begun)
    migrate()
    with pytest.raises(NotSupportedError, match="cached plan must not change result type"):
        portal(within)
    assert portal(frozen) == ["claw"], "what it had written went with it"
    assert portal(within) == ["claw", "half"]
    assert portal(pid) == before


def test_another_refusal_of_the_server_is_not_repeated(
    portal: Callable[[Callable[[], Any]], Any],
) -> None:
    def refused() -> None:
        prepared.rows("SELECT DISTINCT 1 FROM pg_class FOR UPDATE")

    portal(begun)
    with pytest.raises(NotSupportedError, match="DISTINCT"):
        portal(refused)
    assert portal(frozen) == ["claw"]
