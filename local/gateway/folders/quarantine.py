"""Moving skills and plugins into quarantine and back."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path

from local.gateway.audit.database import AuditDatabase
from local.gateway.audit.instants import go_time_string, now_ns
from local.gateway.user_folder import Home


@dataclass(frozen=True, slots=True)
class Record:
    """A row of `quarantine_records` (HEAD) with the agents it belongs to."""

    id: str
    original_path: Path
    quarantine_path: Path
    agents: tuple[str, ...]


def folder_in_quarantine(home: Home, kind: str, name: str, agent: str = "") -> Path:
    """Return where a skill or plugin lies while it is quarantined."""
    base = home.quarantine / f"{kind}s"
    return base / agent / name if agent else base / name


def move_into(destination: Path, source: Path, *, merge: bool) -> bool:
    """Move a folder into quarantine. A symbolic link cannot be moved.

    With `merge` (0.2.0) a folder that is already there keeps the files that the new one lacks, and
    modes become 0600 and 0700. Returns whether the folder was moved.
    """
    if source.is_symlink() or not source.is_dir():
        return False
    destination.parent.mkdir(parents=True, exist_ok=True)
    if merge:
        shutil.copytree(source, destination, dirs_exist_ok=True)
        shutil.rmtree(source)
        for path in (destination, *destination.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
        return True
    if destination.exists():
        shutil.rmtree(destination)
    shutil.move(source, destination)
    return True


def move_back(source: Path, destination: Path) -> None:
    """Move a quarantined folder to `destination`."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, destination)


def content_digest(folder: Path) -> str:
    """Return a digest over names and bytes of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class QuarantineRecords:
    """Where quarantined things came from, as HEAD keeps it next to the entries."""

    def __init__(self, database: AuditDatabase) -> None:
        self._database = database

    def add(
        self, kind: str, name: str, original: Path, moved_to: Path, reason: str, agents: list[str]
    ) -> None:
        """Record a quarantine."""
        stamp = go_time_string(now_ns())
        record_id = str(uuid.uuid4())
        row = {
            "id": record_id,
            "target_type": kind,
            "target_name": name,
            "original_path": str(original),
            "quarantine_path": str(moved_to),
            "content_hash": content_digest(moved_to),
            "reason": reason,
            "state": "active",
            "created_at": stamp,
            "updated_at": stamp,
        }
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM quarantine_records WHERE quarantine_path = ?", (str(moved_to),)
            )
            self._database.insert(connection, "quarantine_records", row)
            for agent in agents:
                self._database.insert(
                    connection,
                    "quarantine_record_connectors",
                    {"quarantine_id": record_id, "connector": agent, "associated_at": stamp},
                )

    def of_name(self, kind: str, name: str) -> list[Record]:
        """Return the records of a name."""
        sql = (
            "SELECT * FROM quarantine_records WHERE target_type = ? AND target_name = ? "
            "ORDER BY rowid"
        )
        with self._database.read() as connection:
            return [_record(connection, row) for row in connection.execute(sql, (kind, name))]

    def remove(self, record: Record) -> None:
        """Delete a record, as a completed restore does."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM quarantine_record_connectors WHERE quarantine_id = ?", (record.id,)
            )
            connection.execute("DELETE FROM quarantine_records WHERE id = ?", (record.id,))


def _record(connection: sqlite3.Connection, row: sqlite3.Row) -> Record:
    sql = "SELECT connector FROM quarantine_record_connectors WHERE quarantine_id = ?"
    agents = [found["connector"] for found in connection.execute(sql, (row["id"],))]
    return Record(
        row["id"], Path(row["original_path"]), Path(row["quarantine_path"]), tuple(agents)
    )
