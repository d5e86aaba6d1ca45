"""Processes and threads that write one SQLite file take turns; the dead give theirs back."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from audit.db import sqlite_writer_lock_file
from audit.db.sqlite_writer_lock_file import in_turn
from audit.models import EventRow
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from tests.audit.own_database import own_database

HOLDS = (
    "import fcntl,os,sys,time; d=os.open(sys.argv[1], os.O_RDWR | os.O_CREAT);"
    "fcntl.flock(d, fcntl.LOCK_EX); print('mine', flush=True); time.sleep(60)"
)


def write() -> bool:
    try:
        with in_turn():
            record(SYSTEM, "audit.viewed", agent="waited")
        return EventRow.objects.filter(agent="waited").exists()
    finally:
        connection.close()


def test_a_writer_waits_until_the_process_that_has_the_turn_is_gone(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one writer")
    with django_db_blocker.unblock(), own_database(tmp_path), ThreadPoolExecutor(1) as pool:
        turn = f"{connection.settings_dict['NAME']}-turn"
        other = subprocess.Popen(
            [sys.executable, "-c", HOLDS, turn], stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None and other.stdout.readline() == "mine\n"
        waits = pool.submit(write)
        with pytest.raises(TimeoutError):
            waits.result(0.3)
        other.kill()
        other.communicate()
        assert waits.result(20)


def test_threads_of_a_process_take_turns_and_other_processes_wait_for_each(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one writer")
    inside: list[int] = []
    most: list[int] = []
    let_in: list[int] = []

    def enter(number: int) -> None:
        with in_turn(), turn.open() as other:
            inside.append(number)
            time.sleep(0.05)
            most.append(len(inside))
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                let_in.append(number)
            except BlockingIOError:
                pass
            inside.remove(number)

    with django_db_blocker.unblock(), own_database(tmp_path), ThreadPoolExecutor(4) as pool:
        turn = Path(f"{connection.settings_dict['NAME']}-turn")
        list(pool.map(enter, range(8)))
        assert most == [1] * 8
        assert not let_in, "another process could have taken the turn of a thread"


def test_a_thread_that_gets_no_turn_in_time_writes_without_it(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one writer")
    monkeypatch.setattr(sqlite_writer_lock_file, "TURN_WITHIN_S", 0.2)
    with django_db_blocker.unblock(), own_database(tmp_path), ThreadPoolExecutor(1) as pool:
        with in_turn():
            assert pool.submit(write).result(20)
        assert pool.submit(write).result(20), "the turn was given back once"
