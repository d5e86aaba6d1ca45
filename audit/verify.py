"""Verification of the whole ledger from its own rows, in flat memory.

Every leaf is computed again from the entry's bytes; openings are held against commitments, search
rows, counts, evidence and finished work against entries, tiles and every signed checkpoint against
the tree, triggers against what migrations make. What the database owner could do to all of these
at once, only a checkpoint kept elsewhere shows: that is what witnesses and `ata verify` are for.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import batched

from django.db.models import Max

from audit import evidence, guards, indexcheck, straycheck, tree
from audit.leafcheck import LeafChecker
from audit.models import Checkpoint, Event
from audit.reading import UNREADABLE
from audit.report import Findings, Problem, Report
from audit.treecheck import TreeChecker

__all__ = ["OutsideLog", "Problem", "Report", "run"]


class OutsideLog(ValueError):
    """There is no entry of that number."""


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
        OutsideLog: `start` is negative or beyond the log.
    """
    # Read in this order a checkpoint can never be ahead of the size by mere timing.
    last_checkpoint = Checkpoint.objects.aggregate(last=Max("id"))["last"] or 0
    size = tree.stored_size()
    if not 0 <= start <= max(size - 1, 0):
        raise OutsideLog(f"the log has entries 0 to {size - 1}; {start} is outside")
    evidence.forget_read()
    findings = Findings()
    for problem in guards.problems():
        findings.add("trigger", problem)
    leaves = LeafChecker(findings)
    checker = TreeChecker(findings, start=start, size=size, last_checkpoint=last_checkpoint)
    first = checker.start
    while first < size:
        end = min(first + batch, size)
        if (there := tree.next_index(first)) >= end:  # nobody counts to a forged index
            findings.add("gap", f"the entries {first} to {there - 1} are missing", first)
            checker.stop()
            end = min(there, size)
        else:
            # The tree begins at a tile boundary, a little before the first leaf asked for.
            checker.extend(first, leaves.check(first, end, examine_from=start))
        if progress is not None:
            progress(max(0, end - start), size - start)
        first = end
    stages: tuple[tuple[str, Callable[[], None]], ...] = (
        ("events without a leaf", lambda: _check_pending(leaves)),
        ("the tree", checker.finish),
        ("the full-text index", lambda: leaves.index.finish(start, size)),
        ("the counts", lambda: indexcheck.check_counts(findings)),
        ("rows beside the log", lambda: straycheck.check(findings)),
        ("evidence and finished work", lambda: leaves.finish(whole=start == 0)),
    )
    for what, check in stages:
        try:
            check()
        except UNREADABLE as error:
            findings.add("unreadable", f"{what} cannot be read: {type(error).__name__}: {error}")
    return Report(
        start=start,
        size=size,
        checked=size - start,
        checkpoints=checker.checkpoints,
        pending=leaves.pending,
        root=checker.root,
        problems=tuple(findings.kept),
        problem_count=findings.count,
    )


def _check_pending(leaves: LeafChecker) -> None:
    """Events without a leaf must at least be whole."""
    waiting = Event.objects.filter(leaf__isnull=True).values_list("id", flat=True)
    for some in batched(waiting.iterator(chunk_size=BATCH), BATCH):
        leaves.check_pending(some)
