"""Uses that are committed together: each is counted once, in a way known or new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from connections import drift, observed
from connections.models import ConnectedAccount, State, Use
from connections.observed import NotAtOnce, Seen

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def accounts() -> Sequence[ConnectedAccount]:
    made = []
    for number in range(2):
        fact = drift.Fact(f"cac_{number}", "github", ("repo",), None, None)
        made.append(drift.appeared("https://issuer/", f"auth0|{number}", fact, "management"))
    return made


def seen(account: ConnectedAccount, agent: str, second: int = 0, lasts: bool = True) -> Seen:
    at = NOW + timedelta(seconds=second)
    return Seen(account, agent, "mcp:x", at, at + timedelta(hours=1) if lasts else None)


def counts() -> dict[tuple[str, str], int]:
    rows = Use.objects.select_related("account")
    return {(row.account.sub, row.agent): row.count for row in rows}


def test_new_ways_and_known_ones_are_counted_in_one_go(
    accounts: Sequence[ConnectedAccount],
) -> None:
    first, second = accounts
    observed.count([seen(first, "known")])
    uses = [
        seen(first, "known", 1),
        seen(first, "new", 2),
        seen(second, "new", 3),
        seen(second, "new", 4),
    ]
    with transaction.atomic():
        observed.count(uses)
    assert counts() == {
        ("auth0|0", "known"): 2,
        ("auth0|0", "new"): 1,
        ("auth0|1", "new"): 2,
    }
    row = Use.objects.get(account=second)
    assert (row.first, row.last) == (NOW + timedelta(seconds=3), NOW + timedelta(seconds=4))
    firsts = Use.objects.order_by("account__sub", "agent").values_list(
        "first_of_agent", "first_of_skill"
    )
    assert list(firsts) == [(True, True), (True, False), (True, True)]
    for account, last in ((first, 2), (second, 4)):
        account.refresh_from_db()
        assert account.last_used_at == NOW + timedelta(seconds=last)


def test_tokens_without_an_end_are_counted_in_one_go_too(
    accounts: Sequence[ConnectedAccount],
) -> None:
    with transaction.atomic():
        observed.count([seen(one, "a", lasts=False) for one in accounts])
    assert counts() == {("auth0|0", "a"): 1, ("auth0|1", "a"): 1}
    with transaction.atomic(), pytest.raises(NotAtOnce):
        observed.count([seen(accounts[0], "a"), seen(accounts[1], "a", lasts=False)])


def test_one_that_was_suspended_meanwhile_undoes_the_go(
    accounts: Sequence[ConnectedAccount],
) -> None:
    ConnectedAccount.objects.filter(pk=accounts[1].pk).update(state=State.SUSPENDED)
    with pytest.raises(NotAtOnce), transaction.atomic():
        observed.count([seen(one, "a") for one in accounts])
    assert counts() == {}
