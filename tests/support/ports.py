"""Ports that stay free until a test's process listens on them.

A port that the kernel chooses (bind to 0) is free for a moment only: the kernel takes the same ones
for connections that go out, and every other run asks for them too. These come from below its range,
and each is held by a lock of this process (fcntl(2), record locks) until it ends.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_LOWEST, _HIGHEST = 10_240, 32_767  # where Linux begins to choose; other systems begin above
_KERNEL = Path("/proc/sys/net/ipv4/ip_local_port_range")

# One byte a port; never closed, because closing lets go of every lock of this process.
_locks = os.open(
    Path(tempfile.gettempdir()) / f"ata-test-ports-{os.getuid()}", os.O_RDWR | os.O_CREAT, 0o600
)
_given: set[int] = set()


def free_port() -> int:
    """A loopback port that nobody listens on and that no other run of tests gives out."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of ``count`` neighbouring ones.

    Raises:
        RuntimeError: there are none.
    """
    highest = min(_HIGHEST, int(_KERNEL.read_text().split()[0]) - 1 if _KERNEL.exists() else 65_535)
    for _ in range(500):
        first = random.randint(_LOWEST, highest - count + 1)
        wanted = range(first, first + count)
        if _given.isdisjoint(wanted) and _held(first, count) and all(map(_is_free, wanted)):
            _given.update(wanted)
            return first
    raise RuntimeError(f"no {count} neighbouring free ports")


def _held(first: int, count: int) -> bool:
    """Whether other runs are kept from these now; the system lets go of them with this process."""
    try:
        fcntl.lockf(_locks, fcntl.LOCK_EX | fcntl.LOCK_NB, count, first)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
