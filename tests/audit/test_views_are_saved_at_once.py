"""Two connections that save a view at once: the second waits, and counts what the first kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from audit.ledger.query import EventQuery
from audit.models import SavedView
from audit.saved_views import changes
from audit.saved_views.changes import NotSaved, Wanted
from tests.audit.factories import ADA
from tests.audit.own_database import own_database

pytestmark = pytest.mark.django_db


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database is there to be copied; a transaction in it would keep it from that."""
    with django_db_blocker.unblock():
        yield


@pytest.mark.parametrize(
    ("most", "name", "code"), [(1, "second", "too_many_views"), (2, "first", "name_taken")]
)
def test_two_who_save_at_once_pass_no_limit(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, name: str, code: str
) -> None:
    monkeypatch.setattr(changes, "MOST", most)
    kept = threading.Event()

    def first() -> None:
        with closing(connection), transaction.atomic():
            changes.keep(ADA, Wanted("first", EventQuery.from_bar("via:web")))
            kept.set()
            time.sleep(0.5)  # the other asks meanwhile

    def second() -> str:
        kept.wait(10)
        with closing(connection):
            try:
                changes.keep(ADA, Wanted(name, EventQuery.from_bar("via:web")))
            except NotSaved as refused:
                return refused.code
            return f"it keeps {SavedView.objects.count()}"

    with own_database(tmp_path), ThreadPoolExecutor(2) as threads:
        holding, asking = threads.submit(first), threads.submit(second)
        holding.result()
        assert asking.result() == code
