"""Approvals answers what one person asked for, in a period, and how it ended."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from approvals import clock
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.support.pages import signed_in

pytestmark = pytest.mark.django_db


def ask(who: str, lamp: str) -> Approval:
    """Ask to block a lamp."""
    target = Target("lamp", lamp)
    approval = perform(acting(who, "operator"), "lamp.block", target, severity="CRITICAL").approval
    assert approval is not None
    return approval


@pytest.fixture(autouse=True)
def requests(lamps: Lamps) -> None:
    """Three of Olu's, of which one was denied lately and one long ago, and one of Oona's."""
    known("operator2", "operator")
    known("operator", "operator")
    for who, lamp, outcome, days in (
        ("operator", "lamp-lately", "denied", 2),
        ("operator", "lamp-long-ago", "denied", 40),
        ("operator", "lamp-approved", "approved", 2),
        ("operator2", "lamp-of-oona", "denied", 2),
    ):
        asked = ask(who, lamp)
        Approval.objects.filter(pk=asked.pk).update(
            status="closed", open_key="", outcome=outcome,
            created=clock.now() - timedelta(days=days),
        )  # fmt: skip


def shown(client: Client, **filters: str) -> set[str]:
    """The lamps that are listed."""
    answer = client.get("/approvals/", filters)
    assert answer.status_code == 200
    return set(re.findall(r"lamp-[a-z-]+", answer.content.decode()))


@pytest.mark.parametrize("who", ["Olu Operator", "olu", "operator@acme.example"])
def test_what_one_person_was_denied_last_week(who: str) -> None:
    week_ago = f"{clock.now() - timedelta(days=7):%Y-%m-%d}"
    found = shown(signed_in("auditor", "auditor"), status="denied", by=who, after=week_ago)
    assert found == {"lamp-lately"}


def test_a_period_ends_before_its_second_date() -> None:
    week_ago = f"{clock.now() - timedelta(days=7):%Y-%m-%d}"
    client = signed_in("auditor", "auditor")
    assert shown(client, by="Olu Operator", until=week_ago) == {"lamp-long-ago"}


def test_the_person_stays_when_another_outcome_is_chosen() -> None:
    page = signed_in("auditor", "auditor").get("/approvals/?status=denied&by=olu").content.decode()
    assert 'href="?status=approved&amp;by=olu"' in page
    assert 'id="by" name="by" value="olu"' in page


def test_requests_of_one_person_are_paged_as_such(lamps: Lamps) -> None:
    for n in range(30):
        ask("operator", f"lamp-{'x' * (n + 1)}")
    Approval.objects.update(status="closed", open_key="", outcome="denied")
    page = signed_in("auditor", "auditor").get("/approvals/?by=olu").content.decode()
    assert re.search(r'href="\?by=olu&amp;before=[^"]+"', page)


def test_a_member_is_offered_no_filter_by_person() -> None:
    page = signed_in("member1").get("/approvals/?by=olu").content.decode()
    assert 'name="by"' not in page and "lamp-" not in page


@pytest.mark.parametrize(
    "wrong", [{"after": "last week"}, {"until": "2026-13-01"}, {"by": "a\u202eb"}]
)
def test_what_cannot_be_read_lists_nothing(wrong: dict[str, str]) -> None:
    answer = signed_in("auditor", "auditor").get("/approvals/", wrong)
    assert answer.status_code == 422 and "lamp-" not in answer.content.decode()


def test_what_waits_is_that_of_the_person(lamps: Lamps) -> None:
    ask("operator", "lamp-waiting")
    client = signed_in("auditor", "auditor")
    assert "lamp-waiting" in shown(client, by="Olu Operator")
    assert "lamp-waiting" not in shown(client, by="Oona Operator")
    page = client.get("/approvals/?by=olu").content.decode()
    url = re.search(r'hx-get="(/approvals/waiting/[^"]*)"', page)
    assert url and client.get(url[1].replace("&amp;", "&")).status_code == 204
