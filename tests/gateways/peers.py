"""A gateway under test: what the suite asks of it, whether stand-in or real."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.gateways.configurations import Configuration
from tests.gateways.observations import Entry

HOOK_ROUTES: Final = {
    "claudecode": "/api/v1/claude-code/hook",
    "codex": "/api/v1/codex/hook",
    "cursor": "/api/v1/cursor/hook",
    "geminicli": "/api/v1/geminicli/hook",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status (0: closed without an answer) and body."""

    status: int
    body: Any

    def field(self, *names: str) -> Any:
        """A field of the body, or None on the way."""
        value = self.body
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value


class Peer(ABC):
    """One gateway process in a user folder, and its command line."""

    name: str
    """`stand-in` or `real`."""
    settle_s: float
    """How long no row must come before the watcher counts as done."""
    patience_s: float
    """How long something that does not happen is waited for."""
    timeout_s: float
    """How long a verdict of the watcher may take."""
    request_timeout_s: float = 120

    def __init__(self, home: Path, configuration: Configuration, port: int) -> None:
        self.home = home
        self.configuration = configuration
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Path:
        """Its `audit.db`."""
        return self.home / ".defenseclaw" / "audit.db"

    # Process

    @abstractmethod
    def set_up(self) -> None:
        """Make the user folder and the configuration, before anything starts."""

    @abstractmethod
    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line tool and what comes before its arguments."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Environment of its processes."""

    def start(self) -> None:
        """Start the process and wait until `/health` answers; raises TimeoutError."""
        self.process = self.launch()
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.ended() is not None:
                raise RuntimeError(f"ended with {self.ended()}")
            if self._answers():
                return
            time.sleep(0.05)
        raise TimeoutError("/health does not answer")

    def _answers(self) -> bool:
        return self.rest("GET", "/health").status == 200

    def ended(self) -> int | None:
        """Return the exit code of the process, None while it runs."""
        return self.process.poll() if self.process else None

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process in order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    # Questions

    def rest(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request with the token and the client header."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=self.request_timeout_s
        )
        headers = {"X-DefenseClaw-Client": "conformance", "Content-Type": "application/json"}
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, headers)
            response = connection.getresponse()
            raw = response.read()
        except (http.client.HTTPException, OSError) as problem:
            return Answer(0, type(problem).__name__)
        finally:
            connection.close()
        try:
            return Answer(response.status, json.loads(raw) if raw else None)
        except ValueError:
            return Answer(response.status, raw.decode(errors="replace"))

    def _token(self) -> str:
        try:
            text = (self.home / ".defenseclaw" / ".env").read_text()
        except OSError:
            return ""
        pairs = (line.partition("=") for line in text.splitlines())
        return next((v.strip() for k, _, v in pairs if k == "DEFENSECLAW_GATEWAY_TOKEN"), "")

    def hook(self, agent: str, event: str, payload: Mapping[str, object]) -> Answer:
        """Send a hook event as the agent's hook does."""
        body = {
            "session_id": "conformance",
            "conversation_id": "conformance",
            "cwd": str(self.home),
            "hook_event_name": event,
            **payload,
        }
        return self.rest("POST", HOOK_ROUTES[agent], body)

    def cli(self, *arguments: str) -> tuple[int, str]:
        """Run the command line tool; returns exit code and output."""
        done = subprocess.run(
            [*self.command(), *arguments],
            env=dict(self.environment()),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    # Its database

    def _connect(self, mode: str) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(f"file:{self.database}?mode={mode}", uri=True, timeout=20))

    def entries(self, kind: str, names: Iterable[str]) -> list[Entry]:
        """Return the rows of `actions` of these names, with `~` for the user folder."""
        with self._connect("ro") as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute("SELECT * FROM actions WHERE target_type = ?", (kind,))
            wanted = frozenset(names)
            found = [row for row in rows.fetchall() if row["target_name"] in wanted]
        return [self._entry(row) for row in found]

    def _entry(self, row: sqlite3.Row) -> Entry:
        state = json.loads(row["actions_json"] or "{}")
        path = (row["source_path"] or "").replace(str(self.home), "~")
        agent = row["connector"] if "connector" in row.keys() else ""  # noqa: SIM118 - `in` of a Row looks at its values
        install, file, runtime = (state.get(key, "") for key in ("install", "file", "runtime"))
        reason = row["reason"] or ""
        return Entry(agent, row["target_name"], install, file, runtime, path, reason)

    def replace_entries(self, kind: str, names: Iterable[str], entries: Iterable[Entry]) -> None:
        """Write entries of a kind in place of all those of the names."""
        with self._connect("rw") as connection, connection:
            for name in names:
                connection.execute(
                    "DELETE FROM actions WHERE target_type = ? AND (target_name = ? "
                    "OR target_name LIKE '%/' || ?)",
                    (kind, name, name),
                )
            for entry in entries:
                self._insert(connection, kind, entry)

    def forget_lists(self) -> None:
        """Delete all entries of servers and tools, whose names observations share."""
        with self._connect("rw") as connection, connection:
            connection.execute("DELETE FROM actions WHERE target_type IN ('mcp', 'tool')")

    def _insert(self, connection: sqlite3.Connection, kind: str, entry: Entry) -> None:
        flags = {"install": entry.install, "file": entry.file, "runtime": entry.runtime}
        row = {
            "id": str(uuid.uuid4()),
            "target_type": kind,
            "target_name": entry.name,
            "source_path": (entry.path or "").replace("~", str(self.home), 1) or None,
            "actions_json": json.dumps({k: v for k, v in flags.items() if v}),
            "reason": entry.reason or "conformance",
            "updated_at": datetime.now(UTC).isoformat(),
        }
        if self.configuration.generation != "0.2.0":
            row["connector"] = entry.agent
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO actions ({columns}) VALUES ({marks})", tuple(row.values()))

    def last_row(self) -> int:
        """Return the highest rowid of `audit_events`."""
        with self._connect("ro") as connection:
            return int(
                connection.execute("SELECT coalesce(max(rowid), 0) FROM audit_events").fetchone()[0]
            )

    def watcher_judged(self, name: str, after: int) -> bool:
        """Whether the watcher wrote a verdict about a folder of this name after a row."""
        with self._connect("ro") as connection:
            found = connection.execute(
                "SELECT 1 FROM audit_events WHERE rowid > ? AND action LIKE 'install-%' "
                "AND action <> 'install-detected' AND target LIKE '%' || ? LIMIT 1",
                (after, name),
            ).fetchone()
        return found is not None

    def await_verdict(self, name: str, after: int, seconds: float = 0) -> bool:
        """Wait for a verdict about a folder and until no more rows come; False if none came."""
        deadline = time.monotonic() + (seconds or self.timeout_s)
        while not self.watcher_judged(name, after):
            if time.monotonic() > deadline or self.ended() is not None:
                return False
            time.sleep(0.05)
        last = self.last_row()
        while True:
            time.sleep(self.settle_s)
            if (now := self.last_row()) == last or self.ended() is not None:
                return True
            last = now


def inherited_path() -> str:
    """PATH of the suite's own process."""
    return os.environ.get("PATH", "/usr/bin:/bin")
