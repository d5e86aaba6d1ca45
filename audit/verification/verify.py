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
from functools import cached_property, partial
from itertools import batched
from uuid import UUID

from django.db.models import Max

from audit.db import (
    insert_only,
)
from audit.evidence import (
    storage,
)
from audit.models import Checkpoint, Entry, Event
from audit.sequencing import (
    tree_store,
)
from audit.verification import (
    walk,
)
from audit.verification.checks import (
    key_files,
    orphans,
    registry,
    repeated_tags,
    rollup_counts,
    row_totals,
)
from audit.verification.checks.entries import LeafChecker
from audit.verification.checks.tree import TreeChecker
from audit.verification.parallel import Crowd
from audit.verification.report import Findings, Problem, Report
from audit.verification.unreadable_rows import NOT_READ, can_read, note

__all__ = ["OutsideLog", "Problem", "Report", "run"]


class OutsideLog(ValueError):
    """There is no entry of that number."""


type Stages = tuple[tuple[str, Callable[[], None]], ...]
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
    size = tree_store.stored_size()
    if not 0 <= start <= max(size - 1, 0):
        raise OutsideLog(f"the log has entries 0 to {size - 1}; {start} is outside")
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
    problems = findings.count
    with closing(crowd) if crowd else nullcontext():
        if crowd is not None:
            crowd.begin(start, size)
        ranges = walk.ranges(trees.start, size, BATCH if crowd else batch)
        walking.along(
            walk.walk(ranges, leaves, findings, crowd, examine_from=start, tree_only=tree_only)
        )
        walked = None if start or findings.count > problems else walking.counts
        whole = _Whole(findings, leaves, crowd, start, size, walked)
        _finish(findings, leaves, trees, whole, tree_only=tree_only)
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
        counts: what other tables have of the entries.
        unread: how many entries could not be read.
    """

    findings: Findings
    trees: TreeChecker
    start: int
    size: int
    progress: Progress | None
    counts: row_totals.Counts = row_totals.NONE
    unread: int = 0

    def along(self, ranges: Iterator[walk.Walked]) -> None:
        """Take ranges in their order; what cannot be read ends none of the checks after it."""
        end = self.start
        try:
            for one in ranges:
                if not self._take(one):
                    self.trees.stop()
                end = one.end
        except NOT_READ as error:
            note(self.findings, f"what follows entry {end - 1}", error, end)
            self.unread += self.size - end
            self.trees.stop()

    def _take(self, one: walk.Walked) -> bool:
        """Whether the tree goes on behind a range."""
        self.counts = row_totals.added(self.counts, one.counts)
        if self.progress is not None:
            self.progress(max(0, one.end - self.start), self.size - self.start)
        if one.leaves is not None:
            # The tree begins at a tile boundary, a little before the first leaf asked for.
            extend = partial(self.trees.extend, one.first, one.leaves)
            return can_read(self.findings, "the tree", extend, one.first)
        if one.missing:  # nobody counts to a forged index
            missing = f"the entries {one.first} to {one.there - 1} are missing"
            self.findings.add("gap", missing, one.first)
        else:
            self.unread += one.end - max(one.first, self.start)
        return False


def _finish(
    findings: Findings,
    leaves: LeafChecker,
    trees: TreeChecker,
    whole: _Whole,
    *,
    tree_only: bool,
) -> None:
    """Check what only the whole can tell."""
    tree: Stages = (
        ("keys and adoptions", whole.keys),
        ("the tree", trees.finish),
    )
    rest: Stages = (
        ("events without a leaf", whole.pending),
        ("the full-text index", whole.index),
        ("the counts", whole.counts),
        ("rows outside the log", whole.strays),
        ("evidence and finished work", lambda: leaves.finish(whole=whole.start == 0)),
        ("decisions", whole.decisions),
    )
    for what, check in tree if tree_only else tree + rest:
        can_read(findings, what, check)


@dataclass
class _Whole:
    """Checks of whole tables, here or by other processes."""

    findings: Findings
    leaves: LeafChecker
    crowd: Crowd | None
    start: int
    size: int
    walked: row_totals.Counts | None  # what belongs to the entries; None unless all of them hold

    def keys(self) -> None:
        key_files.check(self.findings, self.crowd.recorded() if self.crowd else None)

    def index(self) -> None:
        held = self.crowd.postings() if self.crowd else None
        self.leaves.index.finish(self.start, self.size, held)

    def counts(self) -> None:
        if self.crowd:
            self.findings.take(self.crowd.counts())
        else:
            rollup_counts.check(self.findings)

    @cached_property
    def alone(self) -> bool:
        """Whether counts prove that no row lies outside the log."""
        if self.walked is None:
            return False
        counted = self.crowd.tally() if self.crowd else row_totals.take(self.size)
        return counted.proves(self.walked)

    def pending(self) -> None:
        """Events without a leaf must at least be whole."""
        for some in batched(row_totals.waiting() if self.alone else _waiting(), _OPENED):
            self.leaves.check_pending(some)

    def strays(self) -> None:
        if not self.alone:
            orphans.rows(self.findings)
        repeated_tags.check_missing(self.findings)
        orphans.papers(self.findings)

    def decisions(self) -> None:
        if self.start == 0:
            registry.check(self.findings)


def _waiting() -> Iterator[UUID]:
    """Events without a leaf."""
    found = Event.objects.filter(leaf__isnull=True).values_list("id", flat=True)
    return found.iterator(chunk_size=_OPENED)
