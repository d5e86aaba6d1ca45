"""The whole running house, started as a visitor starts it: `python -m scripts.up`.

One stack serves every story of a session. It has its own folder and ports; nothing of it is
mocked, and what its processes say is kept in a file that the canary reads afterwards.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from scripts.demo_environment_setup import INSTANCES
from tests.support.ports import free_ports

CHECKOUT = Path(__file__).resolve().parents[2]
FIRST_START_S = 300.0
START_S = 90.0
STOP_S = 60.0
WATCHED = INSTANCES[0]
"""The DEMO gateway into whose agent's folder malicious skills are dropped."""
_NOT_INHERITED = re.compile(
    r"AUTH0_|PORTAL_|TENANT_|LEDGER_|DEFENSECLAW_|STEP_UP_|CELERY_|DJANGO_"
    r"|DEMO$|VAR_DIR$|DATABASE_URL$|CACHE_URL$|SECRET_KEY$|EVIDENCE_KEY$|TEST_DATABASE_URL$"
)


@dataclass
class Stack:
    """`make up` in ``var_dir``; data stays between ``stop`` and ``start``."""

    var_dir: Path
    extra_env: dict[str, str] = field(default_factory=dict)
    tenant_port: int = field(default_factory=lambda: free_ports(5))
    _process: subprocess.Popen[bytes] | None = None

    @property
    def portal_port(self) -> int:
        """Right after the tenant and the three DEMO gateways."""
        return self.tenant_port + 1 + len(INSTANCES)

    @property
    def portal(self) -> str:
        """Base URL of the portal, without a trailing slash."""
        return f"http://localhost:{self.portal_port}"

    @property
    def tenant(self) -> str:
        """Base URL of the local tenant, without a trailing slash."""
        return f"http://localhost:{self.tenant_port}"

    @property
    def log_file(self) -> Path:
        """Everything that the processes printed."""
        return self.var_dir.parent / f"{self.var_dir.name}-output.log"

    @property
    def output(self) -> str:
        """Everything that the processes printed so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def demo(self) -> Path:
        """Where the DEMO gateways keep their data."""
        return self.var_dir / "demo"

    def gateway_url(self, name: str) -> str:
        """Base URL of a DEMO gateway."""
        return f"http://127.0.0.1:{self.tenant_port + 1 + INSTANCES.index(name)}"

    def environment(self) -> dict[str, str]:
        """The environment of everything that belongs to this stack."""
        kept = {k: v for k, v in os.environ.items() if not _NOT_INHERITED.match(k)}
        return kept | {
            "VAR_DIR": str(self.var_dir),
            "PORTAL_PORT": str(self.portal_port),
            "TENANT_PORT": str(self.tenant_port),
            "PYTHONUNBUFFERED": "1",
            **self.extra_env,
        }

    def begin(self) -> subprocess.Popen[bytes]:
        """Start the processes and return at once."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scripts.up"],
                cwd=CHECKOUT,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._process

    def start(self, patience_s: float = START_S) -> Stack:
        """Start, and wait until the terminal says that it runs."""
        said = self.output.count("Auth0-ATA is running")
        process = self.begin()
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            if process.poll() is not None:
                raise AssertionError(f"ended with {process.returncode}:\n{self.output[-4000:]}")
            if self.output.count("Auth0-ATA is running") > said:
                assert httpx.get(f"{self.portal}/readyz", timeout=60).status_code == 200
                return self
            time.sleep(0.1)
        self.stop()
        raise AssertionError(f"not ready after {patience_s:.0f} s:\n{self.output[-4000:]}")

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ctrl-C, as a person would; returns the exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"did not stop:\n{self.output[-2000:]}") from None

    def kill(self) -> None:
        """End the starter as a crash would (SIGKILL); what it started has to notice by itself."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the checkout with this stack's environment."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=CHECKOUT,
            env=self.environment() | more,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def drop_malicious_skill(self, name: str) -> None:
        """`python -m demo.malicious_skill`: the scanner of a gateway is about to find it."""
        home = str(self.demo / WATCHED)
        done = self.run("-m", "demo.malicious_skill", "--home", home, "--name", name)
        assert done.returncode == 0, done.stderr

    def enforced(self, gateway: str, which: str = "blocked") -> dict[str, str]:
        """What a gateway really enforces: target name and reason, as it answers itself."""
        token = (self.var_dir / "secrets" / "DEMO_GATEWAY_TOKEN").read_text().strip()
        answer = httpx.get(
            f"{self.gateway_url(gateway)}/enforce/{which}",
            headers={"Authorization": f"Bearer {token}", "X-DefenseClaw-Client": "stories"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return {row["target_name"]: row.get("reason") or "" for row in answer.json() or []}

    def rows(self, query: str, *values: object, database: str = "portal") -> list[sqlite3.Row]:
        """Read rows of the portal's or the tenant's database, beside the running processes."""
        path = self.var_dir / f"{database}.sqlite3"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()


def eventually[T](look: Callable[[], T], what: str, patience_s: float = 120.0) -> T:
    """The first truthy answer of ``look``; fails with ``what`` was waited for.

    Long, for machines that have much else to do: only what never comes costs the time. Whoever
    waits for long looks less often: each look is a request that somebody has to answer.
    """
    until, pause = time.monotonic() + patience_s, 0.1
    while not (found := look()):
        assert time.monotonic() < until, f"not within {patience_s:.0f} s: {what}"
        time.sleep(pause)
        pause = min(pause * 1.25, 0.6)
    return found
