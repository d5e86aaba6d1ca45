"""The list of requests says how those of the last thirty days ended, and how long that took."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from approvals import clock
from approvals.models import Approval
from approvals.views import recent_outcomes_and_durations
from tests.approvals.asking import ask
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.support.pages import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def approver(lamps: Lamps) -> None:
    known("operator2", "operator")


def over(outcome: str, took_s: float, *, days_ago: float = 1) -> None:
    """A request that ended so, this long after it was made."""
    asked = ask(acting("operator", "operator"))
    created = clock.now() - timedelta(days=days_ago)
    Approval.objects.filter(pk=asked.pk).update(
        status="closed",
        open_key="",
        outcome=outcome,
        created=created,
        closed=created + timedelta(seconds=took_s),
    )


ROW = re.compile(
    r'<tr><td><a href="\?status=\w+">(\w+)</a></td>.*?</td>'
    r'<td class="num" [^>]+>(\d+)</td>'
    r'<td class="num" [^>]+>([\w ]+)</td><td class="num" [^>]+>([\w ]+)</td></tr>'
)


def table(client: Client) -> list[tuple[str, ...]]:
    return ROW.findall(client.get("/approvals/").content.decode())


def test_each_outcome_has_its_count_and_its_times() -> None:
    for took_s in (10, 20, 30, 40, 50, 60, 70, 80, 299.2, 4000):
        over("approved", took_s)
    over("denied", 38)
    assert table(signed_in("auditor", "auditor")) == [
        ("Approved", "10", "50 s", "5 min"),
        ("Denied", "1", "38 s", "38 s"),
    ]


@pytest.mark.parametrize(
    ("took_s", "said"),
    [
        (0.2, "1 s"),
        (59.5, "1 min"),
        (298.4, "5 min"),
        (3541, "1 h"),
        (3601, "1 h 1 min"),
        (7741, "2 h 10 min"),
        (90_000, "2 d"),
    ],
)
def test_a_time_has_its_units_and_is_never_shorter_than_it_was(took_s: float, said: str) -> None:
    over("approved", took_s)
    assert table(signed_in("auditor", "auditor")) == [("Approved", "1", said, said)]


def test_what_is_older_or_still_waits_is_not_counted() -> None:
    over("denied", 5, days_ago=31)
    ask(acting("operator", "operator"))
    assert table(signed_in("operator", "operator")) == []


def test_members_see_no_numbers_of_others() -> None:
    over("denied", 5)
    assert table(signed_in("member1")) == []


def test_the_page_says_when_it_read_only_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_outcomes_and_durations, "NEWEST", 2)
    client = signed_in("operator", "operator")
    over("expired", 300)
    over("denied", 7)
    assert "Of the newest" not in client.get("/approvals/").content.decode()
    over("failed", 1, days_ago=2)
    assert "Of the newest 2 requests." in client.get("/approvals/").content.decode()
    assert [row[0] for row in table(client)] == ["Denied", "Expired"]


def test_a_request_that_ends_is_counted_without_a_reload() -> None:
    client = signed_in("operator", "operator")
    over("denied", 7)
    part = client.get("/approvals/waiting/?seen=old&whole").content.decode()
    assert "How requests of the last 30 days ended" in part
