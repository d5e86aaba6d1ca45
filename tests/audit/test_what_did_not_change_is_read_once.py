"""Kept rows: never older than the database, whoever changes it and by whatever way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import AutoField, Model, QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from audit import unchanged, watched
from audit.compiled import compiled
from connections.models import Freeze
from tests.audit.own_database import own_database


@compiled
def freezes(name: str) -> QuerySet[Freeze]:
    return Freeze.objects.filter(kind="agent", name=name)


@pytest.fixture
def shared(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> Iterator[None]:
    """A database whose changes are committed."""
    with django_db_blocker.unblock(), own_database(tmp_path):
        yield


def elsewhere(work: Callable[[], Any]) -> Any:
    """What `work` returns in a thread, with a connection of its own."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    return found[0]


def frozen(name: str) -> Freeze:
    return Freeze(kind="agent", name=name, by="x", since=timezone.now())


def test_every_watched_table_gives_a_new_mark_with_every_kind_of_change(shared: None) -> None:
    """By plain SQL, past all code of ours: nothing has to remember to tell."""

    def work() -> None:
        assert watched.problems() == []
        by_table = {model._meta.db_table: model for model in apps.get_models()}
        models = [by_table[table] for table in watched.WATCHED]  # parents before children
        for model in models:
            tells(inserting(model), [sample(field) for field in columns(model)])
        for model in reversed(models):
            table, column = model._meta.db_table, columns(model)[0].column
            tells(f'UPDATE {table} SET "{column}" = "{column}"')
            tells(f"DELETE FROM {table}")

    elsewhere(work)


def tells(statement: str, values: Sequence[Any] = ()) -> None:
    before = unchanged.mark()
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount > 0, statement
    assert unchanged.mark() != before, statement


def columns(model: type[Model]) -> list[Any]:
    """What has to be given for a row."""
    return [f for f in model._meta.concrete_fields if not isinstance(f, AutoField)]


def inserting(model: type[Model]) -> str:
    names = ", ".join(f'"{field.column}"' for field in columns(model))
    marks = ", ".join(["%s"] * len(columns(model)))
    return f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({marks})"


def sample(field: Any) -> object:
    """A value that the column takes."""
    if field.is_relation:
        return field.related_model.objects.get().pk
    kinds = {"DateTimeField": timezone.now(), "JSONField": "{}", "BooleanField": False}
    return kinds.get(field.get_internal_type(), 1 if "Integer" in type(field).__name__ else "x")


def test_within_a_transaction_nothing_is_kept(db: None) -> None:
    with unchanged.looking():
        assert unchanged.current() is None and freezes("claw") == []
        frozen("claw").save()
        assert len(freezes("claw")) == 1


def test_what_another_connection_commits_is_seen_at_the_next_look(shared: None) -> None:
    def look() -> list[str]:
        with unchanged.looking():
            assert unchanged.current() is not None
            return [freeze.name for freeze in freezes("claw")]

    def asked(number: int) -> bool:
        with CaptureQueriesContext(connection) as seen:
            look()
        return len(seen) == number

    def work() -> None:
        assert look() == []
        assert asked(1), "only the mark is read while nothing changes"
        elsewhere(lambda: frozen("claw").save())
        assert look() == ["claw"]
        assert asked(1)
        elsewhere(lambda: Freeze.objects.filter(name="claw").delete())
        assert look() == []

    elsewhere(work)


def test_rolled_back_changes_are_not_kept_and_transactions_see_their_own(shared: None) -> None:
    def work() -> None:
        with unchanged.looking():
            assert freezes("claw") == []
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            frozen("claw").save()
            with unchanged.looking():
                assert unchanged.current() is None and len(freezes("claw")) == 1
            raise ZeroDivisionError
        with unchanged.looking():
            assert freezes("claw") == []

    elsewhere(work)


def test_rows_inserted_where_conflicts_are_ignored_are_told(shared: None) -> None:
    """The policy of the outer statement reaches into SQLite's triggers."""

    def work() -> None:
        before = unchanged.mark()
        Freeze.objects.bulk_create([frozen("claw")], ignore_conflicts=True)
        assert unchanged.mark() != before

    elsewhere(work)


def test_nothing_is_kept_of_a_table_that_lost_a_trigger(
    shared: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a process that starts now: copies of one database begin with the same mark.
    monkeypatch.setattr(unchanged, "_watched", {})
    monkeypatch.setattr(unchanged, "_newest", None)

    def work() -> None:
        name = next(iter(watched._triggers(connection.vendor, "connections_freeze")))
        on = "" if connection.vendor == "sqlite" else " ON connections_freeze"
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {name}{on}")
        assert ["connections_freeze" in one for one in watched.problems()] == [True]
        with unchanged.looking():
            assert freezes("claw") == []
            elsewhere(lambda: frozen("claw").save())
            assert len(freezes("claw")) == 1

    elsewhere(work)


def test_memory_is_bounded(shared: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "MOST", 10)

    def work() -> int:
        with unchanged.looking():
            kept = unchanged.current()
            assert kept is not None
            for n in range(200):
                freezes(f"agent-{n}")
            return len(kept._rows)

    assert elsewhere(work) <= 10
