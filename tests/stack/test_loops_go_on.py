"""The worker's loops after trouble with the database."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError

from portal import background_job_pool_per_peer
from portal.celery import app
from portal.database_settings import database
from tests.support.stack import CHECKOUT

STEPS = """
from celery.apps.worker import Worker
from portal.celery import app
for beat in (True, False):
    made = Worker(app=app, beat=beat, pool="threads", concurrency=1)
    print(*(step.name.rpartition(".")[2] for step in made.steps))
"""

STUCK = """
import re
import django
django.setup()
from portal import loops
from serving import limits
limits.STARVED_S = 1.0
loops.loops = lambda: {"stuck": lambda stop: re.match(r"(a+)+$", "a" * 64 + "b")}
started = loops.Loops(None)
started.start(None)
started.threads[0].join()
"""


def test_a_thread_does_not_keep_the_connection_that_broke_under_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_after: list[int] = []
    # An SQLite database in memory cannot be broken: what counts is that the thread lets go of it.
    note = partial(looked_after.append, 1)
    monkeypatch.setattr(background_job_pool_per_peer, "close_old_connections", note)

    def breaks() -> None:
        raise DatabaseError("terminating connection due to administrator command")

    made = background_job_pool_per_peer.Lanes("test", threads=1)
    made.start("", breaks)
    made.wait()
    assert looked_after == [1]
    assert made.has_capacity("")


def test_a_pool_hands_out_no_connection_that_a_restart_has_ended(tmp_path: Any) -> None:
    made = database("postgres://ata@db.example/ata", base_dir=tmp_path, var_dir=tmp_path)
    assert made["OPTIONS"]["pool"] and made["CONN_HEALTH_CHECKS"]


@pytest.mark.django_db
def test_no_message_and_no_beat_does_what_the_loops_do() -> None:
    """Whoever writes into a broker could begin it, and beat did what was due one by one."""
    app.loader.import_default_modules()
    ours = {name for name in app.tasks if not name.startswith("celery.")}
    assert not ours
    assert not {entry["task"] for entry in app.conf.beat_schedule.values()}


def test_beat_is_forked_before_the_loops_have_threads() -> None:
    """Else it may wait for a lock of theirs for ever, and outlive its worker. By this seed of the
    hashes Celery's set of steps has the loops first."""
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STEPS],
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONHASHSEED": "1", "DJANGO_SETTINGS_MODULE": "portal.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    with_beat, without = (line.split() for line in told.stdout.splitlines()[-2:])
    assert with_beat.index("Beat") < with_beat.index("Loops")
    assert "Loops" in without and "Beat" not in without


def test_a_worker_whose_interpreter_stands_still_ends_and_names_the_loop(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STUCK],
        cwd=CHECKOUT,
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "portal.settings", "VAR_DIR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Timeout (0:00:01)!" in done.stderr and "portal/loops.py" in done.stderr
