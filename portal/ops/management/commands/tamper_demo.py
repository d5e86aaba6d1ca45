"""`make tamper-demo`: an owner's edit, seen by the verifier, on a copy of the database."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from audit.management.system_checks_for_data_commands import OF_DATA
from audit.models import Entry


class Command(BaseCommand):
    help = "Edit one row in a copy of the database and verify the copy."
    requires_system_checks = OF_DATA

    def handle(self, *args: Any, **options: Any) -> None:
        """Green before the edit, red at the edited index after it; the real data is not touched."""
        if connection.vendor != "sqlite":
            raise CommandError("The demo works on the embedded SQLite database only.")
        size = Entry.objects.count()
        if not size:
            raise CommandError("The log is empty. Start the portal once with 'make up'.")
        index = size // 2
        with tempfile.TemporaryDirectory(prefix="ata-tamper-") as folder:
            copy = Path(folder) / "copy.sqlite3"
            _copy_database(copy)
            self.stdout.write(f"A copy of the database, {size} entries. Verifying it untouched:")
            self._verify(copy)
            before, after = _edit(copy, index)
            self.stdout.write(f"\nEntry #{index} edited in the copy, past its trigger:")
            self.stdout.write(f"  was  {before}\n  now  {after}\n\nVerifying the edited copy:")
            code = self._verify(copy)
        if code == 0:
            raise CommandError("The edit was not found. That must never happen; please report it.")
        self.stdout.write(self.style.SUCCESS(f"\nFound, as it must be. Exit code {code}."))

    def _verify(self, copy: Path) -> int:
        environment = {**os.environ, "DATABASE_URL": f"sqlite:///{copy}"}
        command = [sys.executable, "manage.py", "verify_ledger"]
        done = subprocess.run(  # noqa: S603
            command,
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.stdout.write((done.stdout + done.stderr).rstrip())
        return done.returncode


def _copy_database(target: Path) -> None:
    source = sqlite3.connect(f"file:{settings.DATABASES['default']['NAME']}?mode=ro", uri=True)
    with sqlite3.connect(target) as copy:
        source.backup(copy)
    source.close()
    copy.close()


def _edit(path: Path, index: int) -> tuple[str, str]:
    """Change who or what an entry names, as somebody with full access to the file could."""
    database = sqlite3.connect(path)
    guards = database.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'"
    ).fetchall()
    for name, _ in guards:
        database.execute(f'DROP TRIGGER "{name}"')
    event, entry = database.execute(
        "SELECT e.id, e.entry FROM audit_event e JOIN audit_entry n ON n.event_id = e.id "
        "WHERE n.seq = ?",
        (index,),
    ).fetchone()
    text = bytes(entry).decode()
    found = re.search(r'"outcome":"(\w+)"', text)
    if found is None:
        raise CommandError(f"Entry #{index} has no outcome to edit.")
    forged = "failure" if found[1] != "failure" else "success"
    edited = text[: found.start(1)] + forged + text[found.end(1) :]
    database.execute("UPDATE audit_event SET entry = ? WHERE id = ?", (edited.encode(), event))
    for _, sql in guards:  # put back, as a careful forger would
        database.execute(sql)
    database.commit()
    database.close()
    return found[0], f'"outcome":"{forged}"'
