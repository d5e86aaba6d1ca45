"""Hold gateways against the portal's log: `python -m torture.outposts.judge JOURNAL`.

Rows are read as the gateways left them, roots are computed here, and of the portal only the bytes
of its entries and when they were recorded are read. Which rows are reported whole is asked of
`ata.outpost.reported_fields`; a wrong answer would change a root.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from ata.outpost.audit_database import TABLES, Row
from ata.outpost.reported_fields import reported
from torture import tree
from torture.outposts import judge_steps

type Said = Iterator[str]
_FILLED_LATER = "retention_timestamp_unix_nano"
_ROUNDED = timedelta(microseconds=2)  # of a time that was pushed as a fraction of seconds


@dataclass
class Table:
    """The rows of a table by rowid, which of them are reported whole, and what the log has."""

    name: str
    rows: dict[int, dict[str, Any]]
    whole: set[int]
    events: Counter[int] = field(default_factory=Counter)
    ranges: list[Mapping[str, Any]] = field(default_factory=list)
    recorded: dict[int, datetime] = field(default_factory=dict)
    """When the first entry of a row was recorded."""

    def add(self, number: int, entry: Mapping[str, Any]) -> None:
        """Count an entry of a row."""
        self.events[number] += 1
        at = datetime.fromisoformat(entry["recorded"])
        self.recorded[number] = min(at, self.recorded.get(number, at))


def judge(journal: Mapping[str, Any], entries: list[dict[str, Any]], counts: Counter[str]) -> Said:
    """What is wrong with the rows of each gateway; `counts` gets how many there are."""
    since = datetime.fromisoformat(journal["since"])
    for name, host in journal["hosts"].items():
        home = Path(host["home"])
        tables = read(home / ".defenseclaw" / "audit.db")
        of_gateway = [
            one for one in entries if (one["source"], one["instance"]) == ("defenseclaw", name)
        ]
        yield from (f"{name}: {words}" for words in assign(tables, of_gateway))
        for table, found in tables.items():
            highest = host["highest"].get(table, 0)
            for words in each_once(found, highest):
                yield f"{name}: {table}: {words}"
            _count(found, highest, since, counts)


def read(path: Path) -> dict[str, Table]:
    """The tables to which a gateway only adds."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.execute("BEGIN")
        db.row_factory = sqlite3.Row
        there = {one["name"] for one in db.execute("SELECT name FROM sqlite_master")}
        found = {table: _table(db, table) for table in TABLES if table in there}
    scans = {row["id"]: row for row in found["scan_results"].rows.values()}
    for table, one in found.items():
        for number, row in one.rows.items():
            scan = scans.get(row.get("scan_id"), {}) if table.endswith("findings") else {}
            if reported(Row(table, number, row, scan)) is not None:
                one.whole.add(number)
    return found


def _table(db: sqlite3.Connection, table: str) -> Table:
    query = f"SELECT rowid AS number_of_row, * FROM {table}"
    rows = {}
    for found in db.execute(query):
        row = {name: value for name, value in dict(found).items() if value is not None}
        rows[row.pop("number_of_row")] = row
    return Table(table, rows, set())


def assign(tables: Mapping[str, Table], entries: list[dict[str, Any]]) -> Said:
    """Count for each row the entries that are of it; a row that was pushed without an id is known
    by its time and action."""
    of_id = {
        (table, str(row.get("id", row.get("operation_id")))): number
        for table, found in tables.items()
        for number, row in found.rows.items()
    }
    unnamed: list[dict[str, Any]] = []
    for entry in entries:
        data = entry["data"]
        if entry["action"] == "defenseclaw.rows":
            if "root" not in data:
                yield f"the log says that rows are lost, or read again: {data}"
            else:
                tables[entry["table"]].ranges.append(data | {"recorded": entry["recorded"]})
        elif entry["action"] == "defenseclaw.row_changed":
            yield f"the log says that a row was changed: {data}"
        elif "table" not in data:  # an event of the portal about the gateway
            continue
        elif (number := of_id.get((data["table"], data.get("row_id", "")))) is not None:
            tables[data["table"]].add(number, entry)
        else:
            unnamed.append(entry)
    yield from _assign_unnamed(tables["audit_events"], unnamed)


