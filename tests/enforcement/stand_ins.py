"""Stand-in gateways of a DefenseClaw generation as processes, named in an instances file."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from enforcement.gateways import client, instances

READY_S = 20


@dataclass(frozen=True, slots=True)
class StandIn:
    """A started stand-in gateway."""

    name: str
    home: Path
    port: int

    @property
    def database(self) -> Path:
        """Its audit database."""
        return self.home / ".defenseclaw/audit.db"

    def command(self, *words: str) -> None:
        """Run its command line."""
        subprocess.run([self.home / "bin/defenseclaw", *words], check=True, capture_output=True)

    def entry(self, kind: str, name: str, connector: str = "", **fields: str) -> None:
        """Write a row of `actions`, as its watcher does."""
        with closing(sqlite3.connect(self.database, timeout=5)) as source:
            source.execute(
                "INSERT INTO actions (id, target_type, target_name, actions_json, updated_at,"
                " connector) VALUES (?, ?, ?, ?, '2026-11-28 11:48:30 +0000 UTC', ?)",
                (f"{kind}-{name}-{connector}", kind, name, json.dumps(fields), connector),
            )
            source.commit()

    def hook(self, agent: str, event: dict[str, str]) -> dict[str, object]:
        """What it answers to an event of an agent's hook."""
        env = (self.home / ".defenseclaw/.env").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/{agent}/hook",
            json.dumps(event).encode(),
            {
                "Authorization": f"Bearer {env.partition('=')[2]}",
                "Content-Type": "application/json",
                "X-DefenseClaw-Client": "tests",
            },
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            said: dict[str, object] = json.load(answer)
        return said

    def actions(self) -> list[str]:
        """The actions that its audit trail has."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as source:
            return [row[0] for row in source.execute("SELECT action FROM audit_events")]

    def in_file(self, *, reads_database: bool = True) -> str:
        """Its block of an instances file."""
        token = self.home / "token"
        env = self.home / ".defenseclaw/.env"
        token.write_text(env.read_text().strip().partition("=")[2] if env.exists() else "none")
        database = f'audit_db = "{self.database}"\n' if reads_database else ""
        return (
            f'[[instance]]\nname = "{self.name}"\nbase_url = "http://127.0.0.1:{self.port}"\n'
            f'gateway_token_file = "{token}"\n{database}'
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, name: str, generation: str, *options: str) -> Iterator[StandIn]:
    """A stand-in gateway that answers, for the length of the block."""
    made = StandIn(name, folder / name, _free_port())
    command = [sys.executable, "-m", "local.gateway", "--generation", generation]
    command += ["--home", str(made.home), "--port", str(made.port), *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(made.port, process)
            yield made
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            opener.open(f"http://127.0.0.1:{port}/health", timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the stand-in gateway does not answer")


def register(folder: Path, *gateways: StandIn, reads_database: bool = True) -> None:
    """Write the file that names the gateways of a DEMO world, where the portal looks for it."""
    (folder / "demo").mkdir(exist_ok=True)
    blocks = [one.in_file(reads_database=reads_database) for one in gateways]
    (folder / "demo/instances.toml").write_text("\n".join(blocks))
    client._http.cache_clear()
    instances._cache.clear()
