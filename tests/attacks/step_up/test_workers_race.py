"""Several workers at once, in threads of their own that really commit: PostgreSQL lets them.

SQLite has one writer at a time, so nobody races there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections
from pytest_django import DjangoDbBlocker

from accounts import access_refusal_events
from accounts.access_refusal_events import Refusal
from approvals import clock
from approvals.models import Approval, Ask
from approvals.pipeline.service import Performed, perform
from approvals.step_up import ciba, rate_limit, sealed_secrets
from approvals.step_up.ciba import SECRET
from audit.recording.actors import SYSTEM, Actor, Target
from tests.accounts.trail import events
from tests.approvals.asking import ask
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting
from tests.attacks.step_up.conftest import Work
from tests.attacks.step_up.provider import PhoneProvider
from tests.attacks.step_up.trail import approve, committed, late


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database of its own, copied from the empty one, in which transactions are not rolled back.

    Evidence rows refuse to be deleted, so nothing could be tidied up in the common one.
    """
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    with django_db_blocker.unblock():
        name = connection.settings_dict["NAME"]
        own = f"{name}_race"
        _away()
        _server(f'DROP DATABASE IF EXISTS "{own}"')
        _server(f'CREATE DATABASE "{own}" TEMPLATE "{name}"')
        connection.settings_dict["NAME"] = own
        try:
            yield
        finally:
            _away()
            connection.settings_dict["NAME"] = name
            _server(f'DROP DATABASE "{own}" WITH (FORCE)')


def _away() -> None:
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]


def _server(sql: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(sql)


def at_once[T](*calls: Callable[[], T]) -> list[T]:
    """Make all calls in threads that begin together; their results in order."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        start.wait(30)
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_two_workers_with_one_answer_commit_once(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Both hold the ask, and the provider answers both: the approval's row lets one through."""
    for number in range(3):
        approval = ask(olu, "lamp.block" if number % 2 == 0 else "lamp.allow")
        work()
        provider.gives = 2
        approve(provider, approval)
        rows = [
            Ask.objects.select_related("approval", "person").get(approval=approval)
            for _ in range(2)
        ]
        secret = sealed_secrets.read(SECRET, str(rows[0].pk))
        before, said = len(committed()), len(events("approval.approved"))
        at_once(*(lambda row=row: ciba.work(row) for row in rows))
        if provider.showing(rows[0].code).collected < 2:  # one had dropped the secret already
            sealed_secrets.keep(SECRET, str(rows[1].pk), secret, expires=rows[1].expires_at)
            ciba.work(rows[1])
        assert len(committed()) == before + 1
        assert len(events("approval.approved")) == said + 1
        assert len(late(approval)) == 1, "the other answer came too late, and is on record"


def test_workers_that_race_for_the_turns_of_one_person_take_five(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor
) -> None:
    for number in range(8):
        target = Target("lamp", f"lamp-{number}")
        perform(SYSTEM, "lamp.block", target, severity="CRITICAL", folded=f"{number}")
    now = clock.now()
    rows = list(Ask.objects.select_related("approval"))
    took = at_once(*(lambda row=row: rate_limit.take(row, now) for row in rows))
    assert sorted(took) == [False] * 3 + [True] * rate_limit.most()
    assert Ask.objects.filter(started=now).count() == rate_limit.most()


def test_threads_that_refuse_the_same_leave_one_event(
    lamps: Lamps, provider: PhoneProvider, olu: Actor
) -> None:
    mia: Actor = acting("member1")
    found: Any = Refusal(mia, None, "not_permitted", "", "POST /v1/decisions", 403)
    took = at_once(*(lambda: access_refusal_events.note(found) for _ in range(6)))
    assert sorted(took) == [False] * 5 + [True]
    assert len(events("access.refused")) == 1


def test_threads_that_ask_for_the_same_at_once_share_one_approval(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor
) -> None:
    """A double click that two workers serve, and two that read the same finding."""
    for number in range(5):
        lamp = Target("lamp", f"lamp-{number}")
        for who, folded in ((olu, ""), (SYSTEM, f"scan-{number}")):
            kept: list[Performed] = []
            once = partial(
                perform, who, "lamp.block", lamp,
                severity="CRITICAL", folded=folded, before_commit=kept.append,
            )  # fmt: skip
            waiting = at_once(*(once for _ in range(4)))
            [operation] = {done.operation for done in waiting}
            assert len({done.approval and done.approval.pk for done in waiting}) == 1
            assert [done.operation for done in kept] == [operation] * 4, (
                "each caller keeps its own with the one decision"
            )
            assert len(events("approval.requested")) == Approval.objects.count()
            assert Ask.objects.filter(approval__operation=operation).count() == 1
    assert Approval.objects.count() == 10
