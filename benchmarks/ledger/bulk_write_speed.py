"""Write events in bulk, in turns with the same rows alone.

    python -m benchmarks.ledger.bulk_write_speed [events of a turn [turns]]

Uses the database of the environment, which should be empty. A turn is as long as a real import is
in a minute: what is written in parallel with the making of the next batch begins and ends once a
turn, and a turn of four batches would measure that. Each baseline has turns and batches of the same
size, and rows or objects that were made beforehand:

- `the rows alone`: COPY as text, or executemany on SQLite, of rows that have no position yet, which
  the index of words and others leave out. The bound is by this one;
- `the rows alone, placed`: the same with their positions, as they are kept, so into each index
  (PostgreSQL);
- `bulk_create`: Django's own, of the same models, without positions.

`us_client` and `us_server` are processor time of an event, ours and that of all backends.
"""

from __future__ import annotations

import gc
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import batched
from typing import TYPE_CHECKING, Any

import django

from benchmarks.ledger.postgresql_cpu_time import Backends, watched
from benchmarks.ledger.writers import with_children
from benchmarks.resources import Spent

if TYPE_CHECKING:
    from audit.ingest.bulk_event_writer import Ingest
    from audit.recording.record import Draft, Prepared

STEP = 2000  # a batch, as an import has it
_TURN = 40_000  # events
_TOTAL = 1_000_000  # the number that drafts are drawn from


@dataclass
class Way:
    """One way of writing: `begin` makes what is not measured and returns what is."""

    name: str
    begin: Callable[[list[Draft]], Callable[[], None]]
    spent: Spent = field(default_factory=Spent)
    server: float = 0.0

    def line(self, rows: int) -> dict[str, Any]:
        """What it took."""
        client, server = 1e6 * self.spent.cpu / rows, 1e6 * self.server / rows
        return {
            **self.spent.line(rows),
            "us_client": round(client, 1),
            "us_server": round(server, 1),
        }


def main(turn: int = _TURN, turns: int = 2) -> None:
    """Measure."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    _say("engine", engine=connection.vendor, processors=len(os.sched_getaffinity(0)))
    measure(turn, turns)


def measure(turn: int, turns: int) -> None:
    """Measure in a database that is there."""
    from django.db import connection

    from audit.ingest.bulk_event_writer import Ingest

    writer = Ingest()  # a sequencer, too: two would each read anew what the other did
    writer.run_once(sweep=False)
    ways = [Way("bulk, the rows alone", _alone), Way("bulk, bulk_create", _bulk_create)]
    if connection.vendor == "postgresql":
        ways.insert(1, Way("bulk, the rows alone, placed", _placed))
    ours = [
        Way("bulk, record_many, sequenced and signed", lambda some: _recorded(writer, some)),
        Way("bulk, ingested with leaves and signed", lambda some: _ingested(writer, some)),
    ]
    with watched() as backends:
        for at in range(turns):
            for way in (*ways, *ours):
                _one(way, at * turn, turn, backends)
                writer.run_once(sweep=True)  # the log is whole before the next
    for way in ways:
        _say(way.name, **way.line(turn * turns))
    for one in ours:
        ratios = {f"by {way.name.removeprefix('bulk, ')}": _by(one, way) for way in ways}
        _say(one.name, **one.line(turn * turns), **ratios)


def _by(ours: Way, baseline: Way) -> dict[str, float]:
    used = baseline.spent.cpu + baseline.server
    return {
        "ratio_by_clock": round(baseline.spent.wall / ours.spent.wall, 2),
        "ratio_by_processors": round(used / (ours.spent.cpu + ours.server), 2),
    }


def _one(way: Way, first: int, many: int, backends: Backends | None) -> None:
    work = way.begin(_drafts(first, first + many))
    gc.collect()
    before = backends.used() if backends else 0.0
    with with_children() as spent:
        work()
    way.server += (backends.used() if backends else 0.0) - before
    for name in ("wall", "waited", "cpu"):
        setattr(way.spent, name, getattr(way.spent, name) + getattr(spent, name))


def _drafts(first: int, end: int) -> list[Draft]:
    from benchmarks.events import drafts

    return [replace(draft, id=None, time=None) for draft in drafts(first, end, _TOTAL)]


def _batches(some: Sequence[Draft]) -> list[list[Prepared]]:
    from audit.recording.record import prepared

    return [prepared(list(few)) for few in batched(some, STEP)]


@contextmanager
def _together() -> Iterator[None]:
    from django.db import transaction

    with transaction.atomic(durable=True):
        yield


def _alone(some: list[Draft]) -> Callable[[], None]:
    from audit.recording.record import write

    batches = _batches(some)

    def work() -> None:
        for rows in batches:
            with _together():
                write(rows)

    return work


def _placed(some: list[Draft]) -> Callable[[], None]:
    """Who sequences next gives them the same positions, in the order of their ids."""
    from audit.db import bulk_insert
    from audit.ingest.bulk_event_writer import made
    from audit.models import Event, EventRow, Openings
    from audit.search import fulltext_index
    from audit.search.projection import COLUMNS
    from audit.sequencing import stored_tree_queries

    batches, place = [made(rows) for rows in _batches(some)], COLUMNS.index("seq")
    first = stored_tree_queries.stored_size()

    def work() -> None:
        at = first
        for rows in batches:
            with _together(), fulltext_index.gathering(len(rows.ids)):
                bulk_insert.insert_values(Event, rows.events)
                bulk_insert.insert_values(Openings, rows.openings)
                bulk_insert.insert_values(
                    EventRow, rows.rows, {place: range(at, at + len(rows.ids))}
                )
            at += len(rows.ids)

    return work


def _bulk_create(some: list[Draft]) -> Callable[[], None]:
    from audit.ingest.bulk_event_writer import made
    from audit.models import Event, EventRow, Openings

    def objects(model: Any, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        return [model(*values) for values in rows]

    batches = []
    for rows in map(made, _batches(some)):
        openings = [Openings(event=o[0], subject=o[1], values=o[2]) for o in rows.openings]
        events, search = objects(Event, rows.events), objects(EventRow, rows.rows)
        batches.append((events, openings, search))

    def work() -> None:
        for events, openings, rows in batches:
            with _together():
                Event.objects.bulk_create(events)
                Openings.objects.bulk_create(openings)
                EventRow.objects.bulk_create(rows)

    return work


def _recorded(writer: Ingest, some: list[Draft]) -> Callable[[], None]:
    from tests.support.recording import record_many

    def work() -> None:
        for few in batched(some, STEP):
            for _ in record_many(few, batch=STEP):
                pass
            writer.run_once(sweep=False)

    return work


def _ingested(writer: Ingest, some: list[Draft]) -> Callable[[], None]:
    from audit.ingest.bulk_event_writer import made
    from audit.recording.record import prepared

    def work() -> None:
        for few in batched(some, STEP):
            writer.write(made(prepared(few)))

    return work


def _say(name: str, **figures: Any) -> None:
    print(json.dumps({"measured": name, **figures}), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("EVIDENCE_KEY", secrets.token_hex(32))
    django.setup()
    main(*(int(text.replace("_", "")) for text in sys.argv[1:]))
