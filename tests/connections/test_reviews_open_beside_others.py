"""Opening and closing a review keep nobody waiting, are of one moment, and survive being killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from approvals import clock
from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.recording.actors import Target
from connections.access_reviews import (
    frozen_account_list,
    large_reviews,
    signed_result_file,
    store_closing_result,
    store_opening_list,
    work_lease,
)
from connections.models import (
    ConnectedAccount,
    Review,
    ReviewItem,
    ReviewLetter,
    ReviewLines,
    ReviewWork,
)
from tests.accounts.trail import events
from tests.audit.own_database import own_database
from tests.connections.campaign import TOMORROW, admin, opened, person
from tests.connections.visitor import know, subject
from tests.support.migrated import on_server
from tests.support.tenant import CHECKOUT

MANY = 2_000
PROGRAM = """
import sys, django
django.setup()
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from connections.access_reviews import frozen_account_list, large_reviews
verb, name, iss, sub, due = sys.argv[1:]
frozen_account_list.BATCH = 40 if verb == "review.open" else 20  # more to come between
admin = Actor(iss=iss, sub=sub, roles=frozenset({"admin"}), via="cli")
params = {"title": "Spring", "due": due, "reviewers": "owners"} if verb == "review.open" else {}
if name == "whatever is due":
    sys.exit(0 if large_reviews.run_due() else 3)
perform(admin, verb, Target("review", name), params=params)
"""


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: processes of their own write and read beside it."""
    with django_db_blocker.unblock():
        yield


type Do = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Do]:
    """Does work on a database of its own with two thousand accounts of two people."""

    def do(work: Callable[[], Any]) -> Any:
        return thread.submit(work).result(300)

    def fill() -> None:
        know("admin", "member1", "member2")
        now = clock.now()
        ConnectedAccount.objects.bulk_create(
            ConnectedAccount(
                iss=settings.ENV.issuer,
                sub=subject("member1" if n % 2 else "member2"),
                connection="github",
                auth0_id=f"cac_{n:06}",
                scopes=["g0"],
                state_since=now,
                source="management",
                seen_at=now,
                watched_since=now - timedelta(days=10),
            )
            for n in range(MANY)
        )

    with own_database(tmp_path), ThreadPoolExecutor(1) as thread:
        do(fill)
        try:
            yield do
        finally:
            do(lambda: connection.close())  # of that thread


def another_process(verb: str, name: str) -> subprocess.Popen[str]:
    """A process that opens or closes a review in the database of this thread."""
    name_of_database = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name_of_database}"
    if server := os.environ.get("TEST_DATABASE_URL"):
        url = on_server(server, name_of_database)
    told = [verb, name, settings.ENV.issuer, subject("admin"), TOMORROW]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *told],
        cwd=CHECKOUT,
        env=os.environ
        | {
            "DATABASE_URL": url,
            "VAR_DIR": str(settings.VAR_DIR),
            "EVIDENCE_KEY": settings.EVIDENCE_KEY.hex(),  # it seals what a worker goes by
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def until(process: subprocess.Popen[str], seen: Callable[[], bool]) -> None:
    """Wait until something of the process is seen."""
    while not seen():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.005)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        work()
    return refused.value.code


def decide(item: Target) -> None:
    perform(person("member1"), "review.decide", item, params={"choice": "keep"})


def close(review: Review) -> None:
    perform(admin(), "review.close", Target("review", str(review.pk)))


def test_a_kill_while_a_review_opens_leaves_nothing_half_open(house: Do) -> None:
    def work() -> None:
        name = str(uuid7())
        process = another_process("review.open", name)
        until(process, lambda: ReviewItem.objects.filter(review_id=name).exists())
        kill(process)
        assert 0 < ReviewItem.objects.count() < MANY, "it was killed in the middle"
        assert not Review.objects.exists() and not events("review.opened")
        one = Target("review_item", str(ReviewItem.objects.first().pk))  # type: ignore[union-attr]
        assert refusal(lambda: decide(one)) in {"unknown_item", "not_permitted"}
        store_opening_list.tidy(clock.now())
        assert Review.opening.exists(), "it may live still"
        store_opening_list.tidy(clock.now() + work_lease.SILENT + timedelta(seconds=1))
        for model in (ReviewItem, ReviewLetter):
            assert not model.objects.exists()
        assert not Review.anyhow.exists()
        assert opened().items.count() == MANY

    house(work)


