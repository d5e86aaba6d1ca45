"""One running stand-in: its parts, wired together."""

from __future__ import annotations

import os
import threading
import uuid

from local.gateway.audit.database import AuditDatabase
from local.gateway.audit.event_families import lifecycle
from local.gateway.audit.instants import now_ns
from local.gateway.audit.log import AuditLog, AuditRow
from local.gateway.audit.scan_rows import ScanRows
from local.gateway.audit.seals import SealingKey, load_or_make_key
from local.gateway.entries import Entries
from local.gateway.folders.rescan import Rescan
from local.gateway.folders.watcher import Watcher
from local.gateway.hooks.rows import HookRows
from local.gateway.hooks.runtime_policy import RuntimePolicy
from local.gateway.senders.running import Senders
from local.gateway.settings import Settings
from local.gateway.user_folder import Home, prepare, tighten_modes

DIED = 2
"""Exit code of 0.2.0 when it acts on an asset before OpenClaw was ever connected."""


class Gateway:
    """State and parts of one gateway process."""

    def __init__(self, home: Home, settings: Settings) -> None:
        prepare(home, settings)
        self.home = home
        self.settings = settings
        self.generation = settings.generation
        self.started = now_ns()
        self.run_id = str(uuid.uuid4()) if self.generation.needs_token else ""
        self.token = home.token() if self.generation.needs_token else ""
        self.guardrail_mode = settings.guardrail_mode
        self.key: SealingKey | None = None
        if self.generation.seals_rows:
            self.key = load_or_make_key(home.data)
        self.database = AuditDatabase(home.database, self.generation)
        self._held = self.database.hold_open()
        self._held.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self.log = AuditLog(self.database, key=self.key, run_id=self.run_id)
        self.entries = Entries(self.database)
        self.scans = ScanRows(self.database, self.log, started=self.started)
        self.hook_rows = HookRows(self.generation, self.log, self.scans)
        self.policy = RuntimePolicy(settings, self.entries)
        self.watcher = Watcher(
            home, settings, self.database, self.entries, self.log, self.scans, self.end_abruptly
        )
        self.rescan = Rescan(home, settings, self.database, self.log, self.scans)
        self.senders = Senders(home, self.generation, self.database)
        self.change_lock = threading.Lock()

    def start(self) -> None:
        """Write the rows of a start and begin to watch."""
        self.senders.start(self.log)
        self._write_lifecycle("sidecar-start", "starting all subsystems", "starting", "attempted")
        dirs = 4 if self.generation.entries_per_agent else 2
        self.watcher.start()
        self.rescan.start()
        self._write_lifecycle("watch-start", f"dirs={dirs} debounce=500ms", "ready", "completed")
        if self.settings.upstream == "connected":
            self.log.write(AuditRow("sidecar-connected", "", "protocol=3"))
        tighten_modes(self.home, self.settings)

    def stop(self) -> None:
        """Write the rows of an orderly stop and close the database (no -wal stays)."""
        self._write_lifecycle("watch-stop", "context cancelled", "stopped", "completed")
        self._write_lifecycle("sidecar-stop", "all subsystems stopped", "stopped", "completed")
        self.senders.stop()
        self._held.close()

    def end_abruptly(self) -> None:
        """End the process without an orderly stop."""
        os._exit(DIED)

    def mode_of(self, agent: str) -> str:
        """Return the mode an agent runs in now."""
        return self.settings.agents.get(agent) or self.guardrail_mode

    def _write_lifecycle(self, action: str, details: str, state: str, outcome: str) -> None:
        subsystem = "watcher" if action.startswith("watch") else "sidecar"
        phase = "startup" if action.endswith("start") else "shutdown"
        family = lifecycle(subsystem, state, phase, outcome)
        text = details if details.startswith("dirs=") else self.log.free_text(details)
        source = "gateway" if subsystem == "sidecar" else "system"
        self.log.write(AuditRow(action, "", text, source=source, family=family))
