"""Edits one entry in a copy of the SQLite database and verifies the copy; nothing else changes."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from audit.db import process_locks
from audit.models import Entry

_LONGEST_S = 120


class NotPossible(ValueError):
    """There is nothing to edit, or the database is no file; the message says which."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The number of an edited entry, and what it says about the outcome before and after."""

    index: int
    was: str
    now: str


@contextmanager
def copy_of_database() -> Iterator[Path]:
    """A copy of the database, which is gone after the block; one at a time, for it may be large.

    Raises:
        NotPossible: the database is no SQLite file, or has no entry, or another copy is there.
    """
    if connection.vendor != "sqlite":
        raise NotPossible("The demo works on the embedded SQLite database only.")
    if not Entry.objects.exists():
        raise NotPossible("The log is empty. Start the portal once with 'make up'.")
    with (
        process_locks.alone("tampering") as alone,
        tempfile.TemporaryDirectory(prefix="ata-tamper-") as folder,
    ):
        if not alone:
            raise NotPossible("Another copy is being verified. Try again in a minute.")
        target = Path(folder) / "copy.sqlite3"
        source = f"file:{connection.settings_dict['NAME']}?mode=ro"
        with (
            closing(sqlite3.connect(source, uri=True)) as original,
            closing(sqlite3.connect(target)) as copy,
        ):
            original.backup(copy)
        yield target


def edit_middle_entry(path: Path) -> Edit:
    """Change the outcome of the entry in the middle, as somebody with access to the file could.

    Raises:
        NotPossible: that entry has no outcome.
    """
    with closing(sqlite3.connect(path)) as database:
        guards = database.execute(
            "SELECT name, sql FROM sqlite_master "
            "WHERE type = 'trigger' AND tbl_name = 'audit_event'"
        ).fetchall()
        for name, _ in guards:
            database.execute(f'DROP TRIGGER "{name}"')
        size = database.execute("SELECT count(*) FROM audit_entry").fetchone()[0]
        index = size // 2
        event, entry = database.execute(
            "SELECT e.id, e.entry FROM audit_event e JOIN audit_entry n ON n.event_id = e.id "
            "WHERE n.seq = ?",
            (index,),
        ).fetchone()
        text = bytes(entry).decode()
        found = re.search(r'"outcome":"(\w+)"', text)
        if found is None:
            raise NotPossible(f"Entry #{index} has no outcome to edit.")
        forged = "failure" if found[1] != "failure" else "success"
        edited = text[: found.start(1)] + forged + text[found.end(1) :]
        database.execute("UPDATE audit_event SET entry = ? WHERE id = ?", (edited.encode(), event))
        for _, sql in guards:  # put back, as a careful forger would
            database.execute(sql)
        database.commit()
    return Edit(index, found[1], forged)


def verify(path: Path) -> tuple[int, dict[str, Any]]:
    """Verify a copy as `verify_ledger` does; its exit code and report.

    Raises:
        NotPossible: it ended without a report.
        subprocess.TimeoutExpired: it took longer than two minutes.
    """
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_ledger", "--json"],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "VAR_DIR": str(settings.VAR_DIR),
            "DATABASE_URL": f"sqlite:///{path}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_S,
    )
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        why = f"The verification ended with exit code {done.returncode} and no report."
        raise NotPossible(why) from None
