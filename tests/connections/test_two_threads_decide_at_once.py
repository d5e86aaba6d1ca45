"""Two threads, each with its own connection, decide on one account of a review at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from audit.recording.actors import Actor
from connections.access_reviews import remediation
from connections.access_reviews.remediation import Decided
from connections.models import ConnectedAccount, ReviewItem, State
from tests.accounts.trail import events
from tests.audit.own_database import own_database
from tests.connections.campaign import connected, only, opened, person
from tests.connections.visitor import know, subject

ROUNDS = 12


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


class Desk:
    """Somebody in a thread of their own."""

    def __init__(self, who: str) -> None:
        self.me = person(who, "admin")
        self.thread = ThreadPoolExecutor(1)

    def does(self, work: Any, *given: Any) -> Future[Any]:
        return self.thread.submit(work, *given)

    def gone(self) -> None:
        self.does(lambda: connection.close()).result(60)  # that of the thread
        self.thread.shutdown()


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[tuple[Desk, Desk]]:
    with own_database(tmp_path):
        two = Desk("admin"), Desk("admin2")
        try:
            yield two
        finally:
            for desk in two:
                desk.gone()


def begun() -> ReviewItem:
    know("admin", "admin2", "member1")
    connected("member1", "github", "repo", "delete_repo")
    return only(opened(reviewers="admins", admins=["admin", "admin2"]))


def decides(me: Actor, item: ReviewItem, choice: str, gate: Barrier) -> Decided:
    read = only(item.review)  # their own copy of the row
    gate.wait(60)
    return remediation.decide(me, read, choice, f"{choice} it")


def actor_of(event: str) -> tuple[str, str]:
    [one] = [one for one in events("review.decided") if one["id"] == event]
    return one["actor"]["sub"], one["data"]["choice"]


def test_each_is_told_of_their_own_decision(desks: tuple[Desk, Desk]) -> None:
    first, second = desks
    item = first.does(begun).result(120)
    for n in range(ROUNDS):
        gate, choices = Barrier(2), ("keep", "reduce") if n % 2 else ("reduce", "keep")
        asked = [
            desk.does(decides, desk.me, item, choice, gate)
            for desk, choice in zip(desks, choices, strict=True)
        ]
        for desk, choice, done in zip(desks, choices, (one.result(120) for one in asked),
                                      strict=True):  # fmt: skip
            told = second.does(actor_of, done.event).result(60)
            assert told == (desk.me.sub, choice)
            assert (done.item.choice, done.item.event) == (choice, done.event)
            assert done.refused is None and done.revocation is None


def test_what_another_decides_before_the_answer_is_not_in_it(desks: tuple[Desk, Desk]) -> None:
    """The other thread is let in as soon as the first has committed."""
    first, second = desks
    item = first.does(begun).result(120)

    def lets_in() -> Decided:
        def other(_: Decided) -> None:
            gate = Barrier(1)
            work = (decides, second.me, item, "reduce", gate)
            transaction.on_commit(lambda: second.does(*work).result(60))

        return remediation.decide(first.me, item, "keep", "", before_commit=other)

    done = first.does(lets_in).result(120)
    assert (done.item.choice, done.item.decided_sub) == ("keep", first.me.sub)
    row = second.does(lambda: ReviewItem.objects.get()).result(60)
    assert (row.choice, row.decided_sub) == ("reduce", second.me.sub)


def test_of_two_revocations_the_one_whose_decision_counts_begins(
    desks: tuple[Desk, Desk],
) -> None:
    first, second = desks
    item = first.does(begun).result(120)
    gate = Barrier(2)
    asked = [desk.does(decides, desk.me, item, "revoke", gate) for desk in desks]
    done: list[Decided] = []
    late: list[str] = []
    for one in asked:
        try:
            done.append(one.result(120))
        except Exception as refused:  # decided only after the other's revocation had begun
            late.append(getattr(refused, "code", repr(refused)))
    row = second.does(lambda: ReviewItem.objects.get()).result(60)
    held = [one for one in done if one.revocation is not None]
    assert len(held) == 1 and held[0].event == row.event
    assert late in ([], ["already_begun"])
    assert [one.refused.code for one in done if one.refused] in ([], ["decided_again"])
    assert len(done) + len(late) == 2
    account = second.does(lambda: ConnectedAccount.objects.get()).result(60)
    assert account.state == State.SUSPENDED
    requested = second.does(events, "approval.requested").result(60)
    assert [one["actor"]["sub"] for one in requested] == [row.decided_sub]
    assert row.decided_sub in {subject("admin"), subject("admin2")}
