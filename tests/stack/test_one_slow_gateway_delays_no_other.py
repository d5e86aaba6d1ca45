"""Due steps are started in lanes: a gateway that hangs holds up its own steps only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from approvals import clock
from approvals.due_work import sweep
from approvals.models import Effect
from audit.clock import uuid7
from portal.background_job_pool_per_peer import CAPACITY, Lanes
from portal.loops import loops
from tests.audit.own_database import own_database

LONG_S = 60.0


def due(instance: str, number: int) -> None:
    """Steps of an instance that have been due for some time, oldest first."""
    since = clock.now() - timedelta(minutes=5 if instance == "hangs" else 1)
    Effect.objects.bulk_create(
        Effect(id=uuid7(), kind="test", instance=instance, created=since, updated=since, due=since)
        for _ in range(number)
    )


class Gateways:
    """Two gateways: a call to `hangs` returns when `gate` is opened."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.reached = threading.Event()
        self.healthy = threading.Event()
        self.calls: list[str] = []

    def __call__(self, effect: Effect) -> None:
        self.calls.append(effect.instance)
        if effect.instance == "hangs":
            self.reached.set()
            assert self.gate.wait(LONG_S)
        else:
            self.healthy.set()
        Effect.objects.filter(pk=effect.pk).update(due=None, state="done")


@pytest.fixture
def gateways(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> Iterator[Gateways]:
    """With a database for several threads, without the transaction that other tests are in."""
    with django_db_blocker.unblock(), own_database(tmp_path):
        yield Gateways()


def test_a_healthy_gateway_is_told_while_another_one_hangs(
    gateways: Gateways,
) -> None:
    lanes = Lanes("test", threads=4)

    def look() -> int:
        return sweep(lanes, ((Effect, gateways),))

    with ThreadPoolExecutor(1) as worker:
        worker.submit(due, "hangs", 150).result()  # more than one batch of due rows
        worker.submit(due, "healthy", 3).result()
        assert worker.submit(look).result() == CAPACITY + 3
        assert gateways.reached.wait(LONG_S)
        assert gateways.healthy.wait(LONG_S), "it waited for the one that hangs"
        assert not gateways.gate.is_set() and gateways.calls.count("hangs") == 1
        claimed = worker.submit(Effect.objects.filter(lease__isnull=False).count).result()
        assert claimed <= CAPACITY + 3, "what has no room is not claimed"
        gateways.gate.set()
        lanes.wait()
    assert (gateways.calls.count("hangs"), gateways.calls.count("healthy")) == (CAPACITY, 3)


@pytest.mark.django_db  # so that pytest-django makes the database that is copied above
def test_one_gateway_is_never_called_twice_at_once() -> None:
    lanes, gate = Lanes("test", threads=4), threading.Event()
    begun = threading.Semaphore(0)

    def call() -> None:
        begun.release()
        gate.wait(LONG_S)

    for _ in range(CAPACITY):
        lanes.start("edge-1", call)
    assert begun.acquire(timeout=LONG_S)
    lanes.start("edge-2", call)
    assert begun.acquire(timeout=LONG_S), "the other one is not kept"
    assert not lanes.has_capacity("edge-1") and lanes.full() == {"edge-1"}
    assert lanes.has_capacity("edge-2") and lanes.has_capacity("")
    assert not begun.acquire(blocking=False)
    gate.set()
    lanes.wait()
    assert lanes.has_capacity("edge-1") and not lanes.full()


def test_the_workers_loop_tells_a_healthy_gateway_while_another_one_hangs(
    gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Needs a test next to it that is marked: without one nobody makes the database it copies."""
    monkeypatch.setattr("approvals.due_work.STEPS", ((Effect, gateways),))
    stop = threading.Event()
    with ThreadPoolExecutor(2) as worker:
        worker.submit(due, "hangs", 150).result()
        worker.submit(due, "healthy", 3).result()
        looping = worker.submit(loops()["remote-steps"], stop)
        try:
            assert gateways.reached.wait(LONG_S)
            assert gateways.healthy.wait(15), "it waited for the one that hangs"
        finally:
            stop.set()
            gateways.gate.set()
        looping.result()
        claimed = Effect.objects.filter(lease__isnull=False)
        while worker.submit(claimed.exists).result():  # what was started ends
            time.sleep(0.05)
