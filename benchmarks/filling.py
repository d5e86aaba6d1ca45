"""Fill the database of the environment with events, through the recorder and the sequencer.

    python -m benchmarks.filling 1000000

Goes on where it was stopped. Nothing is written around the product: what is measured on top of it
is what the product wrote.
"""

from __future__ import annotations

import sys
import time

import django


def main(size: int) -> None:
    """Bring the trail to `size` events, all of them in the signed log."""
    from audit.models import EventRow
    from audit.sequencing import sequencer, stored_tree_queries
    from benchmarks.events import drafts
    from tests.support.recording import record_many

    worker, began = sequencer.Sequencer(), time.monotonic()
    worker.run_once(sweep=False)
    there = stored_tree_queries.stored_size() + EventRow.objects.filter(seq__isnull=True).count()
    for first in range(there // _STEP * _STEP, size, _STEP):
        end = min(first + _STEP, size)
        for _ in record_many(drafts(first, end, size), batch=_STEP):
            pass
        worker.run_once(sweep=False)
        rate = (end - there) / (time.monotonic() - began)
        print(f"\r{end:,} of {size:,} events, {rate:,.0f} a second ", end="", flush=True)
    print()
    tidy()


def tidy() -> None:
    """What autovacuum does in time: without it PostgreSQL does not know what filters match."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


_STEP = 10_000

if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1].replace("_", "").replace(",", "")))
