"""Gateways that accept and never answer delay neither reading nor asking the others."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.conf import LazySettings

from enforcement.audit_database import periodic_scan_import
from enforcement.models import Scan, Watch
from tests.enforcement.gateways import Edge, Town, town_in

Look = Callable[[], int]

pytestmark = pytest.mark.django_db

HANGING = 10


@contextmanager
def hanging(count: int) -> Iterator[list[int]]:
    """Ports at which somebody accepts a connection and then says nothing."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        yield [one.getsockname()[1] for one in sockets]


def blocks(ports: list[int]) -> str:
    return "".join(
        f'\n[[instance]]\nname = "deaf-{number}"\nbase_url = "http://127.0.0.1:{port}"\n'
        'gateway_token_file = "token"\ndemo = true\n'
        for number, port in enumerate(ports)
    )


def test_a_pass_does_not_wait_for_their_time_limits(town: Town, edge: Edge, look: Look) -> None:
    with hanging(HANGING) as ports:
        town.write(blocks(ports))
        started = time.monotonic()
        periodic_scan_import.poll_due()
        took = time.monotonic() - started
        edge.scan("pdf-exfil")
        assert took < 5, f"{took:.1f} s"
        assert look() == 1
        deadline = time.monotonic() + 30
        while Watch.objects.filter(name__startswith="deaf-", reachable=False).count() < HANGING:
            assert time.monotonic() < deadline
            look()
            time.sleep(0.5)
    assert Watch.objects.get(name="edge-1").reachable is True


@pytest.mark.longer
def test_of_50_gateways_10_hang_and_the_others_are_read_in_5_seconds(
    tmp_path: Path, settings: LazySettings
) -> None:
    settings.VAR_DIR = tmp_path
    names = [f"edge-{number}" for number in range(1, 41)]
    stored: dict[str, float] = {}
    with town_in(tmp_path, *names) as town, hanging(HANGING) as ports:
        town.write(blocks(ports))
        periodic_scan_import.poll_due()
        ended = threading.Event()

        def scan() -> None:
            for round_ in range(3):
                for name in names:
                    label = f"{name}-{round_}"
                    town.edges[name].scan(label, "HIGH")
                    stored[label] = time.time()
                    time.sleep(0.1)
            ended.set()

        writer = threading.Thread(target=scan)
        writer.start()
        seen: dict[str, float] = {}
        while not ended.is_set() or len(seen) < len(stored):
            periodic_scan_import.poll_due()
            read = Scan.objects.exclude(name__in=seen).values_list("name", flat=True)
            seen.update((name, time.time()) for name in list(read))
            assert not stored or time.time() - max(stored.values()) < 60
            time.sleep(0.2)
        writer.join()
    waited = sorted(at - stored[name] for name, at in seen.items() if name in stored)
    assert len(waited) == 120
    p95 = waited[int(len(waited) * 0.95)]
    print(f"row to scan: median {waited[60]:.2f} s, p95 {p95:.2f} s, worst {waited[-1]:.2f} s")
    assert p95 <= 5
