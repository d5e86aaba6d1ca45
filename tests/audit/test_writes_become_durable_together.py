"""Group commit: few transactions, and each piece keeps its own outcome."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from audit.db import time_budget
from audit.db.group_commit import Together
from audit.ledger.format.canonical import EntryError
from audit.models import EventRow
from audit.recording.actors import SYSTEM
from audit.recording.record import Draft
from tests.audit.own_database import own_database


class NotWanted(Exception):
    """A piece that is not to be written after all."""


type Item = Callable[[], Exception | None]


def each(items: Sequence[Item]) -> list[Exception | None]:
    """What every item says of itself."""
    return [item() for item in items]


def willing() -> None:
    """An item that changes nothing."""


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


def behind_the_first(together: Together[Item], *later: tuple[str, Item]) -> list[Any]:
    """Write `later` together: they gather while somebody else's transaction is under way."""
    gathered = threading.Event()
    under_way = threading.Event()

    def first() -> None:
        under_way.set()
        assert gathered.wait(20)

    def write(name: str, item: Item) -> UUID:
        assert under_way.wait(20)
        return together.write(item, viewed(name))

    def watch() -> None:
        assert under_way.wait(20)
        while len(together._waiting) < len(later):
            threading.Event().wait(0.005)
        gathered.set()

    work = [
        lambda: together.write(first, viewed("first")),
        *(lambda name=name, item=item: write(name, item) for name, item in later),
        watch,
    ]
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
    ids = behind_the_first(Together(each), *((f"{n}", willing) for n in range(7)))
    assert len(begun) == 2
    written = rows()
    assert [written[id] for id in ids] == [str(n) for n in range(7)]
    assert len(written) == 8


def test_who_writes_for_others_is_not_refused_for_what_it_waited_before(shared: None) -> None:
    def write() -> UUID:
        with time_budget.bounded(0.5):
            with connection.execute_wrapper(lasting(0.6)):
                EventRow.objects.exists()
            with pytest.raises(time_budget.WaitedTooLong):
                EventRow.objects.exists()
            return Together(each).write(willing, viewed("for all"))

    [written] = in_threads([write])
    assert rows() == {written: "for all"}


def lasting(seconds: float) -> Callable[..., Any]:
    """An execute wrapper whose statements take so long."""

    def execute(run: Callable[..., Any], *args: Any) -> Any:
        time.sleep(seconds)
        return run(*args)

    return execute


def test_a_piece_that_declines_or_fails_takes_no_other_with_it(shared: None) -> None:
    def declines() -> Exception:
        return NotWanted()

    def fails() -> None:
        raise ZeroDivisionError

    for bad, error in ((declines, NotWanted), (fails, ZeroDivisionError)):
        found = behind_the_first(Together(each), ("good", willing), ("bad", bad))
        assert isinstance(found[0], UUID)
        assert type(found[1]) is error
    assert sorted(rows().values()) == ["first", "first", "good", "good"]


def test_what_cannot_be_an_event_is_told_before_anybody_waits(shared: None) -> None:
    together: Together[Item] = Together(each)
    with pytest.raises(EntryError, match="beyond"):
        together.write(willing, [Draft(actor=SYSTEM, action="audit.viewed", data={"n": 2**60})])
    assert in_threads([lambda: together.write(None, viewed("next"))])[0] in rows()


def test_processes_take_turns_and_one_that_dies_gives_its_turn_back(
    shared: None, tmp_path: Path
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one writer")
    name = str(connection.settings_dict["NAME"])
    holds = (
        "import fcntl,os,sys,time; d=os.open(sys.argv[1], os.O_RDWR | os.O_CREAT);"
        "fcntl.flock(d, fcntl.LOCK_EX); print('mine', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", holds, f"{name}-turn"], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "mine\n"
    together: Together[Item] = Together(each)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(in_threads, [lambda: together.write(None, viewed("waited"))])
        with pytest.raises(TimeoutError):
            waits.result(0.3)
        other.kill()
        other.communicate()
        [id] = waits.result(20)
    assert rows()[id] == "waited"


def test_within_a_transaction_it_belongs_to_it(db: None) -> None:
    together: Together[Item] = Together(each)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        together.write(willing, viewed("undone"))
        assert EventRow.objects.filter(agent="undone").exists()
        raise ZeroDivisionError
    assert not EventRow.objects.exists()
