"""Facets, groups and pages of the inventory are what a plain walk over all accounts finds."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.models import Person
from audit.actor import SYSTEM
from connections import grounds, inventory, manifests, standing
from connections.inventory import Query, looking
from connections.models import (
    ConnectedAccount,
    ConnectionSetting,
    Freeze,
    JustInTime,
    State,
    Use,
)
from connections.models.derived import mark_firsts
from tests.connections.visitor import Visitor
from tests.support.pages import keep_the_shell

AGENTS = ("claw", "codex", "")
SKILLS = ("mcp:github-mcp", "skill:pdf", "")
NOT_OF_THE_PAGE = ("django_session", "identity_", "audit_", "enforcement_")


def fill(people: int, choose: random.Random) -> None:
    """People with accounts of every kind."""
    now, iss = clock.now(), settings.ENV.issuer
    for n in range(people):
        if n % 7:  # of a few nobody told us the name
            Person.objects.create(
                iss=iss, sub=f"p{n}", email=f"p{n:02}@acme.example", name=f"P {n}", updated=now
            )
        for connection in choose.sample(("github", "slack", "gh-2"), choose.randint(1, 3)):
            _account(f"p{n}", connection, choose, now)


def _account(sub: str, connection: str, choose: random.Random, now: datetime) -> None:
    used = choose.choice([None, now - timedelta(days=choose.randint(0, 200))])
    account = ConnectedAccount.objects.create(
        iss=settings.ENV.issuer,
        sub=sub,
        connection=connection,
        auth0_id=f"cac_{sub}_{connection}",
        label=f"{sub}-at-{connection}",
        scopes=choose.sample(["repo", "read:user", "gist"], choose.randint(0, 3)),
        state=choose.choice([*State.values, *[State.CONNECTED] * 5]),
        state_since=now - timedelta(days=choose.randint(0, 100)),
        expires_at=choose.choice([None, now + timedelta(days=choose.randint(-2, 12))]),
        source=choose.choice(["management", "my_account"]),
        seen_at=now,
        watched_since=now - timedelta(days=choose.randint(0, 200)),
        last_used_at=used,
    )
    if used is None:
        return
    pairs = {(choose.choice(AGENTS), choose.choice(SKILLS)) for _ in range(choose.randint(1, 4))}
    for agent, skill in pairs:
        Use.objects.create(
            account=account, agent=agent, skill=skill, count=1, first=used, last=used
        )


@pytest.fixture
def town(db: None, github_mcp: manifests.Declaration) -> None:
    fill(30, random.Random(11))
    now = clock.now()
    ConnectionSetting.objects.create(name="gh-2", strategy="github", seen_at=now)
    JustInTime.objects.create(name="slack", idle_h=24 * 60, changed_at=now, changed_by="x")
    Freeze.objects.create(kind="person", name="p3", by="x", since=now)


def value_of(key: str, account: ConnectedAccount, ground: Any, now: datetime) -> set[str]:
    """What an account has of a facet, said once more and plainly."""
    if key == "state":
        return {standing.of(account, ground, now).code.value}
    if key in {"connection", "source"}:
        return {getattr(account, key)}
    if key == "owner":
        return {account.sub}
    if key in {"agent", "skill"}:
        return {getattr(use, key) or "unnamed" for use in account.uses.all()}
    if account.state in {State.REVOKED, State.REVOCATION_PENDING}:
        return set()
    fit = inventory.fit(account.connection, account.scopes, inventory.declared_scopes())
    told = {
        "excess": fit.excess,
        "missing": fit.missing,
        "idle": inventory.is_idle(account, now),
        "unseen": account.last_used_at is None,
    }
    return {name for name, holds in told.items() if holds}


def matches(values: dict[str, set[str]], query: Query, but: str = "") -> bool:
    """Whether an account with these values is meant."""
    for key, wanted in query.on.items():
        if key == but:
            continue
        if key == "show" and not set(wanted) <= values[key]:
            return False
        if key != "show" and not set(wanted) & values[key]:
            return False
    return bool(query.values("state")) or but == "state" or values["state"] != {"revoked"}


QUERIES: list[dict[str, list[str]]] = [
    {},
    {"state": ["asleep", "frozen"]},
    {"state": ["connected"], "connection": ["github", "gh-2"]},
    {"show": ["idle", "excess"]},
    {"show": ["missing"], "source": ["management"]},
    {"show": ["unseen"]},
    {"agent": ["claw", "unnamed"], "state": ["connected", "expiring", "revoked"]},
    {"skill": ["skill:pdf"], "owner": ["p1", "p2", "p4", "p5"]},
    {"state": ["revoked"], "agent": ["codex"]},
]


@pytest.mark.parametrize("many", [looking.MANY, 0], ids=["few match", "many match"])
def test_counts_groups_and_pages_are_those_of_a_plain_walk(
    town: None, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(looking, "MANY", many)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    ground, accounts = grounds.now(), list(ConnectedAccount.objects.prefetch_related("uses"))
    known = {
        account.pk: {key: value_of(key, account, ground, now) for key in inventory.FILTERS}
        for account in accounts
    }
    assert len({code for values in known.values() for code in values["state"]}) == 8
    for given in QUERIES:
        for group in inventory.GROUPS:
            query, mistakes = inventory.parse({**given, "group": [group]})
            assert not mistakes
            found = inventory.look(SYSTEM, query, now, size=7)
            meant = {pk for pk, values in known.items() if matches(values, query)}
            assert found.total == len(meant), given
            uncounted = not many and not query.values("owner") and found.total > 0
            assert (found.people is None) == uncounted
            _same_facets(found, query, known)
            _same_pages(query, now, known, meant)


def _same_facets(found: inventory.Inventory, query: Query, known: dict[Any, Any]) -> None:
    for key, counted in found.facets.items():
        if key in found.loose or (key == "owner" and found.people is None):
            continue
        but = "" if key == "show" else key
        expected = Counter(
            value
            for values in known.values()
            if matches(values, query, but)
            for value in values[key]
        )
        told = Counter({name or "unnamed": n for name, n in counted.items() if n})
        assert told == expected, (key, query)


def _same_pages(query: Query, now: datetime, known: dict[Any, Any], meant: set[Any]) -> None:
    """Every account is on one page (under each agent that used it), whole groups in order."""
    seen: list[tuple[str, Any]] = []
    counts: dict[str, int] = {}
    for _ in range(200):
        found = inventory.look(SYSTEM, query, now, size=7)
        for group in found.groups:
            counts[group.title] = group.count
            seen += [(group.title, row.account.pk) for row in group.rows]
        if found.next is None:
            break
        assert sum(len(group.rows) for group in found.groups) == 7
        query = query.at(inventory.Place.parse(str(found.next)))
    assert len(seen) == len(set(seen))
    assert {pk for _, pk in seen} == meant
    assert Counter(title for title, _ in seen) == Counter(counts)
    if query.group != "agent":
        assert len(seen) == len(meant)


def test_a_page_address_of_another_grouping_or_of_nobody_is_no_error(
    town: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MANY", 0)
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
        live = ConnectedAccount.objects.filter(sub__in=expected).exclude(state="revoked")
        assert rows == (expected if live.exists() else set())


def test_a_page_costs_at_most_twelve_queries_however_many_rows_there_are(
    db: None,
    github_mcp: manifests.Declaration,
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
