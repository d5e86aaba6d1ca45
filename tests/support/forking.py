"""Runs Python in a process of its own that has loaded its libraries already (see `zygote`)."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.zygote import ROOM

CHECKOUT = Path(__file__).resolve().parents[2]


class Zygote:
    """One process that forks; it is started with the first run and ends with this process."""

    def __init__(self, *own: str) -> None:
        """`own` are packages of this checkout that may be loaded before the fork."""
        self._own = own
        self._door: socket.socket | None = None
        self._lock = threading.Lock()

    def run(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        input: str = "",
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """What `subprocess.run(["python", *command], capture_output=True, text=True)` returns.

        `command` is `-m module arguments…` or `-c program arguments…`.

        Raises:
            subprocess.TimeoutExpired: it was killed after `timeout` seconds.
        """
        kind, what, *arguments = command
        request = {
            {"-m": "module", "-c": "program"}[kind]: what,
            "arguments": arguments,
            "environment": dict(env),
            "folder": str(cwd),
        }
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as said,
            tempfile.TemporaryFile() as complained,
        ):
            given.write(input.encode())
            given.seek(0)
            streams = [given.fileno(), said.fileno(), complained.fileno()]
            code = self._ended(json.dumps(request).encode(), streams, timeout, command)
            said.seek(0)
            complained.seek(0)
            return subprocess.CompletedProcess(
                list(command), code, said.read().decode(), complained.read().decode()
            )

    def _ended(
        self, request: bytes, streams: list[int], timeout: float, command: Sequence[str]
    ) -> int:
        """The exit code, negative for a signal."""
        reading, writing = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._opened(), [request], [*streams, writing])
        finally:
            os.close(writing)
        with os.fdopen(reading, "rb", buffering=0) as answer:
            pid = int(answer.readline())
            if not select.select([answer], [], [], timeout)[0]:
                os.kill(pid, signal.SIGKILL)
                answer.readline()
                raise subprocess.TimeoutExpired(list(command), timeout)
            return int(answer.readline())

    def _opened(self) -> socket.socket:
        if self._door is None:
            self._door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for end in (self._door, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
            kept = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.zygote", str(theirs.fileno()), *self._own],
                cwd=CHECKOUT,
                env=kept | {"PYTHONUTF8": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
            theirs.close()
            atexit.register(self._closed, process)
        return self._door

    def _closed(self, process: subprocess.Popen[bytes]) -> None:
        assert self._door is not None
        self._door.close()
        process.wait()


COMMAND_LINE = Zygote("ata", "audit")  # what it needs of `audit` is the ledger library
PORTAL = Zygote()
