"""What an earlier inventory and a difference cost, compared with a walk over every event.

    python -m benchmarks.inventory.past ENTRIES

Fills the database of the environment to so many entries: one in five tells of something else, most
are uses of 200 accounts by three agents, one in twenty tells of an account's state. Prints one JSON
object a line: processor seconds of our thread and of the PostgreSQL process that served it.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import django

from benchmarks.resources import Share, spent

ACCOUNTS = 200
ISSUER = "https://acme.example/"
_AT_ONCE = 2_000
_USES, _OTHERS = 0.75, 0.2


def main(entries: int) -> None:
    """Measure the database of the environment."""
    from audit.models import Entry
    from connections.auth_ibom import changes_between, fact_collection, log_events, replay

    def walk(size: int) -> replay.Inventory:
        inventory = replay.Inventory()
        for event in log_events.events(size):
            inventory.take(event)
        return inventory

    _fill(entries)
    total = Entry.objects.count()
    late = total - total // 100
    print(json.dumps({"entries": total}), flush=True)
    _time("at the end", lambda: log_events.known(total))
    _time("the same by a walk", lambda: walk(total))
    _time("difference of the last hundredth", lambda: fact_collection.between(str(late), ""))
    _time(
        "the same by a walk",
        lambda: changes_between.between(walk(late), log_events.events(total, late)),
    )


def _fill(size: int) -> None:
    from audit.models import Entry
    from audit.sequencing import sequencer
    from benchmarks.filling import tidy
    from tests.support.recording import record_many

    worker, there = sequencer.Sequencer(), Entry.objects.count()
    while there < size:
        for _ in record_many(_drafts(there)):
            pass
        worker.run_once(sweep=False)
        there = Entry.objects.count()
    tidy()


def _drafts(first: int) -> Iterator[Any]:
    from audit.recording.actors import Actor, Target
    from audit.recording.record import Draft

    choose, start = random.Random(first), datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(first, first + _AT_ONCE):
        name = str(UUID(int=n % ACCOUNTS if n < ACCOUNTS else choose.randrange(ACCOUNTS)))
        target, state = Target("connection", name), choose.choice(("connected", "suspended"))
        facts: dict[str, Any] = {
            "connection": "github",
            "account_id": name,
            "auth0_id": name,
            "state": state,
        }
        action, kind = "connection.reconciled", choose.random()
        if n >= ACCOUNTS and kind < _USES:
            action, facts = "token.exchanged", {}
        elif n >= ACCOUNTS and kind < _USES + _OTHERS:
            action, facts, target = "external.noise", {"n": n}, Target("thing", name)
        yield Draft(
            actor=Actor(iss=ISSUER, sub=f"auth0|{n % 50:06}"),
            action=action,
            target=target,
            connection="github",
            agent=f"agent-{choose.randrange(3)}",
            data=facts | ({"scopes": ["repo"]} if facts.get("state") else {}),
            time=start + timedelta(seconds=n),
        )


def _time(name: str, work: Callable[[], object]) -> None:
    from django.db import connection

    connection.ensure_connection()
    server = connection.vendor == "postgresql"
    pid = connection.connection.info.backend_pid if server else 0
    before = Share.of() + (Share.of(pid) if server else Share())
    with spent() as cost:
        work()
    share = Share.of() + (Share.of(pid) if server else Share()) - before
    print(
        json.dumps({"what": name, "cpu_s": round(share.ran, 3), "wall_s": round(cost.wall, 2)}),
        flush=True,
    )


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
