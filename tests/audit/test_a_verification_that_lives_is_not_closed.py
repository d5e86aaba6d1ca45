"""A verification on the web is closed as broken only when its verifier is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from audit.models import VerificationRun
from audit.sequencing import sequencer
from audit.verification import requested_runs
from audit.verification.checks import checks_from_other_apps
from tests.audit.factories import ADA, DraftFactory
from tests.audit.own_database import own_database
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
PATIENCE_S = 60.0


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


def test_a_run_in_a_long_check_at_the_end_is_not_called_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(requested_runs, "SILENT", timedelta(seconds=2))
    monkeypatch.setattr(requested_runs, "_ALIVE_EVERY_S", 0.1, raising=False)
    reached, looked = threading.Event(), threading.Event()
    check = checks_from_other_apps.check

    def long_check(*given: object, **named: object) -> None:
        reached.set()
        assert looked.wait(PATIENCE_S)
        check(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(checks_from_other_apps, "check", long_check)

    def verified() -> str:
        try:
            list(record_many(DraftFactory.build() for _ in range(3)))
            sequencer.run_once()
            return requested_runs.perform(requested_runs.request(ADA).id).state
        finally:
            connection.close()

    def watched() -> list[str]:
        try:
            until = time.monotonic() + 3.0  # longer than SILENT
            states = []
            while time.monotonic() < until:
                requested_runs.run_due()
                states.append(VerificationRun.objects.get().state)
                time.sleep(0.2)
            return states
        finally:
            connection.close()
            looked.set()

    with own_database(tmp_path), ThreadPoolExecutor(2) as threads:
        run = threads.submit(verified)
        assert reached.wait(PATIENCE_S)
        states = threads.submit(watched).result(PATIENCE_S)
        assert set(states) == {VerificationRun.State.RUNNING}
        assert run.result(PATIENCE_S) == VerificationRun.State.PASSED
