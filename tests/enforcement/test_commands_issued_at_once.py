"""Commands of one outpost that are issued, waited for and settled in the same moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Barrier

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from approvals import clock
from approvals.models import Effect
from audit.clock import uuid7
from audit.models import EventRow
from audit.recording.actors import Actor
from enforcement.models import CommandState, Outpost, OutpostCommand
from enforcement.outposts import command_results, issued_commands, wait_for_commands
from enforcement.outposts.command_results import CommandResult
from tests.audit.own_database import own_database
from tests.enforcement.outpost_device import Device, enrolled

pytestmark = pytest.mark.django_db
ROUNDS = 6
NOBODY = Actor(iss="", sub="", via="api")


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def threads(tmp_path: Path, settings: LazySettings) -> Iterator[ThreadPoolExecutor]:
    """Two at once, on a database of their own."""
    settings.VAR_DIR = tmp_path
    with own_database(tmp_path), ThreadPoolExecutor(3) as pool:
        yield pool


def alone[T, **P](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return work(*args, **kwargs)
    finally:
        connection.close()


def one_more() -> str:
    device = Device()
    device.instance = f"edge-{device.id[:8]}"
    return enrolled(device).id


def step() -> Effect:
    now = clock.now()
    return Effect.objects.create(
        id=uuid7(),
        kind="gateway.hold",
        verb="skill.hold",
        event="skill.held",
        operation=str(uuid7()),
        target_kind="skill",
        target_name="pdf-exfil",
        instance="edge-9",
        created=now,
        updated=now,
    )


def issue(effect: Effect, outpost: str, gate: Barrier) -> int:
    connection.ensure_connection()
    gate.wait()
    return issued_commands.issue(effect, outpost, {"skill-disable": "tag"}).n


def test_two_steps_at_once_get_different_numbers(threads: ThreadPoolExecutor) -> None:
    outpost, numbers = threads.submit(alone, one_more).result(60), []
    for _ in range(ROUNDS):
        effects = [threads.submit(alone, step).result(60) for _ in range(2)]
        gate = Barrier(2, timeout=60)
        both = [threads.submit(alone, issue, one, outpost, gate) for one in effects]
        numbers += [one.result(60) for one in both]
    assert len(set(numbers)) == 2 * ROUNDS


def test_one_step_that_two_workers_run_is_one_command(threads: ThreadPoolExecutor) -> None:
    outpost = threads.submit(alone, one_more).result(60)
    for _ in range(ROUNDS):
        effect, gate = threads.submit(alone, step).result(60), Barrier(2, timeout=60)
        both = [threads.submit(alone, issue, effect, outpost, gate) for _ in range(2)]
        assert len({one.result(60) for one in both}) == 1


def kept(effect: Effect) -> OutpostCommand:
    return OutpostCommand.objects.get(pk=effect.pk)


def settle(outpost: str, result: CommandResult, gate: Barrier) -> None:
    connection.ensure_connection()
    gate.wait()
    with transaction.atomic():
        found = Outpost.objects.select_for_update().get(pk=outpost)
        command_results.take(found, [result], 1, NOBODY)


def test_a_result_that_two_reports_bring_at_once_counts_once(threads: ThreadPoolExecutor) -> None:
    outpost = threads.submit(alone, one_more).result(60)
    for _ in range(ROUNDS):
        effect = threads.submit(alone, step).result(60)
        n = threads.submit(alone, issue, effect, outpost, Barrier(1)).result(60)
        results = [
            CommandResult(id=str(effect.pk), n=n, state=state, entries=[])
            for state in ("done", "refused")
        ]
        gate = Barrier(2, timeout=60)
        both = [threads.submit(alone, settle, outpost, one, gate) for one in results]
        for one in both:
            one.result(60)
        found = threads.submit(alone, kept, effect).result(60)
        assert found.state in {CommandState.DONE, CommandState.REFUSED}
        assert issued_commands.is_sealed(found)
    others = EventRow.objects.exclude(action="outpost.key_enrolled")
    assert threads.submit(alone, others.count).result(60) == 0


def test_a_wait_ends_soon_after_a_command_is_issued(threads: ThreadPoolExecutor) -> None:
    outpost = threads.submit(alone, one_more).result(60)
    effect = threads.submit(alone, step).result(60)

    def wait() -> float:
        began = time.monotonic()
        wait_for_commands.until_issued(outpost, 0, 20, nullcontext)
        return time.monotonic() - began

    waiting = threads.submit(alone, wait)
    threads.submit(alone, issue, effect, outpost, Barrier(1)).result(60)
    assert waiting.result(60) < 10


def test_a_wait_for_nothing_ends_when_its_time_is_up(threads: ThreadPoolExecutor) -> None:
    outpost = threads.submit(alone, one_more).result(60)
    began = time.monotonic()
    waits = [
        threads.submit(alone, lambda: wait_for_commands.until_issued(outpost, 0, 1, nullcontext))
        for _ in range(3)
    ]
    for one in waits:
        one.result(60)
    assert 1 <= time.monotonic() - began < 10
