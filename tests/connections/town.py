"""A town of people with accounts of every kind, and what a plain walk over them finds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from approvals import clock
from approvals.models import Person
from audit.recording.actors import SYSTEM
from connections import inventory
from connections.inventory import Query
from connections.models import ConnectedAccount, ConnectionSetting, Freeze, JustInTime, State, Use
from connections.status import account_status, state_filters

type Known = Mapping[Any, dict[str, set[str]]]
"""Account -> what it has of each facet."""
AGENTS = ("claw", "codex", "")
SKILLS = ("mcp:github-mcp", "skill:pdf", "")


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
    states = [state for state in State.values if state != State.GONE]
    account = ConnectedAccount.objects.create(
        iss=settings.ENV.issuer,
        sub=sub,
        connection=connection,
        auth0_id=f"cac_{sub}_{connection}",
        label=f"{sub}-at-{connection}",
        scopes=choose.sample(["repo", "read:user", "gist"], choose.randint(0, 3)),
        state=choose.choice([*states, *[State.CONNECTED] * 5]),
        state_since=now - timedelta(days=choose.randint(0, 100)),
        expires_at=choose.choice([None, now + timedelta(days=choose.randint(-2, 12))]),
        source=choose.choice(["management", "my_account"]),
        seen_at=now,
        watched_since=now - timedelta(days=choose.randint(0, 200)),
        last_used_at=used,
        elsewhere_on=choose.choice([None, (now - timedelta(days=choose.randint(0, 200))).date()]),
    )
    if used is None:
        return
    if account.state == State.REVOKED and len(sub) % 2:
        ConnectedAccount.objects.filter(pk=account.pk).update(state=State.GONE)
    pairs = {(choose.choice(AGENTS), choose.choice(SKILLS)) for _ in range(choose.randint(1, 4))}
    for agent, skill in pairs:
        Use.objects.create(
            account=account, agent=agent, skill=skill, count=1, first=used, last=used
        )


def settle(people: int = 30) -> None:
    """The town, with a connection of another name, a setting and a freeze."""
    fill(people, random.Random(11))
    now = clock.now()
    ConnectionSetting.objects.create(name="gh-2", strategy="github", seen_at=now)
    JustInTime.objects.create(name="slack", idle_h=24 * 60, changed_at=now, changed_by="x")
    JustInTime.objects.create(
        name="gh-2", idle_h=24 * 60, wake="owner", changed_at=now, changed_by="x"
    )
    Freeze.objects.create(kind="person", name="p3", by="x", since=now)


def known_at(now: datetime) -> Known:
    """What each account has of each facet."""
    ground = state_filters.now()
    return {
        account.pk: {key: value_of(key, account, ground, now) for key in inventory.FILTERS}
        for account in ConnectedAccount.objects.prefetch_related("uses")
    }


def value_of(key: str, account: ConnectedAccount, ground: Any, now: datetime) -> set[str]:
    """What an account has of a facet, said once more and plainly."""
    if key == "state":
        return {account_status.of(account, ground, now).code.value}
    if key in {"connection", "source"}:
        return {getattr(account, key)}
    if key == "owner":
        return {account.sub}
    if key in {"agent", "skill"}:
        return {getattr(use, key) or "unnamed" for use in account.uses.all()}
    if account.state in {State.REVOKED, State.GONE, State.REVOCATION_PENDING}:
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
    return (
        bool(query.values("state")) or but == "state" or not values["state"] <= {"revoked", "gone"}
    )


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


def same_facets(found: inventory.Inventory, query: Query, known: Known) -> None:
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


def same_pages(query: Query, now: datetime, known: Known, meant: set[Any]) -> None:
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