def _assign_unnamed(table: Table, entries: list[dict[str, Any]]) -> Said:
    of_action: dict[str, list[tuple[datetime, int]]] = {}
    for number, row in table.rows.items():
        at = datetime.fromisoformat(row["timestamp"])
        of_action.setdefault(row["action"], []).append((at, number))
    for entry in entries:
        at = datetime.fromisoformat(entry["time"])
        rows = of_action.get(entry["action"].partition(".")[2], [])
        near = [number for moment, number in rows if abs(moment - at) <= _ROUNDED]
        if not near:
            yield f"the entry {entry['id']} is of no row: {entry['action']} {entry['time']}"
        else:
            table.add(min(near, key=lambda number: table.events[number]), entry)


def each_once(table: Table, highest: int) -> Said:
    """Each row up to `highest` is an entry, or in one range whose root is right."""
    ranged: Counter[int] = Counter()
    for one in table.ranges:
        inside = [n for n in range(one["first"], one["last"] + 1) if n in table.rows]
        inside = [n for n in inside if n not in table.whole]
        ranged.update(inside)
        if (len(inside), root_of(table, inside)) != (one["count"], one["root"]):
            yield f"the range {one['first']} to {one['last']} has other rows or another root"
    for number in sorted(table.rows):
        events, ranges = table.events[number], ranged[number]
        if events > 1 or ranges > 1:
            yield f"row {number} has {events} entries and is in {ranges} ranges"
        wanted = events if number in table.whole else ranges
        if not wanted and number <= highest:
            yield f"row {number} is not in the log: {table.rows[number].get('action', '')}"


def _count(table: Table, highest: int, since: datetime, counts: Counter[str]) -> None:
    """Add the rows up to `highest`, and the longest time from a row to its entry or range."""
    recorded = dict(table.recorded)
    for one in table.ranges:
        at = datetime.fromisoformat(one["recorded"])
        for number in range(one["first"], one["last"] + 1):
            if number in table.rows and number not in table.whole:
                recorded[number] = at
                counts["in ranges"] += number <= highest
    counts["rows"] += sum(1 for number in table.rows if number <= highest)
    counts["as entries"] += sum(1 for n in table.whole if n <= highest and table.events[n])
    counts["ranges"] += len(table.ranges)
    for number, at in recorded.items():
        row = table.rows[number]
        written = _written(row["timestamp"]) if "timestamp" in row else since
        if written > since:
            delay = math.ceil((at - written).total_seconds())
            counts["longest delay"] = max(delay, counts["longest delay"])


def _written(text: str) -> datetime:
    """The time of a row: RFC 3339, or as Go prints one (`… +0000 UTC m=+5.5`)."""
    moment, printed_by_go, _ = text.partition(" +0000 UTC")
    return datetime.fromisoformat(f"{moment}+00:00" if printed_by_go else moment)


def root_of(table: Table, numbers: list[int]) -> str:
    """The root of a range, as docs/outpost.md says."""
    digests = [hashlib.sha256(_leaf(table, number)).digest() for number in numbers]
    return tree.roots(digests, [len(digests)])[len(digests)].hex()


def _leaf(table: Table, number: int) -> bytes:
    row = {n: _cell(v) for n, v in table.rows[number].items() if n != _FILLED_LATER}
    content = {"table": table.name, "rowid": number, "row": row}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return {"$real": repr(value)}
    if isinstance(value, int) and abs(value) >= 2**53:
        return str(value)
    return value


def main() -> None:
    """Print the violations and counts as one JSON object."""
    django.setup()
    from audit.models import Entry, Event, EventRow

    journal = json.loads(Path(sys.argv[1]).read_text())
    leaves = set(Entry.objects.values_list("event_id", flat=True))
    ranges = EventRow.objects.filter(action="defenseclaw.rows").values_list("event", "target_name")
    tables = {str(event): name for event, name in ranges}  # the entry has a commitment to it
    entries = [
        json.loads(bytes(entry))
        | {"recorded": recorded.isoformat(), "table": tables.get(str(id_), "")}
        for id_, entry, recorded in Event.objects.values_list("id", "entry", "recorded_at")
        if id_ in leaves
    ]
    counts: Counter[str] = Counter({"entries": len(entries)})
    rows = list(judge(journal, entries, counts))
    said = [*judge_steps.executed(journal, counts), *judge_steps.steps(journal, counts)]
    print(json.dumps({"rows": rows, "steps": said, "counts": counts}))


if __name__ == "__main__":
    main()
