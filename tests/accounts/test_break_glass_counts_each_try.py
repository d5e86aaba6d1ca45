"""Break-glass tries at once: each failure counts, each code opens once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pyotp
import pytest
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from accounts.break_glass import accounts, credential_check
from accounts.models import BreakGlassAccount, BreakGlassTries
from approvals import clock
from audit.evidence import storage
from tests.audit.own_database import own_database

AT_ONCE = 12


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def ground(tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.VAR_DIR = tmp_path
    storage._kept.cache_clear()
    with own_database(tmp_path):
        yield


def at_once[T](call: Callable[[], T], number: int = AT_ONCE) -> list[T]:
    """The same call in so many threads that begin together."""
    gate = Barrier(number)

    def run(_: int) -> T:
        gate.wait(60)
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def alone[T](call: Callable[[], T]) -> T:
    return at_once(call, 1)[0]


@pytest.mark.usefixtures("ground")
def test_of_many_wrong_tries_at_once_five_are_looked_at_and_the_account_rests() -> None:
    alone(lambda: accounts.create("night-shift"))
    found = Counter(
        at_once(lambda: credential_check.attempt("", "night-shift", "wrong", "000000").code)
    )
    assert found == {
        "wrong_secret": credential_check.LOCK_AFTER,
        "locked": AT_ONCE - credential_check.LOCK_AFTER,
    }
    row = alone(lambda: BreakGlassAccount.objects.get())
    assert row.failures == credential_check.LOCK_AFTER and row.locked_until is not None


@pytest.mark.usefixtures("ground")
def test_a_code_that_many_send_at_once_opens_once() -> None:
    made = alone(lambda: accounts.create("night-shift"))
    code = pyotp.TOTP(made.totp_secret).at(clock.now())
    codes = at_once(lambda: credential_check.attempt("", "night-shift", made.secret, code).code, 4)
    assert Counter(codes) == {"": 1, "replayed_code": 3}


@pytest.mark.usefixtures("ground")
def test_of_many_failures_of_a_minute_ten_are_within_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)

    def fail(ip: str) -> bool:
        return credential_check.attempt(ip, "nobody", "wrong", "000000").too_many

    found = Counter(at_once(lambda: fail("192.0.2.7")))
    few = credential_check.FAILURES_A_MINUTE
    assert found == {False: few, True: AT_ONCE - few}
    assert not alone(lambda: fail("192.0.2.8")), "another address"
    alone(lambda: credential_check.tidy(now))
    assert alone(BreakGlassTries.objects.count) == 3
    assert not alone(lambda: BreakGlassTries.objects.filter(whose__contains="192.0").exists())
