"""Stand-in gateways in processes of their own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.stand_in_gateway import Running, Start

GENERATIONS = ("0.2.0", "0.8.4", "head")
READY_S = 20


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Start]:
    """Starts stand-ins in one home and ends them."""
    started: list[subprocess.Popen[bytes]] = []

    def start(generation: str) -> Running:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = ["--generation", generation, "--home", str(tmp_path), "--port", str(port)]
        process = subprocess.Popen(
            [sys.executable, "-m", "local.gateway", *words], stdout=subprocess.DEVNULL
        )
        started.append(process)
        running = Running(generation, tmp_path, port, process)
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                running.get("/health")
                break
            except OSError:
                time.sleep(0.1)
        return running

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


@pytest.fixture(params=GENERATIONS)
def gateway(request: pytest.FixtureRequest, start_gateway: Start) -> Running:
    """A stand-in of each generation."""
    return start_gateway(request.param)
