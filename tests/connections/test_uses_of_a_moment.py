"""Uses of accounts: each is counted once, by an agent and component known or new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from connections.broker import accounts_and_uses
from connections.models import ConnectedAccount, Use
from connections.sync import update_accounts

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def accounts() -> Sequence[ConnectedAccount]:
    made = []
    for number in range(2):
        fact = update_accounts.Fact(f"cac_{number}", "github", ("repo",), None, None)
        made.append(
            update_accounts.appeared("https://issuer/", f"auth0|{number}", fact, "management")
        )
    return made


def use(account: ConnectedAccount, agent: str, second: int = 0) -> None:
    at = NOW + timedelta(seconds=second)
    accounts_and_uses.count(account, agent, "mcp:x", at, at + timedelta(hours=1))


def counts() -> dict[tuple[str, str], int]:
    rows = Use.objects.select_related("account")
    return {(row.account.sub, row.agent): row.count for row in rows}


def test_new_ways_and_known_ones_are_counted(
    accounts: Sequence[ConnectedAccount],
) -> None:
    first, second = accounts
    use(first, "known")
    use(first, "known", 1)
    use(first, "new", 2)
    use(second, "new", 3)
    use(second, "new", 4)
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
