"""A ledger of its own for every test: empty database, empty VAR_DIR."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from approvals import clock
from audit import clock as audit_clock
from audit.db import insert_only
from audit.evidence import storage
from audit.migrations import _insert_only
from audit.sequencing import sequencer
from portal.mail_settings import mailer
from tests.audit.factories import MIA, DraftFactory
from tests.support.mailbox import Mailbox
from tests.support.recording import record_many


@pytest.fixture(scope="session", autouse=True)
def _collected() -> None:
    """Static files are served from a folder that `collectstatic` makes; here it is empty."""
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)


@pytest.fixture(autouse=True)
def var_dir(tmp_path: Path, settings: object) -> Iterator[Path]:
    """Everything the room writes beside the database goes to a temporary folder."""
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]
    settings.EVIDENCE_KEY = bytes(range(32))  # type: ignore[attr-defined]
    settings.LEDGER_ORIGIN = "ledger.example/test"  # type: ignore[attr-defined]
    settings.LEDGER_KEY_FILE = None  # type: ignore[attr-defined]
    storage._kept.cache_clear()
    yield tmp_path


@pytest.fixture
def unguarded(db: None) -> None:
    """A database owner's view: the triggers are gone (until the test's rollback)."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in _insert_only.drop(connection.vendor, *insert_only.GUARDED):
            cursor.execute(statement)


@pytest.fixture
def empty_cache() -> None:
    """Nothing of another test is cached."""
    cache.clear()


@pytest.fixture
def trail(db: None) -> None:
    """Seven blocks by an operator and five refusals of a member's tokens, in the signed tree."""
    list(record_many(DraftFactory.build(action="skill.blocked") for _ in range(7)))
    list(record_many(DraftFactory.build(action="token.refused", actor=MIA) for _ in range(5)))
    sequencer.run_once()


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    box = Mailbox().start()
    settings.MAILERS = {"default": mailer(box.url)}
    yield box
    box.stop()


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the clocks of `approvals` and `audit`, which stand still from then on."""

    def set_to(moment: datetime) -> None:
        for one in (clock, audit_clock):
            monkeypatch.setattr(one, "now", lambda: moment)

    return set_to
