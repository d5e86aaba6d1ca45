"""An empty, migrated database of the portal in a file, for processes of a test's own."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from tests.support.forking import CHECKOUT, PORTAL

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
            _migrate(ready)
    shutil.copyfile(ready, path)


def _migrate(ready: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ata-migrated-") as folder:
        database = Path(folder) / "portal.sqlite3"
        own = {"VAR_DIR": folder, "DATABASE_URL": f"sqlite:///{database}"}
        done = PORTAL.run(
            ["-m", "django", "migrate", "-v", "0"],
            cwd=CHECKOUT,
            env=os.environ | own | {"DJANGO_SETTINGS_MODULE": "portal.settings"},
        )
        assert done.returncode == 0, done.stderr
        source = sqlite3.connect(database)
        source.execute("VACUUM INTO ?", [str(ready)])
        source.close()
