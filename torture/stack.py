"""The stack as `make up` starts it, its processes by what they are, and how they are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from portal.env import BASE_DIR

READY_S = 120.0
# What each process is known by in its command line, which `keep.sh` carries too.
PROGRAMS = {
    "portal": b"portal.wsgi",
    "worker": b"portal\0--quiet\0worker",
    "tenant": b"local.tenant.wsgi",
    "gateway": b"local.gateway",
    "import": b"import_defenseclaw",
}


@dataclass
class Stack:
    """`python -m scripts.up` in one folder; it may be killed whole and started again."""

    var_dir: Path
    env: Mapping[str, str]
    log: Path
    starter: subprocess.Popen[bytes] | None = None
    starts: int = 0
    _mark: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._mark = f"VAR_DIR={self.var_dir}".encode()

    @property
    def runs(self) -> bool:
        """Whether the starter is there."""
        return self.starter is not None and self.starter.poll() is None

    def start(self, within_s: float = READY_S) -> float:
        """Start and wait until it says that it runs; returns the seconds it took.

        Raises:
            TimeoutError: it ended or was not ready in time.
        """
        began, said = time.monotonic(), self._said_ready()
        with self.log.open("ab") as log:
            self.starter = subprocess.Popen(
                [sys.executable, "-m", "scripts.up"],
                cwd=BASE_DIR,
                env=dict(self.env),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1
        while time.monotonic() - began < within_s:
            if not self.runs:
                raise TimeoutError(f"'make up' ended with {self.starter.returncode}; {self.log}")
            if self._said_ready() > said:  # /readyz may be answered by what is about to end
                return time.monotonic() - began
            time.sleep(0.1)
        raise TimeoutError(f"'make up' was not ready after {within_s:.0f} s; {self.log}")

    def _said_ready(self) -> int:
        return self.log.read_bytes().count(b"Auth0-ATA is running") if self.log.exists() else 0

    def is_ready(self) -> bool:
        """Whether /readyz answers 200."""
        url = f"http://127.0.0.1:{self.env['PORTAL_PORT']}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=3) as answer:
                return bool(json.load(answer)["ready"])
        except (OSError, ValueError):
            return False

    def wait_ready(self, seconds: float = READY_S) -> bool:
        """Whether it became ready in time."""
        until = time.monotonic() + seconds
        while not self.is_ready():
            if time.monotonic() > until or not self.runs:
                return False
            time.sleep(0.1)
        return True

    def processes(self) -> dict[int, bytes]:
        """Command line of every living process of this stack except the driver's own."""
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal() or int(folder.name) == os.getpid():
                continue
            with suppress(OSError):
                command = (folder / "cmdline").read_bytes()
                ours = self._mark in (folder / "environ").read_bytes().split(b"\0")
                # `torture.cluster` has its own kills.
                database = b"postgres" in command.split(b"\0")[0]
                if ours and command and not database and b"-m\0torture" not in command:
                    found[int(folder.name)] = command
        return found

    def of(self, name: str) -> list[int]:
        """Processes of one program, without the shells that keep it; the first is the parent."""
        program = PROGRAMS[name]
        return sorted(
            pid
            for pid, command in self.processes().items()
            if program in command and b"keep.sh" not in command
        )

    def kill_everything(self) -> int:
        """A power cut: every process at once; returns how many."""
        killed = 0
        while found := self.processes():
            for pid in found:
                killed += kill(pid)
            time.sleep(0.05)
        if self.starter is not None:
            self.starter.wait(10)
        return killed

    def kill_starter(self) -> None:
        """Only `make up` itself; the other processes have to notice."""
        if self.starter is not None:
            self.starter.kill()
            self.starter.wait(10)

    def stop(self) -> None:
        """Ctrl-C, then whatever is left."""
        if self.runs and self.starter is not None:
            self.starter.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.starter.wait(30)
        self.kill_everything()


def kill(pid: int) -> bool:
    """SIGKILL; False when it was gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
