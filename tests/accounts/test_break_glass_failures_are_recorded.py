"""Failures at a break-glass account are recorded whatever a crowd does, and cost what others do."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import anonymous_events
from accounts.break_glass import credential_check
from accounts.break_glass.accounts import Handed
from accounts.models import BreakGlassAccount
from tests.accounts.break_glass import HOST, PAGE, Hands, try_
from tests.accounts.trail import events

pytestmark = pytest.mark.django_db
SAVEPOINTS = ("SAVEPOINT", "RELEASE", "ROLLBACK")


def crowd() -> None:
    """Strangers use up their share of a minute."""
    for number in range(anonymous_events.MOST + 5):
        Client().post(PAGE, {}, HTTP_HOST=HOST, REMOTE_ADDR=f"10.0.0.{number}")


def named() -> list[str]:
    """The codes of events that name the account."""
    found = events("breakglass.used")
    return [e["data"]["code"] for e in found if e["target"]["name"] == "night-shift"]


def test_each_failure_that_counts_is_recorded_in_the_midst_of_a_crowd(
    night: Handed, hands: Hands
) -> None:
    for _ in range(credential_check.LOCK_FOR_GOOD_AFTER // credential_check.LOCK_AFTER):
        crowd()
        for _ in range(credential_check.LOCK_AFTER):
            try_(night, code="000000")
        hands.pass_(minutes=15, seconds=1)
    assert BreakGlassAccount.objects.get().failures == credential_check.LOCK_FOR_GOOD_AFTER
    assert Counter(named()) == {"wrong_code": credential_check.LOCK_FOR_GOOD_AFTER}


def test_tries_at_a_locked_account_and_at_none_stay_within_the_share_of_strangers(
    night: Handed,
) -> None:
    for number in range(50):
        try_(night, Client(REMOTE_ADDR=f"10.0.1.{number}"), secret="wrong")
        try_(night, Client(REMOTE_ADDR=f"10.0.2.{number}"), name=f"nobody-{number}")
    assert Counter(named())["wrong_secret"] == credential_check.LOCK_AFTER
    assert (
        len(events()) <= anonymous_events.MOST + credential_check.LOCK_AFTER + 1
    )  # and one that made the account


def test_what_a_crowd_left_out_is_counted_beside_a_failure_that_counts(night: Handed) -> None:
    crowd()
    try_(night, code="000000")
    assert events("breakglass.used")[-1]["data"]["left_out"] > 0


def test_a_failure_that_cannot_be_recorded_does_not_count(
    night: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(anonymous_events, "record", fails)
    with pytest.raises(OSError, match="No space"):
        try_(night, code="000000")
    assert BreakGlassAccount.objects.get().failures == 0


@pytest.mark.parametrize("crowded", [False, True])
def test_a_name_of_nobody_costs_the_same_statements_as_an_account(
    night: Handed, crowded: bool
) -> None:
    def cost(name: str) -> Counter[str]:
        with CaptureQueriesContext(connection) as asked:
            try_(night, name=name, secret="wrong")
        said = [one["sql"] for one in asked.captured_queries]
        # What every page reads, it may have kept from the page before.
        of_the_try = [one for one in said if "SELECT" not in one[:6] or "identity_" in one]
        return Counter(one[:40] for one in of_the_try if not one.startswith(SAVEPOINTS))

    cost("nobody")  # the counts of this minute are there
    if crowded:
        crowd()
    known, unknown = cost("night-shift"), cost("nobody")
    assert known == unknown and len(known) > 4
    BreakGlassAccount.objects.update(failures=credential_check.LOCK_FOR_GOOD_AFTER)
    assert cost("night-shift") == unknown