def test_a_list_is_of_one_moment_while_others_write_and_names_what_changed(house: Do) -> None:
    def work() -> None:
        name = str(uuid7())
        listed = list(ConnectedAccount.objects.order_by("connection", "sub", "id"))
        process = another_process("review.open", name)
        number = beside = 0
        while process.poll() is None:
            number += 1
            with transaction.atomic():  # both or none
                for account in (listed[0], listed[-1]):
                    account.scopes = [f"g{number}"]
                    account.save()
            beside += Review.opening.filter(pk=name).exists()
            time.sleep(0.02)  # whoever writes without a pause keeps everybody waiting
        assert process.returncode == 0, process.stderr.read() if process.stderr else ""
        assert beside >= 10, "whoever writes waited for the opening"
        review = Review.objects.get(pk=name)
        first, last = review.items.get(number=1), review.items.get(number=MANY)
        assert first.scopes == last.scopes, "two moments in one list"
        assert review.items.count() == MANY and frozen_account_list.stands(review).whole
        [event] = events("review.opened")
        assert first.scopes != [f"g{number}"], "it changed after its moment"
        named = {str(first.account), str(last.account)}
        assert set(review.changed) == set(event["data"]["changed_accounts"]) == named
        assert event["data"]["changed"] == 2
        assert event["data"]["as_of"] == clock.stamp(review.as_of or clock.now())

    house(work)


def test_a_kill_while_a_review_closes_leaves_it_open(house: Do) -> None:
    def work() -> None:
        review = opened()
        item = review.items.filter(sub=subject("member1")).first()
        assert item is not None
        one = Target("review_item", str(item.pk))
        process = another_process("review.close", str(review.pk))
        until(process, lambda: ReviewLines.objects.exists())
        assert refusal(lambda: decide(one)) == "being_closed"
        kill(process)
        assert refusal(lambda: close(review)) == "being_closed"
        review.refresh_from_db()
        assert review.closed_at is None and not events("review.closed")
        store_closing_result.tidy(clock.now() + work_lease.SILENT + timedelta(seconds=1))
        assert not ReviewLines.objects.exists()
        decide(one)
        close(review)
        assert events("review.closed")[0]["data"]["kept"] == 1

    house(work)


@pytest.mark.parametrize("verb", ["open", "close"])
def test_a_worker_that_is_killed_leaves_the_work_to_the_next(
    house: Do, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(large_reviews, "AT_ONCE", MANY - 1)

    def work_of_it() -> None:
        review = opened() if verb == "close" else Review(id=uuid4())
        params = {"title": "Spring", "due": TOMORROW, "reviewers": "owners"}
        asked = Target("review", str(review.pk)), params if verb == "open" else {}
        assert not large_reviews.begin(admin(), f"review.{verb}", *asked), "nobody waits for it"
        rows: Any = ReviewLines if verb == "close" else ReviewItem
        process = another_process(f"review.{verb}", "whatever is due")
        until(process, lambda: rows.objects.filter(review_id=review.pk).exists())
        kill(process)
        assert not events("review.closed")
        assert not large_reviews.run_due(), "the dead one may live still"
        Review.anyhow.filter(pk=review.pk).update(lease=clock.now() - timedelta(seconds=1))
        ReviewWork.objects.update(due=clock.now())
        assert large_reviews.run_due() == 1
        assert not ReviewWork.objects.exists() and not large_reviews.run_due()
        review = Review.objects.get(pk=review.pk)
        assert review.items.count() == MANY and frozen_account_list.stands(review).whole
        [event] = events("review.opened" if verb == "open" else "review.closed")
        assert event["actor"]["sub"] == subject("admin") and event["data"]["accounts"] == MANY
        if verb == "close":
            assert review.closed_at and signed_result_file.stands(review).whole

    house(work_of_it)


@pytest.mark.parametrize("verb", ["open", "close"])
def test_an_erasure_stops_whoever_opens_or_closes(house: Do, verb: str) -> None:
    """What they hold in memory may tell of the person."""

    def work() -> None:
        review = opened() if verb == "close" else Review(id=uuid4())
        process = another_process(f"review.{verb}", str(review.pk))
        rows: Any = ReviewLines if verb == "close" else ReviewItem
        until(process, lambda: rows.objects.filter(review_id=review.pk).exists())
        work_lease.stop_all()
        assert process.wait(300) == 1
        assert process.stderr is not None and "someone was erased" in process.stderr.read()
        assert not rows.objects.filter(review_id=review.pk).exists()
        assert Review.anyhow.count() == (1 if verb == "close" else 0)

    house(work)
