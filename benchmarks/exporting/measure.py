"""Export the database of the environment and time it against the database's own export.

    python -m benchmarks.exporting.measure [bar of a filter]

Prints one JSON object a line. `packed` reads the lines that the worker packed, `opened` opens and
checks each event (the first 20,000). The baseline is `COPY … TO STDOUT (FORMAT csv)` on
PostgreSQL and the csv module over a cursor on SQLite, of the same events: entry, openings and the
columns of the search row. `first_ms` is until the first byte, `first_row_ms` until the first event.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
import time
from typing import Any

import django

from benchmarks.resources import Memory, spent

OPENED = 20_000
SMALL = 10_000
_BASELINE = (
    "SELECT e.entry, o.{quote}values{quote}, r.event, r.seq, r.time, r.recorded_at, r.action, "
    "r.outcome, r.severity, r.source, r.instance, r.actor_name, r.actor_email, r.actor_sub, "
    "r.roles, r.target_kind, r.target_name, r.connection, r.agent, r.skill, r.approval, "
    "r.operation, r.session, r.request, r.via, r.human, r.sentence "
    "FROM audit_eventrow r JOIN audit_event e ON e.id = r.event "
    "LEFT JOIN audit_openings o ON o.event = r.event WHERE r.seq < {size} ORDER BY r.seq"
)


def main(bar: str) -> None:
    """Measure."""
    from audit.exports import line_block_cache
    from audit.sequencing import stored_tree_queries

    size = stored_tree_queries.stored_size()
    with spent() as packing:
        packed = line_block_cache.fill(budget_s=1e9)
    if packed:
        _say("packing", **packing.line(packed * 256))
    for format in ("csv", "ndjson"):
        for name, filter, most in (("all", "", size), ("small", "order:oldest", SMALL)):
            _export(f"{format} packed {name}", format, filter, most)
        if bar:
            _export(f"{format} packed {bar}", format, bar, size)
    if size >= OPENED:
        read, line_block_cache.read = (
            line_block_cache.read,
            lambda *_: {},
        )  # as if nothing were packed
        _export("csv opened", "csv", "order:oldest", OPENED)
        line_block_cache.read = read
    _baseline(size)


def _export(name: str, format: str, bar: str, size: int) -> None:
    from audit import exports
    from audit.ledger.query import EventQuery
    from audit.models import ExportJob
    from audit.recording.actors import Actor

    started = time.perf_counter()
    actor = Actor(iss="", sub="", name="benchmark")
    job = exports.request(actor, EventQuery.from_bar(bar), format)
    if size < job.tree_size:
        ExportJob.objects.filter(id=job.id).update(tree_size=size)
    first = first_row = sent = 0.0
    digest = hashlib.sha256()
    with Memory() as memory, spent() as work:
        for number, piece in enumerate(exports.stream(job.id)):
            now = (time.perf_counter() - started) * 1000
            first = first or now
            if number == (1 if format == "csv" else 0):
                first_row = now
            sent += len(piece)
            digest.update(piece)
    job.refresh_from_db()
    if digest.hexdigest() != job.sha256:
        raise RuntimeError("the file is not what its manifest says")
    _say(
        name,
        **work.line(job.rows),
        mb=round(sent / 1e6, 1),
        first_ms=round(first),
        first_row_ms=round(first_row),
        memory_mib=round(memory.peak),
    )
    exports.path_of(job).unlink()


def _baseline(size: int) -> None:
    from django.db import connection

    quote = connection.ops.quote_name("x")[0]
    query = _BASELINE.format(quote=quote, size=int(size))
    sent = 0
    connection.ensure_connection()
    with spent() as work, connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
                for piece in copy:
                    sent += len(piece)
        else:
            cursor.execute(query)
            while rows := cursor.fetchmany(2000):
                lines = io.StringIO()
                csv.writer(lines).writerows(rows)
                sent += len(lines.getvalue().encode())
    _say(f"baseline {connection.vendor} csv", **work.line(size), mb=round(sent / 1e6, 1))


def _say(name: str, **figures: Any) -> None:
    print(json.dumps({"measured": name, **figures}), flush=True)


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1] if len(sys.argv) > 1 else "")
