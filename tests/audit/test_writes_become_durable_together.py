"""Group commit: few transactions, and each piece keeps its own outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from audit.actor import SYSTEM
from audit.models import EventRow
from audit.record import Draft
from audit.together import Together, Work
from tests.audit.own_database import own_database


class NotWanted(Exception):
    """A piece that is not to be written after all."""


def viewed(name: str) -> list[Draft]:
    return [Draft(actor=SYSTEM, action="audit.viewed", agent=name)]


def in_threads(writes: list[Callable[[], Any]]) -> list[Any]:
    """Results, or the errors, of calls in a thread each."""

    def run(write: Callable[[], Any]) -> Any:
        try:
            return write()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(writes)) as pool:
        return list(pool.map(run, writes))


def behind_the_first(together: Together, *later: Work) -> list[Any]:
    """Write `later` together: they gather while somebody else's transaction is under way."""
    gathered = threading.Event()
    under_way = threading.Event()

    def first() -> list[Draft]:
        under_way.set()
        assert gathered.wait(20)
        return viewed("first")

    def write(work: Work) -> UUID:
        assert under_way.wait(20)
        return together.write(work)

    def watch() -> None:
        assert under_way.wait(20)
        while len(together._waiting) < len(later):
            threading.Event().wait(0.005)
        gathered.set()

    work = [lambda: together.write(first), *(lambda w=w: write(w) for w in later), watch]
    _, *found, _ = in_threads(work)
    return found


@pytest.fixture
def shared(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> Iterator[None]:
    """A database for several threads, without the transaction that other tests are in."""
    with django_db_blocker.unblock(), own_database(tmp_path):
        yield


def rows() -> dict[UUID, str]:
    """The agents of all events that were committed."""
    found = [lambda: dict(EventRow.objects.values_list("event", "agent"))]
    return dict(in_threads(found)[0])


def test_what_gathers_during_a_commit_is_committed_at_once(
    shared: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    enter = transaction.Atomic.__enter__

    def counted(self: transaction.Atomic) -> None:
        if not connection.in_atomic_block:
            begun.append(threading.get_ident())
        enter(self)

    monkeypatch.setattr(transaction.Atomic, "__enter__", counted)
    ids = behind_the_first(Together(NotWanted), *(lambda n=n: viewed(f"{n}") for n in range(7)))
    assert len(begun) == 2
    written = rows()
    assert [written[id] for id in ids] == [str(n) for n in range(7)]
    assert len(written) == 8


def test_a_piece_that_declines_or_fails_takes_no_other_with_it(shared: None) -> None:
    def declines() -> list[Draft]:
        raise NotWanted

    def fails() -> list[Draft]:
        raise ZeroDivisionError

    for bad, error in ((declines, NotWanted), (fails, ZeroDivisionError)):
        found = behind_the_first(Together(NotWanted), lambda: viewed("good"), bad)
        assert isinstance(found[0], UUID)
        assert type(found[1]) is error
    assert sorted(rows().values()) == ["first", "first", "good", "good"]


def test_within_a_transaction_it_belongs_to_it(db: None) -> None:
    together = Together(NotWanted)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        together.write(lambda: viewed("undone"))
        assert EventRow.objects.filter(agent="undone").exists()
        raise ZeroDivisionError
    assert not EventRow.objects.exists()
