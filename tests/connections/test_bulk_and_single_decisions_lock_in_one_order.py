"""A decision on several accounts and one on a single of them, interleaved on PostgreSQL.

Both lock the requests about all their accounts first and the accounts then. One that took them the
other way round waited for the other, and the server ended one of the two as a deadlock.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from approvals.errors import Refused
from approvals.models import Approval, Status
from approvals.pipeline import locks, overtaken_requests
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from connections.lifecycle import bulk_decisions
from connections.models import ConnectedAccount, State
from tests.audit.own_database import own_database
from tests.connections.campaign import connected, person
from tests.connections.visitor import know
from tests.support.interleaving import paused_before, thread_of, wait_until_blocked


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def _own_database(tmp_path: Path) -> Iterator[None]:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    with own_database(tmp_path):
        yield


def two_accounts_and_a_request_about_one() -> list[str]:
    """Accounts of two members, both connected; an admin's request about the first one waits."""
    know("admin", "admin2", "member1", "member2")
    ids = sorted(str(connected(who).pk) for who in ("member1", "member2"))
    asked = perform(
        person("admin2", "admin"), "connection.revoke", Target("connection", ids[0]), reason="x"
    )
    assert asked.approval is not None
    ConnectedAccount.objects.update(state=State.CONNECTED, held_by="")  # as an open request has it
    return ids


def suspend_both(ids: list[str]) -> str:
    """In bulk."""
    return outcome(bulk_decisions.SUSPEND, bulk_decisions.target_of(ids), {"accounts": ids})


def suspend_one(ids: list[str]) -> str:
    """The very account that the request is about."""
    return outcome("connection.suspend", Target("connection", ids[0]), {})


def outcome(verb: str, target: Target, params: dict[str, Any]) -> str:
    try:
        perform(person("admin", "admin"), verb, target, params=params, reason="x")
    except Refused as refused:
        return refused.code
    return "committed"


def states() -> set[str]:
    return set(ConnectedAccount.objects.values_list("state", flat=True))


def results(*calls: Future[Any]) -> list[str]:
    return [call.result(60) for call in calls]


@pytest.mark.usefixtures("_own_database")
def test_a_single_decision_waits_for_one_on_several_that_holds_its_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bulk decision has the account's row, and has yet to close what it overtook."""
    with thread_of("bulk") as bulk, thread_of("single") as single:
        ids = bulk(two_accounts_and_a_request_about_one).result(60)
        with paused_before(monkeypatch, overtaken_requests, "close", thread="bulk") as pause:
            first = bulk(suspend_both, ids)
            pause.wait_until_reached()
            second = single(suspend_one, ids)
            wait_until_blocked()
            pause.let_go()
            done = results(first, second)
        assert done[0] == "committed", "a deadlock would have ended one of them with an error"
        assert single(states).result(60) == {State.SUSPENDED}


@pytest.mark.usefixtures("_own_database")
def test_a_decision_on_several_waits_for_a_single_one_that_holds_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The single decision has the requests about the account, and has yet to take its row."""
    with thread_of("single") as single, thread_of("bulk") as bulk:
        ids = single(two_accounts_and_a_request_about_one).result(60)
        with paused_before(monkeypatch, overtaken_requests, "close", thread="single") as pause:
            first = single(suspend_one, ids)
            pause.wait_until_reached()
            second = bulk(suspend_both, ids)
            wait_until_blocked()
            pause.let_go()
            assert results(first, second)[0] == "committed"
        assert bulk(states).result(60) == {State.SUSPENDED}


def lock_the_request_and_wait(pause_at: Any) -> str:
    """As an answer to the request does, before it takes the account."""
    with transaction.atomic():
        approval = locks.locked(Approval.objects.get(status=Status.PENDING).pk)
        pause_at()
        list(ConnectedAccount.objects.select_for_update().filter(pk=approval.target_name))
    return "answered"


@pytest.mark.usefixtures("_own_database")
def test_an_answer_to_a_request_that_came_meanwhile_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked for after the decision locked the requests: its answer finds the state changed."""
    with thread_of("bulk") as bulk, thread_of("answer") as answer:
        ids = bulk(two_accounts_and_a_request_about_one).result(60)
        bulk(lambda: Approval.objects.update(status=Status.CLOSED)).result(60)
        with paused_before(monkeypatch, overtaken_requests, "close", thread="bulk") as pause:
            first = bulk(suspend_both, ids)
            pause.wait_until_reached()
            answer(lambda: Approval.objects.update(status=Status.PENDING)).result(60)
            held: list[bool] = []
            second = answer(lock_the_request_and_wait, lambda: held.append(True))
            wait_until_blocked()
            assert held, "it has the request and waits for the account"
            pause.let_go()
            assert results(first, second) == ["committed", "answered"]
