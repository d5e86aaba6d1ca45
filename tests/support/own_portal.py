"""A portal process of a test's own, as production serves it, on a database of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg

from tests.support.forking import CHECKOUT
from tests.support.migrated import migrated, migrated_on_server, on_server
from tests.support.ports import free_port

_STARTS_WITHIN_S = 90
_OTHERS = ("AUTH0_", "PORTAL_", "STEP_")


@contextmanager
def database_in(folder: Path) -> Iterator[str]:
    """The address of a migrated file in `folder`; of a new database where tests have a server."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    if not given:
        migrated(folder / "portal.sqlite3")
        yield f"sqlite:///{folder / 'portal.sqlite3'}"
        return
    made = f"{urlsplit(given).path[1:]}_{uuid4().hex[:12]}"
    migrated_on_server(given, made)
    try:
        yield on_server(given, made)
    finally:
        with psycopg.connect(on_server(given, "postgres"), autocommit=True) as opened:
            opened.execute(f'DROP DATABASE "{made}" WITH (FORCE)'.encode())


@contextmanager
def portal_in(
    folder: Path, database: str, *, application: str = "portal.wsgi:application", **more: str
) -> Iterator[str]:
    """The address of a portal with its files in `folder`; `more` is environment."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)} | {
        "VAR_DIR": str(folder),
        "DATABASE_URL": database,
        "PORTAL_PORT": str(port),
        **more,
    }
    command = [sys.executable, "-m", "serving", application, "--port", str(port)]
    with (folder / "portal.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=CHECKOUT, env=env, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/healthz", folder / "portal.log")
        yield url
    finally:
        process.terminate()
        process.wait(40)


def _wait_for(url: str, log: Path) -> None:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until:
        try:
            httpx.get(url, timeout=30)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())
