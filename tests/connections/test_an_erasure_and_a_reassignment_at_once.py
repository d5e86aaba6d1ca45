"""A review is reassigned while one of its reviewers is erased: each keeps what the other wrote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from approvals import registry
from approvals.registry import CommitContext
from audit.erasure import subject_and_store_registry
from audit.erasure.subject_and_store_registry import MARK
from connections.access_reviews import reassign_reviewer
from connections.models import Review
from tests.audit.own_database import own_database
from tests.connections.campaign import connected, opened
from tests.connections.test_reviews_are_reassigned import frozen, reassign, third
from tests.connections.visitor import know, subject
from tests.support.interleaving import blocked


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


def begun() -> Review:
    """Mia's part of a review was given to Tess; Milo leaves too."""
    know("member1", "member2", "admin", "admin2")
    connected("member1", "github")
    connected("member2", "slack")
    review = opened()
    frozen("member1")
    frozen("member2")
    reassign(review, subject("member1"), third().sub)
    third("rosa")
    return review


def reassigns(review: Review) -> None:
    """Milo's part goes to Rosa."""
    try:
        reassign(review, subject("member2"), third("rosa").sub)
    finally:
        connection.close()


def erases(gate: Barrier) -> None:
    """Tess, from the store of connections, as the job of an erasure does."""
    try:
        whose = subject_and_store_registry.identify(third().subject.key)
        [store] = [one for one in subject_and_store_registry.stores() if one.name == "connections"]
        gate.wait()
        with transaction.atomic():
            store.lock(whose)
            store.erase(whose)
    finally:
        connection.close()


def assigned(review: Review) -> list[Any]:
    try:
        found = Review.objects.get(pk=review.pk).reassignments
        return [(one["person"]["sub"], one["reviewer"]["sub"]) for one in found]
    finally:
        connection.close()


def test_a_reassignment_is_not_lost_while_another_reviewer_is_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    gate = Barrier(2, timeout=60)
    verb = registry.get(reassign_reviewer.VERB)

    def written(ctx: CommitContext, event: UUID) -> None:
        """The reassignment is written, and committed once the erasure waits for it."""
        assert verb.recorded is not None
        verb.recorded(ctx, event)
        gate.wait()
        until = time.monotonic() + 10
        while not blocked() and time.monotonic() < until:
            time.sleep(0.02)

    with own_database(tmp_path), ThreadPoolExecutor(2) as threads:
        review = threads.submit(begun).result(60)
        monkeypatch.setitem(registry._VERBS, verb.name, replace(verb, recorded=written))
        both = [threads.submit(reassigns, review), threads.submit(erases, gate)]
        for one in both:
            one.result(60)
        assert threads.submit(assigned, review).result(60) == [
            (subject("member1"), MARK),
            (subject("member2"), "auth0|rosa"),
        ]
