"""The scan of what already lies in the watched folders: it writes rows and enforces nothing."""

from __future__ import annotations

import threading
import time
import uuid
from pathlib import Path
from typing import Final

from local.gateway.agents import folder_of
from local.gateway.audit.database import AuditDatabase
from local.gateway.audit.instants import go_time_string, now_ns
from local.gateway.audit.log import AuditLog, AuditRow
from local.gateway.audit.scan_rows import ScanReport, ScanRows
from local.gateway.folders.admission import verdict_of_findings
from local.gateway.folders.quarantine import content_digest
from local.gateway.folders.scanner import ScanFailed, scan_folder
from local.gateway.settings import Settings
from local.gateway.user_folder import Home

_AFTER_START_S: Final = 3.0
_INTERVAL: Final = "1h0m0s"
_WORDS: Final = {"rejected": "block", "warning": "warn", "clean": "clean"}


class Rescan:
    """Runs once, shortly after a start of 0.8.4 or HEAD; unchanged content is skipped."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        database: AuditDatabase,
        log: AuditLog,
        scans: ScanRows,
    ) -> None:
        self._home = home
        self._settings = settings
        self._database = database
        self._log = log
        self._scans = scans

    def start(self) -> None:
        """Announce it and run it in a separate thread."""
        if not self._settings.generation.entries_per_agent:
            return
        self._log.write(AuditRow("rescan-start", "", f"interval={_INTERVAL}", source="system"))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        time.sleep(_AFTER_START_S)
        targets = [
            (kind, path)
            for kind in ("skill", "plugin")
            for path in folder_of(self._home.folder, self._settings.primary, kind).iterdir()
            if path.is_dir()
        ]
        if not targets:
            return
        run_id = f"rescan-{uuid.uuid4()}"
        scanned = sum(self._scan(kind, path, run_id) for kind, path in targets)
        counts = f"targets={len(targets)} scanned={scanned} skipped={len(targets) - scanned}"
        self._log.write(AuditRow("rescan", "", counts, source="system"))

    def _scan(self, kind: str, path: Path, run_id: str) -> bool:
        """Scan one folder if its content is new; returns whether it was scanned."""
        try:
            digest = content_digest(path)
            if digest == self._known_digest(path):
                return False
            report = scan_folder(self._home.folder, kind, path, self._settings.scan_seconds)
        except (ScanFailed, OSError):
            return False
        verdict = _WORDS[verdict_of_findings(report.severity, len(report.findings))]
        scan_id = self._scans.write(report, verdict=verdict, run_id=run_id)
        self._remember(kind, report, digest, scan_id)
        return True

    def _known_digest(self, path: Path) -> str:
        sql = "SELECT content_hash FROM target_snapshots WHERE target_path = ?"
        with self._database.read() as connection:
            row = connection.execute(sql, (str(path),)).fetchone()
        return row["content_hash"] if row else ""

    def _remember(self, kind: str, report: ScanReport, digest: str, scan_id: str) -> None:
        row = {
            "id": str(uuid.uuid4()),
            "target_type": kind,
            "target_path": report.target,
            "content_hash": digest,
            "dependency_hashes": "{}",
            "config_hashes": "{}",
            "network_endpoints": "[]",
            "scan_id": scan_id,
            "captured_at": go_time_string(now_ns()),
        }
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM target_snapshots WHERE target_path = ?", (report.target,)
            )
            self._database.insert(connection, "target_snapshots", row)
