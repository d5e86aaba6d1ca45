"""A stand-in gateway with an enrolled outpost next to it, and a portal that sends it commands."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ata.outpost.enrolment import enrol
from ata.outpost.report_loop import Outpost
from ata.outpost.state_folder import StateFolder
from tests.ata.outpost.commanding_portal import Portal
from tests.ata.outpost.report_receiver import Receiver
from tests.support.ports import free_port

_FOLDERS = {"claudecode": ".claude", "codex": ".codex", "openclaw": ".openclaw"}
_READY_S = 20


@dataclass
class Commanded:
    """The gateway's host: its home, its outpost's folder, and who commands it."""

    home: Path
    generation: str
    options: tuple[str, ...]
    receiver: Receiver
    portal: Portal = field(default_factory=Portal)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> StateFolder:
        return StateFolder(self.home / ".ata" / "outpost")

    @property
    def database(self) -> Path:
        return self.home / ".defenseclaw" / "audit.db"

    def start(self) -> None:
        words = ["--generation", self.generation, "--home", str(self.home)]
        command = [sys.executable, "-m", "local.gateway", *words, "--port", str(self.port)]
        self.process = subprocess.Popen([*command, *self.options], stdout=subprocess.DEVNULL)
        until = time.monotonic() + _READY_S
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=1)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the stand-in gateway does not answer")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def enrol(self) -> None:
        self.receiver.more_pins = self.portal.pins()
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{self.home / 'bin'}:{before}"
        try:
            data = self.home / ".defenseclaw"
            found = enrol(self.folder, "CODE", self.receiver.url, self.portal.instance, data)
        finally:
            os.environ["PATH"] = before
        self.portal.outpost = found.outpost
        assert found.cli_path == str(self.home / "bin" / "defenseclaw")

    def put(self, kind: str, agent: str, name: str) -> Path:
        plugins = "extensions" if agent == "openclaw" else "plugins"
        below = "skills" if kind == "skill" else plugins
        folder = self.home / _FOLDERS[agent] / below / name
        folder.mkdir(parents=True)
        (folder / ("SKILL.md" if kind == "skill" else "plugin.json")).write_text("{}\n")
        return folder

    def send(self, envelope: dict[str, Any]) -> dict[str, Any]:
        self.receiver.commands.append(envelope)
        command: dict[str, Any] = envelope["command"]
        return command

    @contextmanager
    def outpost(self) -> Iterator[Outpost]:
        with closing(Outpost(self.folder)) as found:
            yield found

    def report(self) -> list[dict[str, Any]]:
        """Let the outpost carry out what there is and report; what is new of commands."""
        before = len(self.receiver.outcomes)
        with self.outpost() as outpost:
            outpost.run_once()
        return self.receiver.outcomes[before:]

    def carry_out(self) -> list[dict[str, Any]]:
        """Let the outpost carry out what there is, without a report; all outcomes it has."""
        with self.outpost() as outpost:
            commands = outpost._commands
            assert commands is not None
            commands.step()
            return commands.outcomes()

    @contextmanager
    def unreadable(self) -> Iterator[None]:
        """The outpost sees the gateway's data folder without its database."""
        seen = self.home / "seen" / ".defenseclaw"
        seen.mkdir(parents=True)
        for one in ("config.yaml", ".env"):
            if (self.database.parent / one).exists():
                shutil.copy(self.database.parent / one, seen)
        enrolment = self.folder.read("enrolment.json")
        self.folder.write("enrolment.json", enrolment | {"data_folder": str(seen)})
        try:
            yield
        finally:
            self.folder.write("enrolment.json", enrolment)

    def refusals(self) -> list[str]:
        return [f"{one['state']} {one['code']}" for one in self.report()]

    def entries(self, kind: str, name: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            query = "SELECT * FROM actions WHERE target_type=? AND target_name=?"
            rows = [dict(row) for row in db.execute(query, (kind, name))]
        return [{**row, "actions": json.loads(row["actions_json"])} for row in rows]

    def set_entry(self, kind: str, name: str, actions: dict[str, str], agent: str = "") -> None:
        """Write an entry as somebody else on the host does."""
        known = {row.get("connector", "") for row in self.entries(kind, name)}
        with closing(sqlite3.connect(self.database, timeout=5)) as db, db:
            if agent in known:
                db.execute(
                    "UPDATE actions SET actions_json=?, reason='by hand' "
                    "WHERE target_type=? AND target_name=? AND connector=?",
                    (json.dumps(actions), kind, name, agent),
                )
                return
            db.execute(
                "INSERT INTO actions (id, target_type, target_name, actions_json, reason, "
                "updated_at, connector) VALUES (?, ?, ?, ?, 'by hand', '2026-11-28T10:00:00Z', ?)",
                (f"{kind}{name}{agent}", kind, name, json.dumps(actions), agent),
            )

    def run_ids(self, action: str) -> list[str]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            query = "SELECT run_id FROM audit_events WHERE action=?"
            return [str(one) for (one,) in db.execute(query, (action,))]
