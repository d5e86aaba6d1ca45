"""An inventory of the past and a difference: equal to a walk over everything, at a smaller cost."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from approvals import clock
from audit.models import Checkpoint, Entry
from audit.models.search_row_and_rollup import INVENTORY
from audit.recording import stored_event_loader
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from connections.auth_ibom import changes_between, fact_collection, log_events, log_size_at, replay
from connections.models import ConnectedAccount
from connections.sync import update_accounts
from tests.connections.random_inventories import (
    any_of,
    anything,
    fact,
    owner,
    step,
)
from tests.connections.visitor import know, subject


def test_the_index_holds_every_event_that_does_more_than_count() -> None:
    assert {*INVENTORY, replay.USE} == set(replay.ACTIONS)
    assert list(INVENTORY) == sorted(INVENTORY)


def used(choose: random.Random) -> None:
    """A token that was given out, or refused, for an account or for none that is known."""
    row = any_of(choose, ConnectedAccount.objects.all())
    name = (
        str(row.pk)
        if row and choose.random() < 0.9
        else f"00000000-0000-7000-8000-{choose.randrange(3):012}"
    )
    refused = choose.random() < 0.2
    record(
        owner("member1"),
        "token.refused" if refused else replay.USE,
        outcome="denied" if refused else "success",
        source="broker",
        target=Target("connection", name) if choose.random() < 0.9 else None,
        connection=row.connection if row else "github",
        agent=choose.choice(["claw", "codex", ""]),
        skill=choose.choice(["mcp:x", ""]),
        data={"code": choose.choice(["reconnect_required", "frozen"])} if refused else {},
        time=clock.now() - timedelta(seconds=choose.randint(0, 90)),  # order is the index's
    )


def connected_again(choose: random.Random) -> None:
    """What was known already is connected by a flow of another name (`consent.new_account`)."""
    row = any_of(choose, ConnectedAccount.objects.all())
    if row is None:
        return
    record(
        owner("member1"),
        "connection.connected",
        target=Target("connection", f"00000000-0000-7000-9000-{choose.randrange(9):012}"),
        connection=row.connection,
        data={
            "connection": row.connection,
            "account_id": str(row.pk),
            "auth0_id": row.auth0_id,
            "state": "connected",
            "scopes": choose.sample(["repo", "gist", "user"], 2),
        },
    )


def others(choose: random.Random) -> None:
    """Something about manifests and settings, and something about nothing of this."""
    record(
        owner("member1"),
        "manifest.declared",
        target=Target("mcp", choose.choice(["a", "b"])),
        data={"manifest": f"{choose.randrange(3)}"},
    )
    record(owner("member1"), "external.noise", data={"n": choose.randrange(9)})


@pytest.mark.parametrize("seed", range(4))
def test_what_is_read_by_index_is_what_a_walk_over_everything_tells(
    db: None, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_events, "_BATCH", 7)
    know("member1", "member2")
    choose = random.Random(seed)
    for _ in range(70):
        choose.choice([step, anything, used, used, used, connected_again, others])(choose)
    sequencer.run_once()
    total = Entry.objects.count()
    ends = {0, total, *(choose.randint(0, total) for _ in range(8))}
    everything = list(log_events.events(total))
    known: dict[int, replay.Inventory] = {}
    for size in ends:
        found, walked = log_events.known(size), replay.Inventory()
        for event in log_events.events(size):
            walked.take(event)
        known[size] = walked.copy()
        walked.size = found.size = 0  # of the last event taken, which differs in kind alone
        assert found == walked, size
        assert [list(a.uses) for a in found.accounts.values()] == [
            list(a.uses) for a in walked.accounts.values()
        ]
    for first in ends:
        for size in ends:
            if first > size:
                continue
            beside = [event for event in everything if first <= event["index"] < size]
            expected = changes_between.between(known[first].copy(), beside)
            told = fact_collection.between(str(first), str(size)).changes
            assert list(map(asdict, told)) == list(map(asdict, expected)), (first, size)


def grown(number: int, choose: random.Random) -> None:
    """Entries that tell of no inventory, and uses of what is known, which only count."""
    [row, *_] = ConnectedAccount.objects.order_by("pk")
    for n in range(number):
        record(owner("member1"), "external.noise", data={"n": n})
        record(
            owner("member1"),
            replay.USE,
            target=Target("connection", str(row.pk)),
            connection=row.connection,
            agent="claw",
        )
    sequencer.run_once()


def opened_by(work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many events were opened."""
    told: list[int] = []
    real = stored_event_loader.load_rows

    def counted(rows: Sequence[stored_event_loader.Row]) -> list[dict[str, Any]]:
        told.append(len(rows))
        return real(rows)

    with monkeypatch.context() as patch:
        patch.setattr(stored_event_loader, "load_rows", counted)
        work()
    return sum(told)


def test_what_only_counts_is_not_opened(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    know("member1")
    choose = random.Random(3)
    for n in range(4):
        update_accounts.appeared(
            settings.ENV.issuer, subject("member1"), fact(choose, f"cac_{n}"), "management"
        )
    grown(5, choose)
    before = opened_by(lambda: fact_collection.at(Entry.objects.count()), monkeypatch)
    last = [
        opened_by(lambda: fact_collection.between(str(Entry.objects.count() - 3), ""), monkeypatch)
    ]
    grown(40, choose)
    assert opened_by(lambda: fact_collection.at(Entry.objects.count()), monkeypatch) == before == 5
    last.append(
        opened_by(lambda: fact_collection.between(str(Entry.objects.count() - 3), ""), monkeypatch)
    )
    # What stood before, as above, and the first use since.
    assert last == [6, 6]
    [account] = [a for a in fact_collection.at(Entry.objects.count()).accounts if a.uses]
    assert [use.count for use in account.users] == [45]


def test_the_engine_uses_the_index_of_what_tells_of_the_inventory(db: None) -> None:
    rows = log_events._telling().filter(seq__gte=0, seq__lt=9).order_by("seq")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("DROP INDEX audit_row_seq")  # of an empty table any index costs the same
        sql, params = rows.values_list("seq", "event").query.sql_with_params()
        cursor.execute(
            f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN'} {sql}", params
        )
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "audit_row_inventory" in plan, plan


def hourly(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Thirty entries, an hour apart; returns the moment of the first."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    for n in range(30):
        at = start + timedelta(hours=n)
        monkeypatch.setattr("audit.clock.now", lambda at=at: at)
        record(Actor(iss="", sub="", via="task"), "external.noise", data={"n": n})
    sequencer.run_once()
    return start


def test_a_moment_is_found_from_the_checkpoint_before_it(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = hourly(monkeypatch)
    for n in range(30):
        at = start + timedelta(hours=n)
        Checkpoint.objects.create(size=n + 1, root=b"", note="", created=at)
    for n in range(30):
        for minutes, size in ((-30, n), (0, n + 1), (5, n + 1), (30, n + 1)):
            moment = start + timedelta(hours=n, minutes=minutes)
            assert log_size_at.size_at(moment) == size
            assert log_size_at._signed_by(moment) == size, "no entry before it is looked at"
    assert log_size_at._signed_by(start - timedelta(1)) == 0
    assert log_size_at._signed_by(start + timedelta(days=9)) == 30


def test_a_checkpoint_whose_time_was_bent_moves_no_moment(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = hourly(monkeypatch)
    Checkpoint.objects.create(size=25, root=b"", note="", created=start)  # really a day later
    assert log_size_at._signed_by(start + timedelta(hours=2)) == 25
    assert log_size_at.size_at(start + timedelta(hours=2, minutes=20)) == 3
