"""Several processes on one listening socket, started from one that has the application loaded."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable

from serving.limits import SHORT_LIFE_S


def share(listening: socket.socket, count: int, work: Callable[[int], None]) -> int:
    """Keep `count` processes at `work` until SIGTERM or SIGINT; returns the exit code.

    `work` is given our process id, so that it ends when we are gone.

    A process that dies is replaced; when one dies within seconds, everything ends with 1, so that
    our supervisor reports it instead of forking for ever.
    """
    stopping = False
    running: dict[int, float] = {}

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        listening.close()
        for pid in running:
            _tell(pid, signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while not stopping and len(running) < count:
        running[_start(work)] = time.monotonic()
    code = 0
    while running:
        pid, status = os.wait()
        lived = time.monotonic() - running.pop(pid, 0.0)
        if stopping:
            continue
        if lived < SHORT_LIFE_S:
            code = 1
            stop()
        else:
            print(f"process {pid} ended with {status}; starting another", flush=True)  # noqa: T201
            running[_start(work)] = time.monotonic()
    return code


def _start(work: Callable[[int], None]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work(parent)
        code = 0
    finally:
        os._exit(code)  # nothing of the parent's clean-up belongs to a child


def _tell(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
