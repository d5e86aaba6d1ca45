"""What changed between two inventories, and which entries belong to a moment."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings

from approvals import clock
from approvals.pipeline.service import perform
from audit.models import Entry
from audit.recording.actors import Target
from audit.sequencing import sequencer
from connections.auth_ibom import fact_collection, replay
from connections.auth_ibom.inventory_records import Access, Account
from connections.sync import update_accounts
from tests.accounts.trail import events
from tests.connections.random_inventories import anything, fact, owner
from tests.connections.visitor import know, subject
from tests.support.pages import signed_in


def test_the_difference_names_what_came_and_went(db: None) -> None:
    know("member1")
    now = clock.now()
    first = update_accounts.Fact("a", "github", ("repo",), now, None)
    row = update_accounts.appeared(settings.ENV.issuer, subject("member1"), first, "management")
    sequencer.run_once()
    before = Entry.objects.count()
    update_accounts.still_there(
        row, replace(first, scopes=("repo", "gist")), now + timedelta(seconds=1)
    )
    perform(owner("member1"), "connection.suspend", Target("connection", str(row.id)))
    update_accounts.appeared(
        settings.ENV.issuer, subject("member1"), replace(first, auth0_id="b"), "management"
    )
    sequencer.run_once()
    found = fact_collection.between(str(before), "").changes
    told = [(c.what, c.name == str(row.id), c.after, c.gained, c.index) for c in found]
    assert told == [
        ("state", True, "suspended", (), before + 1),
        ("scopes", True, "repo gist", ("gist",), before),
        ("appeared", False, "connected", ("repo",), before + 2),
    ]
    entries = {entry.seq: str(entry.event_id) for entry in Entry.objects.all()}
    assert all(change.event == entries[change.index or 0] for change in found)
    assert fact_collection.between(str(before), str(before)).changes == ()
    row.refresh_from_db()
    update_accounts.vanished(row, "a test")
    sequencer.run_once()
    [last] = fact_collection.between(str(before + 3), "").changes
    assert (last.what, last.before, last.after) == ("vanished", "suspended", "gone")


def apis(thing: Account | Access) -> tuple[str, ...]:
    return thing.audiences if isinstance(thing, Access) else ()


def things(size: int) -> dict[str, Account | Access]:
    """Accounts and access as a walk over every event has them."""
    inventory = replay.Inventory()
    for event in fact_collection.events(size):
        inventory.take(event)
    return inventory.accounts | inventory.access


@pytest.mark.parametrize("seed", range(3))
def test_a_difference_says_all_that_two_inventories_differ_in(db: None, seed: int) -> None:
    know("member1", "member2")
    choose = random.Random(seed)
    for _ in range(35):
        anything(choose)
    sequencer.run_once()
    total = Entry.objects.count()
    for _ in range(6):
        first, size = sorted((choose.randint(0, total), choose.randint(0, total)))
        old, new = (things(end) for end in (first, size))
        found = fact_collection.between(str(first), str(size)).changes
        assert {c.name for c in found if c.what == "appeared"} == new.keys() - old.keys()
        stood = {name for name in old if old[name].state != new[name].state}
        assert {c.name for c in found if c.what in {"state", "vanished"}} == stood
        asked = {name for name in old if set(old[name].scopes) != set(new[name].scopes)}
        assert {c.name for c in found if c.what == "scopes"} == asked
        opened = {name for name in old if apis(old[name]) != apis(new[name])}
        assert {c.name for c in found if c.what == "apis"} == opened
        assert all(c.index is not None and first <= c.index < size for c in found)


def test_a_moment_leads_to_the_entries_recorded_by_then(db: None) -> None:
    know("member1")
    update_accounts.appeared(
        settings.ENV.issuer, subject("member1"), fact(random.Random(2), "a"), "management"
    )
    sequencer.run_once()
    between = clock.now()
    update_accounts.appeared(
        settings.ENV.issuer, subject("member1"), fact(random.Random(3), "b"), "management"
    )
    sequencer.run_once()
    assert fact_collection.size_at(between) == 1 and fact_collection.size_at(clock.now()) == 2


@pytest.mark.parametrize(
    ("at", "size"),
    [
        ("0001-01-01", 0),
        ("0001-01-01T00:00:00Z", 0),
        ("9999-12-31", 2),
        ("9999-12-31T23:59:59+14:00", 2),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-12:00", None),
    ],
)
def test_the_ends_of_time_are_moments_like_others(db: None, at: str, size: int | None) -> None:
    know("member1")
    admin = replace(owner("admin"), roles=frozenset({"admin"}))
    hours = {"days": ["mon"], "opens": "08:00", "closes": "09:00", "zone": "Asia/Tokyo"}
    where = Target("service", "github")
    perform(admin, "connection.restrict", where, params={"hours": hours})
    update_accounts.appeared(
        settings.ENV.issuer, subject("member1"), fact(random.Random(2), "a"), "management"
    )
    sequencer.run_once()
    client = signed_in("auditor", "auditor")
    answer = client.get("/connections/inventory/ibom/", {"at": at})
    changes = client.get("/connections/inventory/changes/", {"from": "0", "to": at})
    if size is None:  # in UTC these are of no year that there is
        assert (answer.status_code, changes.status_code) == (400, 422)
        return
    assert (answer.status_code, changes.status_code) == (200, 200)
    assert fact_collection.size_of(at) == size


@pytest.mark.parametrize(
    ("query", "status"),
    [("?at=1", 200), ("?at=2026-01-01", 200), ("?at=0", 200), ("?at=x", 400), ("?at=-1", 400)],
)
def test_the_page_hands_out_an_earlier_inventory(db: None, query: str, status: int) -> None:
    know("member1")
    update_accounts.appeared(
        settings.ENV.issuer, subject("member1"), fact(random.Random(2), "a"), "management"
    )
    sequencer.run_once()
    answer = signed_in("auditor", "auditor").get(f"/connections/inventory/ibom/{query}")
    assert answer.status_code == status
    if status == 200:
        found = [
            part
            for part in json.loads(answer.content)["components"]
            if part["type"] == "cryptographic-asset"
        ]
        assert len(found) == (1 if query == "?at=1" else 0)
        assert events("connection.exported")[-1]["data"]["rebuilt_from"] is not None
