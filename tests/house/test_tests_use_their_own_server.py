"""The run on PostgreSQL meets the server that was named, never another one of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.migrated import on_server


def test_an_address_of_another_database_keeps_its_server() -> None:
    """The host of a server that listens on a socket stands in the query."""
    socket = "postgresql://postgres:@/postgres?host=/tmp/folder&connect_timeout=5"
    assert on_server(socket, "made") == (
        "postgresql://postgres:@/made?host=/tmp/folder&connect_timeout=5"
    )
    assert on_server("postgres://u:p@db.example:5433/x", "y") == "postgres://u:p@db.example:5433/y"


@pytest.mark.skipif("PGHOST" not in os.environ, reason="only on the server that the tests started")
def test_an_address_without_a_host_finds_no_server() -> None:
    """So that a test that leaves the host out fails on every machine."""
    assert not Path(os.environ["PGHOST"]).exists()
