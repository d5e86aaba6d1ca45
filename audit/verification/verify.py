"""Verification of the whole ledger from its own rows, in flat memory.

Every leaf is computed again from the entry's bytes; openings are held against commitments, search
rows, counts, evidence, finished work and decisions against entries, tiles and every signed
checkpoint against the tree, triggers against what migrations make. What the database owner could do
to all of these at once, only a checkpoint kept elsewhere shows: that is what witnesses and
`ata verify` are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import batched

from django.db.models import Max

from audit.db import (
    insert_only,
)
from audit.evidence import (
    storage,
)
from audit.models import Checkpoint, Entry, Event
from audit.sequencing import (
    stored_tree_queries,
)
from audit.verification.checks import (
    checks_from_other_apps,
    first_rows_by_decision_tag,
    key_and_adoption_files,
    orphans,
    rollup_counts,
)
from audit.verification.checks.entries import LeafChecker
from audit.verification.checks.tree_and_signed_checkpoints import TreeChecker
from audit.verification.leaf_ranges import Range, ranges
from audit.verification.parallel import Crowd, Hashes
from audit.verification.report import Findings, Problem, Report
from audit.verification.unreadable_rows import NOT_READ, can_read, note

__all__ = ["OutsideLog", "Problem", "Report", "run"]


class OutsideLog(ValueError):
    """There is no entry of that number."""


type Progress = Callable[[int, int], None]
BATCH = 4096
_OPENED = 1024  # events without a leaf that are opened at a time
_WORTH_PROCESSES = 50_000  # leaves; fewer are done before the processes are up


def run(
    *,
    start: int = 0,
    progress: Progress | None = None,
    batch: int = BATCH,
    processes: int = 1,
    tree_only: bool = False,
) -> Report:
    """Verify entries from `start` to the current end, and everything about the whole.

    Args:
        start: first leaf to check; the tree below it is taken from stored tiles, and its root is
            still held against every checkpoint.
        progress: called with (checked, total) after each batch.
        batch: leaves in memory at a time.
        processes: how many share the work, where there is enough of it.
        tree_only: check entries, tree and checkpoints, and nothing else.

    Raises:
        OutsideLog: `start` is negative or beyond the log.
    """
    # Read in this order a checkpoint can never be ahead of the size by mere timing.
    last_checkpoint = Checkpoint.objects.aggregate(last=Max("id"))["last"] or 0
    size = stored_tree_queries.stored_size()
    if not 0 <= start <= max(size - 1, 0):
        has = f"entries 0 to {size - 1}" if size else "no entry yet"
        raise OutsideLog(f"The log has {has}; {start} is outside.")
    storage.forget_read()
    findings = Findings()
    for problem in insert_only.problems():
        findings.add("trigger", problem)
    leaves = LeafChecker(findings)
    trees = TreeChecker(findings, start=start, size=size, last_checkpoint=last_checkpoint)
    crowd = None
    # Entries are counted: somebody may have forged one of a large index.
    if processes > 1 and Entry.objects.filter(seq__gte=start).count() >= _WORTH_PROCESSES:
        crowd = Crowd(processes, start=start, tree_only=tree_only)
    walking = _Walk(findings, trees, start, size, progress)
    with closing(crowd) if crowd else nullcontext():
        wanted = ranges(trees.start, size, BATCH if crowd else batch)
        if crowd:
            walking.along(crowd.walk(wanted, leaves))
        else:
            check = partial(leaves.check_range, examine_from=start, tree_only=tree_only)
            walking.along((one, partial(check, one.first, one.end)) for one in wanted)
        stages = [
            ("keys and adoptions", lambda: key_and_adoption_files.check(findings)),
            ("the tree", trees.finish),
        ]
        if not tree_only:
            stages += _of_whole_tables(findings, leaves, crowd, start, size)
        for what, stage in stages:
            can_read(findings, what, stage)
    return Report(
        start=start,
        size=size,
        checked=size - start - walking.unread,
        checkpoints=trees.checkpoints,
        pending=leaves.pending,
        root=trees.root,
        problems=tuple(findings.kept),
        problem_count=findings.count,
        notes=tuple(findings.notes),
    )


@dataclass
class _Walk:
    """What the walk along the entries from the first to check leaves behind.

    Attributes:
        unread: how many entries could not be read.
    """

    findings: Findings
    trees: TreeChecker
    start: int
    size: int
    progress: Progress | None
    unread: int = 0

    def along(self, ranges: Iterator[tuple[Range, Callable[[], Hashes]]]) -> None:
        """Take ranges in their order; what cannot be read ends none of the checks after it."""
        end = self.start
        try:
            for one, check in ranges:
                if not self._take(one, check):
                    self.trees.stop()
                end = one.end
                if self.progress is not None:
                    self.progress(max(0, end - self.start), self.size - self.start)
        except NOT_READ as error:
            note(self.findings, f"what follows entry {end - 1}", error, end)
            self.unread += self.size - end
            self.trees.stop()

    def _take(self, one: Range, check: Callable[[], Hashes]) -> bool:
        """Whether the tree goes on behind a range."""
        if one.missing:  # nobody counts to a forged index
            missing = f"the entries {one.first} to {one.there - 1} are missing"
            self.findings.add("gap", missing, one.first)
            return False
        try:
            leaves = check()
        except NOT_READ as error:
            note(self.findings, f"the entries {one.first} to {one.end - 1}", error, one.first)
            self.unread += one.end - max(one.first, self.start)
            return False
        # The tree begins at a tile boundary, a little before the first leaf asked for.
        extend = partial(self.trees.extend, one.first, leaves)
        return can_read(self.findings, "the tree", extend, one.first)


def _of_whole_tables(
    findings: Findings, leaves: LeafChecker, crowd: Crowd | None, start: int, size: int
) -> list[tuple[str, Callable[[], None]]]:
    """Checks of the log as a whole, by what they are about."""

    def index() -> None:
        leaves.index.finish(start, size, crowd.postings(start, size) if crowd else None)

    def strays() -> None:
        orphans.rows(findings)
        first_rows_by_decision_tag.check_missing(findings)
        orphans.papers(findings)

    def decisions() -> None:
        if start == 0:
            checks_from_other_apps.check(findings)

    return [
        ("events without a leaf", lambda: _check_waiting(leaves)),
        ("the full-text index", index),
        ("the counts", lambda: rollup_counts.check(findings)),
        ("rows outside the log", strays),
        ("evidence and finished work", lambda: leaves.finish(whole=start == 0)),
        ("decisions", decisions),
    ]


def _check_waiting(leaves: LeafChecker) -> None:
    """Events without a leaf must at least be whole."""
    found = Event.objects.filter(leaf__isnull=True).values_list("id", flat=True)
    for some in batched(found.iterator(chunk_size=_OPENED), _OPENED):
        leaves.check_pending(some)
