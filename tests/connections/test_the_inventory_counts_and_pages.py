"""Facets, groups and pages of the inventory are what a plain walk over all accounts finds."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from collections.abc import Callable

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.models import Person
from audit.recording.actors import SYSTEM
from connections import inventory
from connections.component_manifests import manifest_store
from connections.inventory import Query, page_assembly
from connections.migrations._first_uses import mark_firsts
from connections.models import ConnectedAccount, Use
from tests.connections.town import (
    QUERIES,
    fill,
    known_at,
    matches,
    same_facets,
    same_pages,
    settle,
)  # fmt: skip
from tests.connections.visitor import Visitor
from tests.support.pages import keep_the_shell

# Of the shell: the session, the alarms, and how many approvals wait for this person, read live.
NOT_OF_THE_PAGE = ("django_session", "identity_", "audit_", "enforcement_", "approvals_approval")


@pytest.fixture
def town(db: None, github_mcp: manifest_store.Declaration) -> None:
    settle()


@pytest.mark.parametrize("many", [page_assembly.MANY, 0], ids=["few match", "many match"])
def test_counts_groups_and_pages_are_those_of_a_plain_walk(
    town: None, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(page_assembly, "MANY", many)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    known = known_at(now)
    assert len({code for values in known.values() for code in values["state"]}) == 9
    for given in QUERIES:
        for group in inventory.GROUPS:
            query, mistakes = inventory.parse({**given, "group": [group]})
            assert not mistakes
            found = inventory.look(SYSTEM, query, now, size=7)
            meant = {pk for pk, values in known.items() if matches(values, query)}
            assert found.total == len(meant), given
            uncounted = not many and not query.values("owner") and found.total > 0
            assert (found.people is None) == uncounted
            same_facets(found, query, known)
            same_pages(query, now, known, meant)


def test_a_page_address_of_another_grouping_or_of_nobody_is_no_error(
    town: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_assembly, "MANY", 0)
    account = str(ConnectedAccount.objects.values_list("pk", flat=True)[0])
    for sort in (("0", "x"), ("1",), ("zz", "a", "b"), ("0", "p", "i", "s"), ("1", "~", "~")):
        place = inventory.Place.parse(str(inventory.Place(sort, account)))
        for group in inventory.GROUPS:
            inventory.look(SYSTEM, Query({}, group=group, after=place), clock.now())
    assert inventory.Place.parse(str(inventory.Place(("a\0",), account))) is None
    lone = urlsafe_b64encode(f'["\\ud800","{account}"]'.encode()).decode()
    assert inventory.Place.parse(lone) is None


def test_first_rows_of_agents_can_be_marked_again(town: None) -> None:
    rows = Use.objects.order_by("pk").values_list("pk", "first_of_agent", "first_of_skill")
    kept = list(rows)
    assert {True, False} == {agent for _, agent, _ in kept} == {skill for _, _, skill in kept}
    Use.objects.update(first_of_agent=False, first_of_skill=True)
    mark_firsts(Use)
    assert list(rows) == kept


def test_words_find_people_and_accounts(town: None) -> None:
    for words, expected in (("p11@ACME", {"p11"}), ("p4-at-", {"p4"}), ("p14", {"p14"})):
        query, _ = inventory.parse({"q": [words]})
        found = inventory.look(SYSTEM, query, clock.now())
        rows = {row.account.sub for group in found.groups for row in group.rows}
        live = ConnectedAccount.objects.filter(sub__in=expected).exclude(
            state__in=["gone", "revoked"]
        )
        assert rows == (expected if live.exists() else set())


def test_a_page_costs_at_most_twelve_queries_however_many_rows_there_are(
    db: None,
    github_mcp: manifest_store.Declaration,
    visitor: Callable[[str], Visitor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_the_shell(monkeypatch)
    ada = visitor("auditor")
    pages = ["", "?group=person", "?group=agent&show=excess", "?q=p1", "?owner=p1&state=connected"]
    costs = []
    for people in (5, 60):
        ConnectedAccount.objects.all().delete()
        Person.objects.filter(sub__startswith="p").delete()
        fill(people, random.Random(people))
        costs.append([_queries(ada, page) for page in pages])
    assert max(costs[1]) <= 12, costs
    assert costs[0] == costs[1] or max(costs[0]) >= max(costs[1]), costs


def _queries(who: Visitor, page: str) -> int:
    who.get(f"/connections/inventory/{page}")  # what surrounds the page is kept from here on
    with CaptureQueriesContext(database) as seen:
        assert who.get(f"/connections/inventory/{page}").status_code == 200
    asked = [query["sql"] for query in seen if query["sql"].startswith(("SELECT", "WITH"))]
    return sum(not any(table in sql for table in NOT_OF_THE_PAGE) for sql in asked)
