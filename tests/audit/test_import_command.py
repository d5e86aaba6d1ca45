"""`manage.py import_defenseclaw`: counts on the last line, one sentence for what cannot be read."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from audit import importing
from audit.importing.lock import ImportRunning, import_lock
from audit.models import Event, ImportedRow
from tests.audit import imports
from tests.support.migrated import migrated

FIGURES = {"rows", "imported", "duplicates", "quarantined"}


def output(*args: str) -> str:
    out = StringIO()
    call_command("import_defenseclaw", *args, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_last_line_is_the_counts_as_json(tmp_path: Path) -> None:
    path = imports.sample(tmp_path, 8, 120)
    told = json.loads(output(str(path), "--json").splitlines()[-1])
    assert told.keys() == FIGURES | {"by_table", "not_imported"}
    assert told["rows"] == told["imported"] == 120
    assert all(counts.keys() == FIGURES for counts in told["by_table"].values())
    assert imports.event(action="audit.imported")["instance"] == "audit"


@pytest.mark.django_db
def test_without_json_people_read_what_happened(tmp_path: Path) -> None:
    path = imports.sample(tmp_path, 7, 120)
    imports.audit_row(path, "bad", timestamp="2026-02-30T00:00:00Z")
    text = output(str(path), "--instance", "edge-1")
    assert "edge-1: 121 rows read" in text
    assert "120 imported, 0 known before, 1 set aside" in text
    assert "Set aside: 1 with an impossible or unreadable time (bad_time)" in text
    assert "Who acted:" in text


def test_what_cannot_be_imported_gets_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    text, other, cut = tmp_path / "a.txt", tmp_path / "other.db", tmp_path / "cut.db"
    text.write_text("hello, this is no database at all")
    imports.change(other, "CREATE TABLE findings (id TEXT, species TEXT)")
    cut.write_bytes(b"SQLite format 3\0" + b"\xff" * 50)
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "none.db", "does not exist"),
        (text, "is not a SQLite database"),
        (other, "none of its tables is DefenseClaw's"),
        (cut, "cannot be read as a SQLite database"),
    ):
        with pytest.raises(CommandError, match=words) as refused:
            output(str(path))
        assert refused.value.returncode == 2
        assert str(refused.value).count("\n") == 0


def test_an_unusable_instance_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="1 to 100 printable characters"):
        output(str(imports.sample(tmp_path, 0, 20)), "--instance", "edge\n1")


@pytest.mark.django_db
def test_the_source_is_left_as_it_was(tmp_path: Path) -> None:
    path = imports.sample(tmp_path, 8, 60)
    before = path.read_bytes()
    output(str(path))
    assert path.read_bytes() == before
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@pytest.mark.django_db
def test_only_one_import_for_an_instance_runs_at_a_time(tmp_path: Path) -> None:
    if "postgresql" in settings.DATABASES["default"]["ENGINE"]:
        pytest.skip("one session may take its own advisory lock again")
    path = imports.sample(tmp_path, 0, 20)
    with import_lock("edge-1"):
        with pytest.raises(ImportRunning):
            importing.run(path, "edge-1")
        assert importing.run(path, "edge-2").total.imported == 20


class Killed(BaseException):
    """The process ends between two batches."""


@pytest.mark.django_db
def test_an_import_cut_short_goes_on_where_it_was(tmp_path: Path) -> None:
    path = imports.sample(tmp_path, 8, 300)

    def kill(done: int, total: int) -> None:
        if done >= 120:
            raise Killed

    with pytest.raises(Killed):
        importing.run(path, "edge-1", progress=kill, batch=60)
    assert ImportedRow.objects.count() == Event.objects.count() == 120
    report = importing.run(path, "edge-1")
    assert imports.counts(report) == {
        "rows": 300,
        "imported": 180,
        "duplicates": 120,
        "quarantined": 0,
    }


# It never comes to its end before it is killed, however late that is.
IMPORTER = """
import sys, time
from pathlib import Path
import django; django.setup()
from audit import importing
def pauses(done, total):
    if done > total // 2:
        time.sleep(600)
importing.run(Path(sys.argv[1]), progress=pauses)
"""


@pytest.mark.stack
def test_a_killed_process_leaves_a_state_that_the_next_one_finishes(tmp_path: Path) -> None:
    path = imports.sample(tmp_path, 8, 8_000)
    var = tmp_path / "var"
    (var / "secrets").mkdir(parents=True)
    env = {**os.environ, "VAR_DIR": str(var), "DATABASE_URL": ""}
    manage = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]
    migrated(var / "portal.sqlite3")
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORTER, str(path)],
        cwd=settings.BASE_DIR,
        env=env | {"DJANGO_SETTINGS_MODULE": "portal.settings"},
    )
    _wait_for_rows(var / "portal.sqlite3")
    process.send_signal(signal.SIGKILL)
    process.wait()
    importer = [*manage, "import_defenseclaw", str(path), "--json"]
    done = subprocess.run(importer, env=env, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["rows"] == 8_000
    assert 0 < told["duplicates"] < 8_000
    assert told["imported"] + told["duplicates"] == 8_000
    connection = sqlite3.connect(var / "portal.sqlite3")
    query = "SELECT count(*) FROM audit_event"
    assert connection.execute(query).fetchone() == (8_001,)
    connection.close()


def _wait_for_rows(database: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection = sqlite3.connect(database, timeout=5)
        (count,) = connection.execute("SELECT count(*) FROM audit_importedrow").fetchone()
        connection.close()
        if count:
            return
        time.sleep(0.05)
    raise AssertionError("the import never committed a batch")
