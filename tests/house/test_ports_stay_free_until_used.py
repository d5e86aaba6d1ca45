"""A port that a test chose is still free when its process comes to listen there."""

from __future__ import annotations

import socket
import subprocess
import sys

from tests.support.ports import free_ports
from tests.support.tenant import CHECKOUT

# What another run of tests would come to, if chance led it to the same ports.
_ANOTHER_RUN = """
import random, sys
random.randint = lambda low, high: int(sys.argv[1])
from tests.support.ports import free_ports
try:
    print(free_ports(2))
except RuntimeError as said:
    print(said)
"""


def test_the_kernel_gives_it_to_nobody() -> None:
    first = free_ports(3)
    outgoing = set()
    for _ in range(50):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            outgoing.add(one.getsockname()[1])
    assert first + 2 < min(outgoing)


def test_no_other_run_of_tests_gives_it_out() -> None:
    first = free_ports(2)
    for asked in (first, first + 1, first - 1):
        done = subprocess.run(
            [sys.executable, "-c", _ANOTHER_RUN, str(asked)],
            cwd=CHECKOUT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == "no 2 neighbouring free ports\n"
