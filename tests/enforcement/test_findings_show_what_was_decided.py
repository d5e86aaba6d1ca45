"""The list of findings says what was decided here about the item of each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from enforcement.effects.overall_effect import Overall
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
    return re.findall(r">(on hold|blocked|allowed)<", rows)


@pytest.mark.parametrize(
    ("decided", "shown"),
    [
        ([], []),
        ([{}], []),  # it was released or unblocked
        ([ALLOW], ["allowed"]),
        ([BLOCK], ["blocked"]),
        ([BLOCK | {"holder": "1"}], ["on hold"]),
        ([BLOCK, ALLOW | {"instance": "edge-1"}], ["blocked"]),
        ([BLOCK | {"instance": "another"}], []),
        ([BLOCK | {"kind": "mcp"}], []),
        ([BLOCK | {"name": "pdf"}], []),
    ],
)
def test_a_finding_shows_the_strictest_decision_that_counts_at_its_gateway(
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
    found = list(Finding.objects.all())
    blocked = [one for one in found if one.name.startswith("notes-")]
    with CaptureQueriesContext(connection) as one:
        finding_hold_and_decision_lists.with_decisions(blocked[:1])
    with django_assert_num_queries(len(one)):
        listed = finding_hold_and_decision_lists.with_decisions(found)
    assert sorted(state for _, state, _ in listed) == ["", *["blocked"] * 5]
    assert {effect for _, state, effect in listed if state} <= set(Overall)
    assert all(effect for _, state, effect in listed if state), "a block has an effect next to it"
