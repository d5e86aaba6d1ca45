"""The judge of `make torture PART=outposts`: rows that are missing or twice, and what ran twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from ata.outpost.audit_database import Row
from ata.outpost.rows_and_ranges import digest_of
from audit.ledger import merkle
from torture.outposts.judge import Table, assign, each_once, root_of
from torture.outposts.judge_steps import repeated


def judged() -> Table:
    """Four rows: the second is an entry, the others are in one range."""
    stamps = {n: f"2026-11-30T10:00:0{n}.123456789Z" for n in range(1, 5)}
    rows = {n: {"id": f"id-{n}", "timestamp": at, "action": "x"} for n, at in stamps.items()}
    found = Table("audit_events", rows, {2}, Counter({2: 1}))
    root = root_of(found, [1, 3, 4])
    found.ranges = [{"first": 1, "last": 4, "count": 3, "root": root}]
    return found


def test_its_roots_are_those_of_an_outpost() -> None:
    table = judged()
    rows = [Row(table.name, number, table.rows[number], {}) for number in (1, 3, 4)]
    leaves = [merkle.leaf_hash(digest_of(row)) for row in rows]
    assert table.ranges[0]["root"] == merkle.root(leaves).hex()


def test_what_is_there_once_is_right() -> None:
    assert list(each_once(judged(), 4)) == []
    table = judged()
    table.rows[5] = table.rows[4] | {"id": "id-5"}
    assert list(each_once(table, 4)) == [], "a row that was written since"


def _twice_whole(table: Table) -> None:
    table.events[2] += 1


def _lost_whole(table: Table) -> None:
    table.events.clear()


def _twice_in_ranges(table: Table) -> None:
    table.ranges *= 2


def _lost_range(table: Table) -> None:
    table.ranges.clear()


def _edited(table: Table) -> None:
    table.rows[3]["action"] = "y"


@pytest.mark.parametrize(
    "change", [_twice_whole, _lost_whole, _twice_in_ranges, _lost_range, _edited]
)
def test_what_is_not_there_once_is_found(change: Callable[[Table], None]) -> None:
    table = judged()
    change(table)
    assert list(each_once(table, 4))


def test_an_entry_without_a_row_and_a_lost_range_are_found() -> None:
    entry = {"id": "e", "action": "defenseclaw.x", "time": "2026-11-30T10:00:01.123457Z"}
    entry["recorded"] = "2026-11-30T10:00:05Z"
    named = {**entry, "data": {"table": "audit_events", "row_id": "id-1"}}
    pushed = {**entry, "data": {"table": "audit_events", "row_id": "pushed-1"}}
    table = judged()
    assert list(assign({"audit_events": table}, [named, pushed])) == []
    assert table.events[1] == 2
    later = {**pushed, "time": "2026-11-30T10:00:09Z"}
    lost = {**entry, "action": "defenseclaw.rows", "data": {"dropped": True}}
    assert len(list(assign({"audit_events": judged()}, [later, lost]))) == 2


def test_what_relaxes_or_moves_files_twice_is_found() -> None:
    assert list(repeated([("disable", "a"), ("disable", "a"), ("enable", "a")])) == []
    assert len(list(repeated([("enable", "a"), ("quarantine", "b")] * 2))) == 2
