"""Whatever is in the place of an audit database, the fleet page says within one pass why not."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.ingest.pushes import scan_targets
from demo import sample_gateway_database
from enforcement.audit_database import files_in_quarantine
from enforcement.audit_database.scan_rows import Position, SourceUnreadable, opened
from enforcement.gateways import enforcement_entries
from enforcement.models import Scan
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
Look = Callable[[], int]
Change = Callable[[Path], object]

pytestmark = pytest.mark.django_db


def without_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere.db"))


def as_folder(path: Path) -> None:
    path.mkdir()


def as_text(path: Path) -> None:
    path.write_text("not a database at all, but long enough to be looked at " * 100)


def as_other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE notes (id TEXT)")


def as_empty_file(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_folder, "the folder of its audit database is not there"),
        (as_pipe, "is no file but a folder, pipe or device"),
        (as_folder, "is no file but a folder, pipe or device"),
        (as_dangling_link, "its audit_db is a link that leads to no file"),
        (as_text, "is no database, or a damaged one"),
        (as_other_database, "no scan_results; is it DefenseClaw"),
        (as_empty_file, "no scan_results; is it DefenseClaw"),
        (lambda path: None, "its audit database is not there yet"),
    ],
)
def test_the_page_says_what_is_wrong_within_one_pass(
    town: Town, edge: Edge, look: Look, change: Change, says: str
) -> None:
    look()
    edge.stop()
    for file in edge.database.parent.glob("audit.db*"):
        file.unlink()
    change(edge.database)
    started = time.monotonic()
    look()
    assert time.monotonic() - started < 10
    page = browser("operator", "operator").get("/enforcement/fleet/").content.decode()
    assert says.replace("'", "&#x27;") in page
    assert str(edge.folder) not in page
    town.edges["edge-2"].scan("pdf-exfil")
    look()  # and the others are read
    assert Scan.objects.filter(instance="edge-2").exists()


def test_a_locked_database_is_said_and_read_later(town: Town, edge: Edge, look: Look) -> None:
    look()
    edge.stop()  # its connections are closed, so that another may lock the whole file
    with closing(sqlite3.connect(edge.database, isolation_level=None)) as locking:
        locking.execute("PRAGMA locking_mode=EXCLUSIVE")
        locking.execute("BEGIN EXCLUSIVE")
        locking.execute("UPDATE scan_results SET scanner = scanner")
        with (
            pytest.raises(SourceUnreadable, match="has locked its audit database"),
            opened(edge.database) as source,
        ):
            source.end()
        locking.execute("ROLLBACK")
    with opened(edge.database) as source:
        source.end()


def with_endless_view(path: Path, name: str) -> Path:
    """A database in which somebody put a view without end in the place of a table."""
    with closing(sqlite3.connect(path)) as made:
        made.execute(
            f"CREATE VIEW {name} AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
            " SELECT 'skill' AS target_type, x AS target_name, 'active' AS state,"
            " '{}' AS actions_json, '' AS source_path, x AS id, '' AS target FROM c"
        )
    return path


def test_a_view_in_the_place_of_the_quarantine_records_is_not_read(tmp_path: Path) -> None:
    path = with_endless_view(tmp_path / "audit.db", "quarantine_records")
    assert not files_in_quarantine.lie_there(path, "skill", "notes")


def test_reading_a_view_without_end_is_ended(tmp_path: Path) -> None:
    path = with_endless_view(tmp_path / "audit.db", "actions")
    with pytest.raises(SourceUnreadable, match="took too long and was ended"):
        enforcement_entries.in_database(path, "skill", "notes")


def test_a_view_without_end_keeps_no_push_from_being_taken_in(tmp_path: Path) -> None:
    path = with_endless_view(tmp_path / "audit.db", "scan_results")
    assert scan_targets._targets(path, ["s1"]) == {}


@contextmanager
def another_user() -> Iterator[None]:
    """We are a user without any right for the length of the block, where we may become one."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_stopped_gateway_is_read_by_another_user_without_its_log(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    assert sample_gateway_database.main([str(path), "--events", "60", "--generation", "0"]) == 0
    folder = Path(f"/tmp/ata-stopped-{os.getpid()}")  # pytest's own folders are closed to others
    folder.mkdir()
    try:
        shutil.copy(path, folder / "audit.db")
        (folder / "audit.db").chmod(0o444)
        folder.chmod(0o555)
        with another_user(), opened(folder / "audit.db") as source:
            assert source.after(Position(), NOW, limit=10)
        assert [file.name for file in folder.iterdir()] == ["audit.db"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    path, disk = tmp_path / "audit.db", tmp_path / "disk"
    assert sample_gateway_database.main([str(path), "--events", "60", "--generation", "0"]) == 0
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    try:
        shutil.copy(path, disk / "audit.db")
        (disk / "audit.db-wal").write_bytes(b"x" * 4096)  # its index has to be made to read it
        with (disk / "rest").open("wb", buffering=0) as rest, contextlib.suppress(OSError):
            while rest.write(b"x" * 4096):
                pass
        with pytest.raises(SourceUnreadable) as said, opened(disk / "audit.db") as source:
            source.end()
        assert "full" in str(said.value)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
