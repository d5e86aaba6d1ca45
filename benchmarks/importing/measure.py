"""Import an invented history of a gateway and time it against a plain copy of the same rows.

    python -m benchmarks.importing.measure [rows …]

Prints one JSON object a line, one import a size (10,000 and 100,000 unless given), each in a
separate process and under a separate instance name, into the database of the environment. The
baseline reads the same file and inserts every row as JSON into one table with no index, 1,000 a
statement.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
from itertools import batched
from pathlib import Path
from typing import Any

import django

from benchmarks.resources import Memory, spent

SIZES = (10_000, 100_000)
_UNTIL = "2026-11-24T12:00:00Z"


def main(sizes: list[int]) -> None:
    """Measure each size in a separate process, so that none has the memory of another."""
    from demo.sample_gateway_database import Plan, write
    from demo.store.instant import from_iso

    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "audit.db"
            write(path, Plan(size, 90, 7, from_iso(_UNTIL)))
            here = (sys.executable, "-m", "benchmarks.importing.measure", "--one", str(path))
            subprocess.run(here, check=True)


def _one(path: Path) -> None:
    from audit import clock, importing

    instance = f"benchmark-{clock.uuid7().hex[-8:]}"
    with Memory() as memory, spent() as work:
        report = importing.run(path, instance)
    _say("import", **work.line(report.total.imported), memory_mib=round(memory.peak))
    with spent() as work:
        report = importing.run(path, instance)
    _say("import again", **work.line(report.total.duplicates))
    _copy(path)  # last: SQLite keeps temporary tables in memory


def _copy(path: Path) -> None:
    from django.db import connection, transaction

    source = sqlite3.connect(path)
    source.row_factory = sqlite3.Row
    tables = ("audit_events", "scan_results", "scan_findings", "network_egress_events")
    total = 0
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE bench_plain (id TEXT, body TEXT)")
        with spent() as work:
            for table in tables:
                for some in batched(source.execute(f"SELECT * FROM {table}"), 1000):
                    values = [(row["id"], json.dumps(dict(row), default=str)) for row in some]
                    with transaction.atomic():
                        cursor.executemany("INSERT INTO bench_plain VALUES (%s, %s)", values)
                    total += len(values)
        cursor.execute("DROP TABLE bench_plain")
    _say("baseline plain copy", **work.line(total))


def _say(name: str, **figures: Any) -> None:
    print(json.dumps({"measured": name, **figures}), flush=True)


if __name__ == "__main__":
    django.setup()
    if sys.argv[1:2] == ["--one"]:
        _one(Path(sys.argv[2]))
    else:
        main([int(text.replace("_", "")) for text in sys.argv[1:]] or list(SIZES))
