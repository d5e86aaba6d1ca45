"""Processes that write one SQLite file take turns, and one that dies gives its turn back."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

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
