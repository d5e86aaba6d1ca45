"""Write a DefenseClaw-shaped database with an invented month of history.

    python -m demo.sample_gateway_database PATH --events 2000 --days 30 --seed 7
        [--until ISO] [--generation 8]

The number of evidence rows is exact. The same arguments give the same rows (with ``--until``;
without it the story ends now). Generation 8 also leaves ``redaction-correlation.key`` next to
PATH, with which every record is sealed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import cast

from demo.history.event_hours import HOUR, Hour, hours
from demo.history.facts import Enforcement, Fact, instant_of
from demo.history.findings import make_uuid
from demo.history.story import Story
from demo.store.database import Inserter, create
from demo.store.instant import from_iso, go_driver_text, now_ns, python_text
from demo.store.rows import LegacyShape, ModernShape, acknowledged
from demo.store.schema import EVIDENCE_TABLES, Generation
from demo.store.sealed_v8_record import Seal, compact

_DAY = 24 * HOUR
# No episode becomes more rows than this; the tail is filled with single events.
_LARGEST_EPISODE = 24


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: ``events`` rows over the ``days`` before ``until`` (ns since 1970)."""

    events: int
    days: int
    seed: int
    until: int
    generation: Generation = 8


def write(path: Path, plan: Plan) -> dict[str, int]:
    """Write the database and return the number of rows per evidence table.

    Raises FileExistsError if ``path`` exists and ValueError if the plan is empty.
    """
    if plan.events < 1 or plan.days < 1:
        raise ValueError("--events and --days must be at least 1")
    connection = create(path, plan.generation, plan.until - plan.days * _DAY)
    try:
        counts = _fill(connection, plan, _shape(path, plan))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return counts


def _shape(path: Path, plan: Plan) -> ModernShape | LegacyShape:
    if plan.generation == 8:
        fresh = hashlib.sha256(f"DEMO redaction key {plan.seed}".encode()).digest()
        return ModernShape(Seal.load_or_create(path.parent, fresh))
    oldest = plan.until - plan.days * _DAY * 9 // 10
    return LegacyShape(
        connector_columns=plan.generation == 7,
        plain_before=oldest if plan.generation == 0 else 0,
    )


def _fill(
    connection: sqlite3.Connection, plan: Plan, shape: ModernShape | LegacyShape
) -> dict[str, int]:
    inserter = Inserter(connection, plan.generation)
    counts: Counter[str] = Counter()
    standing: dict[tuple[str, str], Enforcement] = {}
    for facts in _hourly(plan, shape):
        for fact in facts:
            for table, row in shape.rows(fact):
                inserter.add(table, (row,))
                counts[table] += 1
            if isinstance(fact, Enforcement):
                standing[fact.kind, fact.name] = fact
        if plan.generation == 7:
            _overwrite_severity(connection, acknowledged(facts))
    inserter.add("actions", _actions(plan, standing))
    return {table: counts[table] for table in EVIDENCE_TABLES if counts[table]}


def _hourly(plan: Plan, shape: ModernShape | LegacyShape) -> Iterator[list[Fact]]:
    """Yield the facts of each hour in order of time, until the rows are exactly enough."""
    rng = Random(plan.seed)  # noqa: S311  invented data, not a secret
    story = Story(rng)
    written, opened = 0, False
    for hour in hours(plan.until, plan.days, plan.events):
        facts: list[Fact] = []
        while written < hour.due:
            at = hour.start + rng.randrange(hour.length)
            episode = _next_episode(story, hour, at, plan.events - written, opened)
            opened = opened or hour.incident
            facts += [fact for fact in episode if instant_of(fact) < plan.until]
            written += sum(shape.cost(fact) for fact in episode if instant_of(fact) < plan.until)
        yield sorted(facts, key=instant_of)
        story.close_hour()


def _next_episode(story: Story, hour: Hour, at: int, missing: int, opened: bool) -> list[Fact]:
    if missing < _LARGEST_EPISODE:
        return [story.single(at)]
    if hour.incident and not opened:
        return story.outbreak(hour.start)
    return story.episode(at, hour.incident)


def _overwrite_severity(connection: sqlite3.Connection, alerts: list[str]) -> None:
    """Do what generation 7 does on acknowledge: the severity is lost."""
    connection.executemany(
        "UPDATE audit_events SET severity = 'ACK' WHERE id = ?", [(alert,) for alert in alerts]
    )


def _actions(
    plan: Plan, standing: dict[tuple[str, str], Enforcement]
) -> Iterator[dict[str, object]]:
    rng = Random(plan.seed + 1)  # noqa: S311  invented data, not a secret
    for (kind, name), fact in sorted(standing.items()):
        if fact.verdict is None:
            continue
        at = fact.entry.at
        yield {
            "id": make_uuid(rng),
            "target_type": kind,
            "target_name": name,
            "actions_json": compact(dict(fact.verdict)),
            "reason": fact.reason,
            "updated_at": go_driver_text(at) if plan.generation == 8 else python_text(at),
        }


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (2 for a wrong argument)."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.sample_gateway_database", description=__doc__
    )
    parser.add_argument("path", type=Path, help="database to write; must not exist")
    parser.add_argument("--events", type=int, default=2_000, help="evidence rows (default 2000)")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--until", help="end of the story, ISO 8601 (default: now)")
    parser.add_argument("--generation", type=int, choices=(0, 7, 8), default=8)
    options = parser.parse_args(argv)
    try:
        until = from_iso(options.until) if options.until else now_ns()
        generation = cast(Generation, options.generation)
        plan = Plan(options.events, options.days, options.seed, until, generation)
        counts = write(options.path, plan)
    except (ValueError, FileExistsError) as error:
        print(f"demo.sample_gateway_database: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"path": str(options.path), "rows": sum(counts.values()), "by_table": counts}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
