"""Callers who take their time, against the running portal: pages go on for everybody else.

A thread must be worth more than a connection: many announce a body and send half of it or nothing,
drip a header byte by byte, or ask for a large file and do not read it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from serving.limits import HEADERS_WITHIN_S
from tests.contract.running import Portal, beside

MANY = 24  # three for each of the eight threads
# A page that had to wait for one of them would wait for as long as the server waits for headers.
SOON_S = HEADERS_WITHIN_S / 3

# 8 MB of export: more than the buffers of two sockets take in.
LONG_REASONS = """
from audit.sequencing import sequencer
from audit.recording.actors import Actor, Target
from audit.recording.record import record
olu = Actor(iss="https://issuer.example/", sub="auth0|1", name="Olu Operator")
for number in range(200):
    record(olu, "skill.blocked", target=Target("skill", f"long-{number}"), reason="why " * 10_000)
sequencer.run_once()
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = beside(tmp_path_factory.mktemp("slow"))
    running.manage("shell", "--verbosity", "0", program=LONG_REASONS)
    yield running
    running.stop()
    running.tenant.stop()


@pytest.fixture(scope="module")
def auditor(portal: Portal) -> dict[str, str]:
    return {"Authorization": f"Bearer {portal.token('auditor')}"}


@contextmanager
def wires(portal: Portal, request: bytes, *, window: int = 0) -> Iterator[list[socket.socket]]:
    """Many connections that have each sent `request`; `window` bounds what they take in unread."""
    with ExitStack() as open_ones:
        found = []
        for _ in range(MANY):
            wire = open_ones.enter_context(socket.socket())
            if window:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            wire.settimeout(20)
            wire.connect(("127.0.0.1", portal.port))
            wire.sendall(request)
            found.append(wire)
        yield found


def lines(portal: Portal, first: str, *headers: str) -> bytes:
    return "\r\n".join((first, f"Host: localhost:{portal.port}", *headers)).encode()


def seconds_of_a_page(portal: Portal, auditor: dict[str, str]) -> float:
    """How long the slowest of three ordinary answers takes."""
    slowest = 0.0
    for path in ("/healthz", "/", "/v1/audit/events?limit=5&action=operator.*"):
        began = time.monotonic()
        answer = httpx.get(f"{portal.url}{path}", headers=auditor, timeout=2 * SOON_S)
        slowest = max(slowest, time.monotonic() - began)
        assert answer.status_code < 400, (path, answer.status_code)
    return slowest


@pytest.mark.parametrize("sent", [b"", b"logout_token=a"], ids=["nothing", "half"])
def test_bodies_that_strangers_never_finish_stop_no_page(
    portal: Portal, auditor: dict[str, str], sent: bytes
) -> None:
    announced = lines(
        portal,
        "POST /oidc/backchannel-logout/ HTTP/1.1",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Length: 4096",
    )
    with wires(portal, announced + b"\r\n\r\n" + sent):
        assert seconds_of_a_page(portal, auditor) < SOON_S


def test_reports_that_are_never_finished_stop_no_page(
    portal: Portal, auditor: dict[str, str]
) -> None:
    announced = lines(
        portal,
        "POST /v1/audit/events HTTP/1.1",
        f"Authorization: Bearer {portal.token('operator')}",
        "Content-Type: application/json",
        "Content-Length: 4096",
    )
    with wires(portal, announced + b'\r\n\r\n{"action":'):
        assert seconds_of_a_page(portal, auditor) < SOON_S


def test_dripping_headers_stop_no_page(portal: Portal, auditor: dict[str, str]) -> None:
    with wires(portal, lines(portal, "GET / HTTP/1.1", "X-Slow: ")) as dripping:
        for _ in range(5):
            for wire in dripping:
                wire.sendall(b"x")
            assert seconds_of_a_page(portal, auditor) < SOON_S


def test_readers_who_do_not_read_stop_no_page(portal: Portal, auditor: dict[str, str]) -> None:
    asked = httpx.post(
        f"{portal.url}/v1/audit/exports",
        headers=auditor,
        json={"format": "ndjson", "filter": {"action": "skill.*"}},
    )
    download = asked.json()["download"]
    whole = httpx.get(f"{portal.url}{download}", headers=auditor, timeout=30).content
    assert len(whole) > 8_000_000
    request = lines(
        portal, f"GET {download} HTTP/1.1", f"Authorization: {auditor['Authorization']}"
    )
    with wires(portal, request + b"\r\n\r\n", window=4096) as readers:
        for wire in readers:  # each has its answer begun
            assert wire.recv(12) == b"HTTP/1.1 200"
        assert seconds_of_a_page(portal, auditor) < SOON_S
        # Whoever does read has the whole file, beside those who do not.
        again = httpx.get(f"{portal.url}{download}", headers=auditor, timeout=30)
        assert again.content == whole
