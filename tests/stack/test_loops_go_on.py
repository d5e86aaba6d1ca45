"""The worker's loops after trouble with the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError

from portal import loops
from portal.databases import database


def test_a_thread_does_not_keep_the_connection_that_broke_under_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_after: list[int] = []
    # An SQLite database in memory cannot be broken: what counts is that the thread lets go of it.
    note = partial(looked_after.append, 1)
    monkeypatch.setattr(loops, "close_old_connections", note)

    def breaks() -> None:
        raise DatabaseError("terminating connection due to administrator command")

    with ThreadPoolExecutor(1) as pool, pytest.raises(DatabaseError):
        loops._spread(pool, [breaks])
    assert looked_after == [1]


def test_a_pool_hands_out_no_connection_that_a_restart_has_ended(tmp_path: Any) -> None:
    made = database("postgres://ata@db.example/ata", base_dir=tmp_path, var_dir=tmp_path)
    assert made["OPTIONS"]["pool"] and made["CONN_HEALTH_CHECKS"]
