"""One pass over the range of an audit: its lines, and the tables that they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import batched, zip_longest
from typing import Any, Final
from uuid import UUID

from audit.audit_files.audit_scope import NotPossible, Scope
from audit.exports.full_log import released_of
from audit.ledger import merkle, tiles
from audit.ledger.audit_file_format import entry_range
from audit.ledger.audit_file_format.policy_review_evidence_check import is_of_a_decision
from audit.ledger.audit_file_format.tables_of_range import MOST_ROWS, RangeTables
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError, count_parts
from audit.ledger.offline import log_file
from audit.ledger.offline.samples import Sample
from audit.models import Entry
from audit.proofs.cosigned_note import signed_note
from audit.recording.stored_event_loader import AlteredEntry, openings_of, parse_stored
from audit.sequencing.stored_tree_queries import read_tile

_BATCH: Final = 500

type Sink = Callable[[bytes], object]


@dataclass(slots=True)
class RangePass:
    """What the pass found.

    Attributes:
        tables: with their rows.
        samples: by the id of their table.
        ids: event of each row, by its index.
        decisions: changes of the policy and closed reviews, by index.
        opened: entries that go along with their values.
    """

    tables: RangeTables
    samples: dict[str, Sample] = field(default_factory=dict)
    ids: dict[int, UUID] = field(default_factory=dict)
    decisions: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def items(self) -> list[int]:
        """Indices of all samples, each once, in the order of the log."""
        return sorted({index for one in self.samples.values() for index in one.indices})


def run(scope: Scope, sink: Sink) -> RangePass:
    """Write the range file into `sink` in pieces, in flat memory.

    Raises:
        AlteredEntry: an entry or an opening was altered.
        NotPossible: the tree was altered, or an entry has a longer line than a verifier reads.
    """
    start, end = scope.range
    found = RangePass(RangeTables(scope.tables, scope.within))
    tree = tiles.TileReader(read_tile, scope.tree.size)
    outside = entry_range.hashes_outside(tree.node, start, end, scope.tree.size)
    note = signed_note(scope.tree)
    sink(entry_range.header(scope.origin, scope.tree.size, start, end, outside, note))
    leaves: list[bytes] = []
    parts = 0
    for some in batched(_entries(start, end), _BATCH):
        leaves += (merkle.leaf_hash(entry) for _, _, entry in some)
        lines = b"".join(_lines(scope, found, some))
        parts += count_parts(lines)
        if parts > entry_range.MOST_PARTS or found.tables.rows > MOST_ROWS:
            raise NotPossible(
                "The entries of this period are more than a verifier reads. Choose a shorter one."
            )
        sink(lines)
    if entry_range.root_of(leaves, start, scope.tree.size, outside) != bytes(scope.tree.root):
        raise _altered(tree, leaves, start)
    _draw(scope, found)
    return found


def _entries(start: int, end: int) -> Iterator[tuple[int, UUID, bytes]]:
    for first in range(start, end, _BATCH):
        last = min(first + _BATCH, end)
        rows = Entry.objects.filter(seq__gte=first, seq__lt=last).order_by("seq")
        found = rows.values_list("seq", "event", "event__entry")
        for wanted, row in zip_longest(range(first, last), found):
            if row is None or row[0] != wanted:
                raise AlteredEntry(wanted, "")
            yield row[0], row[1], bytes(row[2])


def _altered(tree: tiles.TileReader, leaves: list[bytes], start: int) -> Exception:
    """Names the first entry that is not in the stored tree; the tree itself where all are."""
    for seq, leaf in enumerate(leaves, start):
        if tree.node(0, seq) != leaf:
            return AlteredEntry(seq, "")
    return NotPossible(
        "The stored tree is not the one that the log signed. Choose “Verify everything” on the "
        "page “Signed log”, and restore the database from a backup."
    )


def _lines(
    scope: Scope, found: RangePass, some: tuple[tuple[int, UUID, bytes], ...]
) -> Iterator[bytes]:
    documents = {seq: parse_stored(seq, event, entry) for seq, event, entry in some}
    tables = {seq: found.tables.tables_of(one) for seq, one in documents.items()}
    held = openings_of([event for seq, event, _ in some if tables[seq]])
    for seq, id, entry in some:
        if not tables[seq]:
            closed = entry_range.closed_line(seq, merkle.leaf_hash(entry))
            yield log_file.line(seq, entry, (), ()) if scope.complete else closed
            continue
        released = released_of(held[id])
        try:
            event = entries.reveal(documents[seq], released, index=seq)
        except EntryError as error:
            raise AlteredEntry(seq, id) from error
        found.tables.add(seq, event, tables[seq])
        found.ids[seq] = id
        if is_of_a_decision(event):
            found.decisions[seq] = event
        withheld = {one.path for one in held[id]} - {one.path for one in released}
        line = log_file.line(seq, entry, released, withheld)
        if entry_range.is_too_long(line):
            raise NotPossible(
                f"Entry {seq:,} is longer than an entry of an audit file may be. Choose a period "
                "without it."
            )
        yield line


def _draw(scope: Scope, found: RangePass) -> None:
    tree = {"origin": scope.origin, "size": scope.tree.size, "root": bytes(scope.tree.root)}
    names = {table.id: name for table, name in scope.sample_names()}
    for one in found.tables.found:
        if names[one.table.id]:
            drawn = found.tables.sample(one, tree, scope.seed, scope.sample_size)
            found.samples[one.table.id] = drawn
