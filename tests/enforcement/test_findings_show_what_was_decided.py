"""The list of findings says what was decided here about the item of each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from enforcement.models import Asset, Decision, Finding
from enforcement.views import finding_hold_and_decision_lists
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge

pytestmark = pytest.mark.django_db
BLOCK, ALLOW = {"decision": Decision.BLOCK}, {"decision": Decision.ALLOW}


@pytest.fixture
def olu(edge: Edge, look: Callable[[], int]) -> Client:
    edge.scan("pdf-exfil", severity="HIGH")
    look()
    return browser("operator", "operator", name="Olu Operator")


def states(client: Client) -> list[str]:
    page = client.get("/enforcement/").content.decode()
    rows = page[page.index("<tbody>") : page.index("</tbody>")]
    return re.findall(r">(On hold|Blocked|Allowed|No decision[^<,]*)(?: at edge-1)?[<,]", rows)


@pytest.mark.parametrize(
    ("decided", "shown"),
    [
        ([], ["No decision"]),
        ([{}], ["No decision"]),  # it was released or unblocked
        ([ALLOW], ["Allowed"]),
        ([BLOCK], ["Blocked"]),
        ([BLOCK | {"holder": "1"}], ["On hold"]),
        ([BLOCK, ALLOW | {"instance": "edge-1"}], ["Allowed"]),
        ([BLOCK | {"instance": "another"}], ["No decision for edge-1"]),
        ([BLOCK | {"kind": "mcp"}], ["No decision"]),
        ([BLOCK | {"name": "pdf"}], ["No decision"]),
    ],
)
def test_a_finding_shows_the_decision_that_counts_at_its_gateway(
    decided: list[dict[str, str]], shown: list[str], olu: Client
) -> None:
    for one in decided:
        Asset.objects.create(**{"kind": "skill", "name": "pdf-exfil", "instance": ""} | one)
    assert states(olu) == shown


def test_it_takes_as_many_queries_for_all_as_for_one(
    edge: Edge, look: Callable[[], int], olu: Client, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        edge.scan(f"notes-{number}", severity="HIGH")
        Asset.objects.create(kind="skill", name=f"notes-{number}", instance="", **BLOCK)
    look()
    things = [(one.kind, one.name, [one.instance]) for one in Finding.objects.order_by("name")]
    blocked = [one for one in things if one[1].startswith("notes-")]
    with CaptureQueriesContext(connection) as one:
        finding_hold_and_decision_lists.decided_in_words(blocked[:1])
    with django_assert_num_queries(len(one)):
        said = finding_hold_and_decision_lists.decided_in_words(things)
    assert said == [
        *["Blocked, but agents can still use it where a copy is installed"] * 5,
        "No decision",
    ]


def test_each_gateway_with_another_decision_is_named(edge: Edge, look: Callable[[], int]) -> None:
    about = {"kind": "tool", "name": "Bash"}
    Asset.objects.create(**about, instance="edge-1", holder="1")
    Asset.objects.create(**about, instance="edge-2", **ALLOW)
    [said] = finding_hold_and_decision_lists.decided_in_words(
        [("tool", "Bash", ["edge-1", "edge-2", "edge-3"])]
    )
    unknown = "but it is not known whether agents there can still use it"
    assert said == f"On hold at edge-1, {unknown}. Allowed at edge-2. No decision for edge-3"
