"""The watcher: folders of the primary agent, one new skill or plugin at a time."""

from __future__ import annotations

import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from local.gateway.agents import folder_of
from local.gateway.audit.database import AuditDatabase
from local.gateway.audit.event_families import asset_discovered, quarantine_events
from local.gateway.audit.log import AuditLog, AuditRow
from local.gateway.audit.scan_rows import ScanReport, ScanRows
from local.gateway.entries import GLOBAL, Entries
from local.gateway.folders.admission import admit, verdict_of_findings
from local.gateway.folders.folder_events import watch
from local.gateway.folders.quarantine import QuarantineRecords, folder_in_quarantine, move_into
from local.gateway.folders.scanner import ScanFailed, scan_folder
from local.gateway.settings import Settings
from local.gateway.user_folder import Home

_DEBOUNCE_S: Final = 0.5
_PAUSE_S: Final = 0.1


class UpstreamNeverConnected(Exception):
    """0.2.0 acts on an asset without OpenClaw ever connected: the process ends."""


class Watcher:
    """Judges each new folder, moves it into quarantine where the entries or the scan say so."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        database: AuditDatabase,
        entries: Entries,
        log: AuditLog,
        scans: ScanRows,
        end_process: Callable[[], None],
    ) -> None:
        self._home = home
        self._settings = settings
        self._generation = settings.generation
        self._entries = entries
        self._log = log
        self._scans = scans
        self._records = QuarantineRecords(database)
        self._end_process = end_process
        self._holds_all = self._generation.decision_holds_file_and_runtime or home.has_policies()
        self._kinds = {
            folder_of(home.folder, settings.primary, kind): kind for kind in ("skill", "plugin")
        }
        if self._generation.entries_per_agent:
            relative = folder_of(home.workspace, settings.primary, "skill")
            relative.mkdir(parents=True, exist_ok=True)
            self._kinds[relative] = "skill"

    @property
    def skill_folders(self) -> int:
        """How many skill folders are watched (a number, as `/health` shows it)."""
        return sum(kind == "skill" for kind in self._kinds.values())

    def start(self) -> None:
        """Watch from now on, in a separate thread."""
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait(5)

    def _run(self, ready: threading.Event) -> None:
        waiting: dict[Path, float] = {}
        for path in self._present_cache():
            waiting[path] = time.monotonic()
        events = watch(list(self._kinds), _PAUSE_S)
        while True:
            if not ready.is_set():
                # The first step opens the watch; it returns within the pause.
                threading.Timer(_PAUSE_S / 2, ready.set).start()
            for path in next(events):
                waiting[path] = time.monotonic()
            due = [p for p, seen in waiting.items() if time.monotonic() - seen >= _DEBOUNCE_S]
            if not due:
                continue
            path = min(due, key=lambda p: waiting[p])
            del waiting[path]
            try:
                self._handle(path)
            except UpstreamNeverConnected:
                self._end_process()
            except (OSError, sqlite3.Error) as problem:
                # The folder went away meanwhile, or (0.2.0) the database was locked.
                sys.stderr.write(f"[watch] {path}: {problem}\n")

    def _present_cache(self) -> list[Path]:
        """Return codex's own plugin cache, which each start takes for a new plugin."""
        cache = folder_of(self._home.folder, self._settings.primary, "plugin") / "cache"
        return [cache] if self._settings.primary == "codex" and cache.is_dir() else []

    def _handle(self, path: Path) -> None:
        kind = self._kinds.get(path.parent)
        if kind is None or not path.is_dir():
            return
        discovered = asset_discovered(kind, path.name, str(path))
        self._write("install-detected", path, f"type={kind} name={path.name}", family=discovered)
        admission = admit(self._entries, kind, path.name, path)
        if admission == "blocked":
            self._write("install-rejected", path, f"type={kind} reason=blocked")
            self._quarantine(kind, path)
            self._conclude(kind, path.name, "blocked")
        elif admission == "allowed":
            self._write("install-allowed", path, f"type={kind} reason=allow-listed")
        elif admission == "path-mismatch":
            self._write("install-allow-path-mismatch", path, f"type={kind} reason=path mismatch")
            self._quarantine(kind, path)
        else:
            self._scan(kind, path)

    def _scan(self, kind: str, path: Path) -> None:
        try:
            report = scan_folder(self._home.folder, kind, path, self._settings.scan_seconds)
        except ScanFailed as failure:
            error = self._log.free_text(str(failure))
            details = f"type={kind} scanner={kind}-scanner error={error}"
            self._write("install-scan-error", path, details)
            if self._generation.quarantines_after_failed_scan:
                self._quarantine(kind, path)
                self._write("install-blocked", path, f"type={kind} reason=scan error")
            return
        verdict = verdict_of_findings(report.severity, len(report.findings))
        words = "" if verdict == "clean" else f" severity={report.severity}"
        details = f"type={kind}{words} scanner={report.scanner}"
        if verdict == "rejected" and self._holds_all:
            details += " install_action=block file_action=quarantine runtime_action=disable"
        self._write(f"install-{verdict}", path, details)
        acts = verdict == "rejected" and self._acts_on(kind)
        if acts:
            self._decide(kind, path, report)
        self._scans.write(report, verdict=verdict, connector=self._connector())
        if verdict == "rejected":
            self._conclude(kind, path.name, "rejected", acted=acts)

    def _acts_on(self, kind: str) -> bool:
        # 0.2.0 blocks plugins by `watch.auto_block`, which is on, whatever take_action says.
        auto_block = kind == "plugin" and not self._generation.entries_per_agent
        return self._settings.take_action or auto_block

    def _decide(self, kind: str, path: Path, report: ScanReport) -> None:
        values = {"install": "block"}
        if self._holds_all:
            values |= {"file": "quarantine", "runtime": "disable"}
        reason = f"auto-block: watch detected {report.severity} findings (scanner={report.scanner})"
        self._entries.set_decision(kind, path.name, str(path), values, reason)
        details = f"type={kind} reason={self._log.free_text(reason)}"
        self._log.write(AuditRow("watcher-block", path.name, details, source="watcher"))
        self._quarantine(kind, path)

    def _quarantine(self, kind: str, path: Path) -> None:
        if self._generation.keeps_quarantine_records and self._stays_restored(kind, path):
            details = f"type={kind} restored physical files retained while install block remains"
            self._write("watcher-block", path, details)
            return
        agent = self._connector() if self._generation.quarantine_folder_per_agent else ""
        destination = folder_in_quarantine(self._home, kind, path.name, agent)
        merge = not self._generation.entries_per_agent
        if not move_into(destination, path, merge=merge):
            return
        if self._generation.keeps_quarantine_records:
            self._records.add(
                kind, path.name, path, destination, "watcher enforcement", [agent, GLOBAL]
            )
            for family in quarantine_events(kind, path.name, str(destination)):
                self._write("quarantine", path, f"dest={destination}", family=family)
        elif self._generation.entries_per_agent:
            self._write("quarantine", path, f"dest={self._log.free_text(str(destination))}")

    def _stays_restored(self, kind: str, path: Path) -> bool:
        """Whether an entry knows this path without a quarantine: HEAD then keeps the files.

        A completed restore leaves such an entry, and so does a block on the command line.
        """
        agent = self._connector()
        if self._entries.effective(kind, path.name, agent, "install") != "block":
            return False
        found = (self._entries.get(kind, path.name, owner) for owner in (agent, GLOBAL))
        return any(e and not e.file and e.source_path == str(path) for e in found)

    def _conclude(self, kind: str, name: str, verdict: str, *, acted: bool = True) -> None:
        """Write what follows a verdict: the disable at OpenClaw, or that nothing was done."""
        prefix = "plugin " if kind == "plugin" else ""
        if not self._settings.take_action:
            details = f"verdict={verdict} ({prefix}take_action disabled, no gateway action)"
            self._log.write(AuditRow("sidecar-watcher-verdict", name, details, source="system"))
            return
        if self._generation.entries_per_agent or not acted:
            return
        if self._settings.upstream == "never":
            raise UpstreamNeverConnected
        if self._settings.upstream == "connected":
            suffix = "-plugin" if kind == "plugin" else ""
            details = f"auto-disabled {kind} via gateway after verdict={verdict}"
            self._log.write(AuditRow(f"sidecar-watcher-disable{suffix}", name, details))

    def _connector(self) -> str:
        return self._settings.primary if self._generation.entries_per_agent else ""

    def _write(self, action: str, path: Path, details: str, **values: Any) -> None:
        row = AuditRow(action, str(path), details, source="watcher", **values)
        self._log.write(row)
