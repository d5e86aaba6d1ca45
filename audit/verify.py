"""Verification of the whole ledger from its own rows, in flat memory.

Every leaf is computed again from the entry's bytes; openings are held against commitments, search
rows against entries, tiles and every signed checkpoint against the tree. What the database owner
could do to all of these at once, only a checkpoint kept elsewhere shows: that is what witnesses
and `ata verify` are for.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import batched

from django.db import connection
from django.db.models import Max, Sum

from audit import fulltext, guards, tree
from audit.leafcheck import LeafChecker
from audit.models import Checkpoint, Event, EventRow, Rollup, Tile
from audit.report import Findings, Problem, Report
from audit.terms import ALL
from audit.treecheck import TreeChecker

__all__ = ["Problem", "Report", "run"]

type Progress = Callable[[int, int], None]
BATCH = 1000


def run(*, start: int = 0, progress: Progress | None = None, batch: int = BATCH) -> Report:
    """Verify entries from `start` to the current end, and everything about the whole.

    Args:
        start: first leaf to check; the tree below it is taken from stored tiles, and its root is
            still held against every checkpoint.
        progress: called with (checked, total) after each batch.
        batch: leaves in memory at a time.

    Raises:
        ValueError: `start` is negative or beyond the log.
        LedgerIdentityError: the log's own key cannot be read.
    """
    # Read in this order a checkpoint can never be ahead of the size by mere timing.
    last_checkpoint = Checkpoint.objects.aggregate(last=Max("id"))["last"] or 0
    size = tree.stored_size()
    if not 0 <= start <= size:
        raise ValueError(f"the log has entries 0 to {size - 1}; {start} is outside")
    findings = Findings()
    for name in guards.missing_triggers():
        findings.add("trigger", f"the trigger {name} is missing; run migrate or restore it")
    leaves = LeafChecker(findings)
    checker = TreeChecker(findings, start=start, size=size, last_checkpoint=last_checkpoint)
    for first in range(checker.start, size, batch):
        end = min(first + batch, size)
        # The tree begins at a tile boundary, a little before the first leaf that was asked for.
        checker.extend(first, leaves.check(first, end, examine_from=start))
        if progress is not None:
            progress(max(0, end - start), size - start)
    checker.finish()
    _check_projection(findings, size)
    pending = _check_pending(findings)
    return Report(
        start=start,
        size=size,
        checked=size - start,
        checkpoints=checker.checkpoints,
        pending=pending,
        root=checker.root,
        problems=tuple(findings.kept),
        problem_count=findings.count,
    )


def _check_projection(findings: Findings, size: int) -> None:
    """Search rows, full-text index and rollups must cover the log, no more and no less."""
    hint = "run rebuild_projection"
    stray = EventRow.objects.exclude(event__in=Event.objects.values("id"))
    for row in stray.order_by("event")[:10]:
        findings.add("projection", "a search row has no event", row.seq, row.event)
    counted = Rollup.objects.filter().aggregate(n=Sum("n"))["n"] or 0
    if counted < size:
        findings.add("projection", f"rollups count {counted} of {size} entries; {hint}")
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM {fulltext.TABLE} "  # noqa: S608 - constant name
                f"WHERE {fulltext.TABLE} MATCH '\"{ALL}\"' AND rowid < %s",
                [size],
            )
            indexed = cursor.fetchone()[0]
        if indexed != size:
            findings.add("projection", f"the index holds {indexed} of {size} entries; {hint}")
    surplus = Tile.objects.filter(level=0, n__gte=tree.stored_size() >> 8).count()
    if surplus:
        findings.add("tile", f"{surplus} stored tiles lie beyond the end of the log")


def _check_pending(findings: Findings) -> int:
    """Events without a leaf must at least be whole; returns how many there are."""
    count = 0
    waiting = Event.objects.filter(leaf__isnull=True).values_list("id", "entry", "leaf_hash")
    checker = LeafChecker(findings)
    for some in batched(waiting.iterator(chunk_size=BATCH), BATCH):
        for id, entry, leaf in some:
            checker.check_bytes(None, id, bytes(entry), bytes(leaf))
        count += len(some)
    return count
