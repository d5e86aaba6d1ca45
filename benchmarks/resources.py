"""Time and memory of one piece of work, in the words that all measurements use."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any


@dataclass(slots=True)
class Spent:
    """Seconds by the clock, those of them in which others had the processors, and of ours."""

    wall: float = 0.0
    waited: float = 0.0
    cpu: float = 0.0

    def line(self, rows: int) -> dict[str, Any]:
        """Seconds and rows a second."""
        return {
            "rows": rows,
            "wall_s": round(self.wall, 3),
            "waited_s": round(self.waited, 3),
            "cpu_s": round(self.cpu, 3),
            "rows_per_s": round(rows / self.wall),
            "rows_per_quiet_s": round(rows / max(self.wall - self.waited, self.cpu, 1e-9)),
            "rows_per_cpu_s": round(rows / max(self.cpu, 1e-9)),
        }


@contextmanager
def spent() -> Iterator[Spent]:
    """Measure the block."""
    found = Spent()
    wall, cpu, share = time.perf_counter(), time.process_time(), Share.of()
    yield found
    found.wall, found.cpu = time.perf_counter() - wall, time.process_time() - cpu
    found.waited = (Share.of() - share).waited


@dataclass(frozen=True, slots=True)
class Share:
    """Seconds that a thread ran, and that it could have run while others had the processors."""

    ran: float = 0.0
    waited: float = 0.0

    @classmethod
    def of(cls, pid: int | str = "self") -> Share:
        """The share of a process's first thread so far; nothing where the system tells none."""
        path = Path(f"/proc/{pid}/schedstat")
        if not path.exists():
            return cls()
        ran, waited, _ = path.read_text().split()
        return cls(int(ran) / 1e9, int(waited) / 1e9)

    def __add__(self, other: Share) -> Share:
        return Share(self.ran + other.ran, self.waited + other.waited)

    def __sub__(self, other: Share) -> Share:
        return Share(self.ran - other.ran, self.waited - other.waited)


class Memory:
    """The most private memory (RssAnon, MiB) that the process held in the block.

    Not VmHWM: SQLite maps up to 256 MiB of the database file, which is the system's cache.
    """

    def __init__(self) -> None:
        self.peak = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, anonymous())
            if self._stop.wait(0.02):
                return


def anonymous() -> float:
    """RssAnon of this process now, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell RssAnon")


class Family:
    """As `Memory`, of this process and each that it started, watched from another process.

    A thread would do for one process, and would keep the verifier from forking.

    Attributes:
        peak: the most that one of them held, in MiB; known after the block.
    """

    def __init__(self) -> None:
        self.peak = 0.0

    def __enter__(self) -> Family:
        self._watcher = subprocess.Popen(
            [sys.executable, "-S", "-c", _WATCHER, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        said, _ = self._watcher.communicate()
        self.peak = int(said) / 1024


_WATCHER = """
import os, select, sys
parent, own, peak = sys.argv[1], os.getpid(), 0
def kib(pid):
    try:
        lines = open(f"/proc/{pid}/status").read().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), 0)
while True:
    try:
        children = open(f"/proc/{parent}/task/{parent}/children").read().split()
    except OSError:
        children = []
    peak = max([peak, *(kib(pid) for pid in [parent, *children] if pid != str(own))])
    if select.select([0], [], [], 0.1)[0]:
        print(peak, flush=True)
        break
"""
