"""An installation that commit 1ebce96 left, migrated by this one, on the engine of the run.

`sqlite.tar.xz` and `postgresql.tar.xz` were made by `make.py` in a checkout of that commit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.support.migrated import PG_BIN, on_server
from tests.support.tenant import CHECKOUT

SERVER = os.environ.get("TEST_DATABASE_URL", "")
ENGINE = "postgresql" if SERVER else "sqlite"


@dataclass(frozen=True)
class Installation:
    """The older one, migrated; `env` is what its processes run with."""

    folder: Path
    env: dict[str, str]

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A management command of this checkout."""
        return self._run("-m", "django", *arguments)

    def ata(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line, in the folder of what was downloaded."""
        return self._run("-m", "ata", *arguments, cwd=self.folder / "downloads")

    def _run(self, *command: str, cwd: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=cwd,
            env=self.env | {"PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            timeout=300,
        )


@contextmanager
def installed(into: Path) -> Iterator[Installation]:
    """Unpack it into an empty folder, migrate it; its database is dropped in the end."""
    with tarfile.open(Path(__file__).with_name(f"{ENGINE}.tar.xz")) as archive:
        archive.extractall(into, filter="data")
    folder = into / ENGINE
    env = {name: value for name, value in os.environ.items() if not name.startswith("AUTH0_")}
    env |= {
        "VAR_DIR": str(folder / "var"),
        "DATABASE_URL": "",
        "LEDGER_ORIGIN": f"corpus.example/{ENGINE}",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    if ENGINE == "sqlite":
        yield _migrated(Installation(folder, env))
        return
    name = f"corpus_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(on_server(SERVER, "postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        try:
            url = on_server(SERVER, name)
            loaded: list[str | Path] = [
                PG_BIN / "psql",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-f",
                folder / "dump.sql",
                url,
            ]
            subprocess.run(loaded, check=True, stdout=subprocess.DEVNULL, timeout=120)
            yield _migrated(Installation(folder, env | {"DATABASE_URL": url}))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _migrated(found: Installation) -> Installation:
    for command in (("migrate", "-v", "0"), ("rebuild_projection", "--if-stale")):
        done = found.manage(*command)
        assert done.returncode == 0, done.stderr
    return found
