"""Erasures in a database of one's own: what commits and is written anew is not rolled back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection
from pytest_django import DjangoDbBlocker

from audit.evidence import storage
from tests.approvals.conftest import answering_tenant, phones
from tests.audit.own_database import own_database

__all__ = ["answering_tenant", "phones"]

type Alone = Callable[[Callable[[], None]], None]


@pytest.fixture(autouse=True)
def _own_ground(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    settings.EVIDENCE_KEY = bytes(range(32))
    settings.LEDGER_ORIGIN = "ledger.example/test"
    settings.LEDGER_KEY_FILE = None
    storage._kept.cache_clear()
    Path(django_settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    cache.clear()


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database is there to be copied; a transaction in it would keep it from that."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def alone(db: None, tmp_path: Path) -> Iterator[Alone]:
    """Run a story in a database of its own, in which transactions really commit."""

    def run(story: Callable[[], None]) -> None:
        failed: list[BaseException] = []

        def body() -> None:
            try:
                story()
            except BaseException as error:
                failed.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]

    with own_database(tmp_path):
        yield run
