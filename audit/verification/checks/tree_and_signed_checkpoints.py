"""Checks of the tree: tiles, and the root at every size that was ever signed."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Mod

from audit.keys import keyring, restored_database_adoption
from audit.keys.keyring import Keyring
from audit.keys.log_identity import LedgerIdentityError
from audit.ledger import checkpoint as checkpoints
from audit.ledger.merkle import HASH_SIZE, ProofError
from audit.ledger.note import NoteError
from audit.ledger.tiles import HEIGHT, WIDTH
from audit.ledger.tree_edge import GrowingTree
from audit.ledger.tree_edge import Tile as FullTile
from audit.models import Checkpoint, Tile
from audit.sequencing import signed_state
from audit.sequencing.signed_state import SequencerStopped
from audit.sequencing.stored_tree_queries import read_tile, stored_size, stored_tiles
from audit.verification.checks.checkpoint_order_and_times import SignedOrder
from audit.verification.report import Findings
from audit.verification.unreadable_rows import UNREADABLE

_CHUNK = 500
_SHOWN = 10
_NEWEST, _SHARE = 100, 1000  # checkpoints in one share


@dataclass(frozen=True, slots=True)
class _Expected:
    """A root that the tree must have at a size."""

    size: int
    root: bytes
    source: str


class TreeChecker:
    """Grows the tree from recomputed leaves and compares it with what is stored and signed.

    Attributes:
        start: where it begins: the tile boundary at or below the first leaf asked for.
        checkpoints: how many signed checkpoints were checked.
        root: of the tree so far.
    """

    def __init__(
        self,
        findings: Findings,
        *,
        start: int,
        size: int,
        last_checkpoint: int,
        share: int | None = None,
    ) -> None:
        """Begin at `start`.

        Args:
            share: check the newest checkpoints and this share of the others, by number; None
                checks all. Each is in one of as many shares as a round needs.
        """
        self._share = share
        self._findings = findings
        self._size = size
        self._last_checkpoint = last_checkpoint
        self._ring = self._own_keys()
        self.start = start // WIDTH * WIDTH
        self.checkpoints = 0
        self._good = 0  # largest size at which a signed root was met
        self._broken = False  # a leaf is missing: no later root can be computed
        self._tree = self._begin()
        self._expected = self._expectations()
        self._next = self._advance()
        self._meet(self.start)

    @property
    def root(self) -> bytes:
        """Root of the tree so far."""
        return self._tree.root()

    def _own_keys(self) -> Keyring | None:
        try:
            ring = keyring.read()
            keyring.signers(ring)
        except LedgerIdentityError as error:
            self._findings.add("key", f"{error}; nothing that was signed can be checked")
            return None
        try:
            ring.check()
        except NoteError as error:
            self._findings.add("key", f"{error}; the set of keys was swapped")
        return ring

    def _begin(self) -> GrowingTree:
        try:
            return GrowingTree.load(read_tile, self.start)
        except ProofError as error:
            self._findings.add("tile", f"the tree below {self.start} cannot be read: {error}")
            self._broken = True
            return GrowingTree()

    def extend(self, first: int, leaves: Sequence[bytes | None]) -> None:
        """Add leaves `first …` in order, meeting every signed size on the way; None is a gap."""
        if self._broken:
            return
        whole = [leaf for leaf in takewhile(lambda leaf: leaf is not None, leaves) if leaf]
        self._broken = len(whole) < len(leaves)
        added, end = first, first + len(whole)
        while self._next is not None and self._next.size <= end:
            size = max(added, self._next.size)
            self._add(whole[added - first : size - first])
            added = size
            self._meet(size)
        self._add(whole[added - first :])

    def stop(self) -> None:
        """Leaves are missing: no later root can be computed."""
        self._broken = True

    def finish(self) -> None:
        """Report stored tiles of no tree, and what was signed for a size the log no longer has."""
        now = stored_size()  # it may have grown since we began
        for level in Tile.objects.order_by("level").values_list("level", flat=True).distinct():
            surplus = Tile.objects.filter(level=level, n__gte=now >> HEIGHT * (level + 1))
            for n in surplus.order_by("n").values_list("n", flat=True)[:_SHOWN]:
                self._findings.add("tile", f"tile {level}/{n} lies beyond the end of the log", now)
        while self._next is not None:
            if self._next.size > self._size:
                message = (
                    f"{self._next.source} covers {self._next.size} entries and the database holds "
                    f"{self._size}: the end of the log is missing"
                )
                self._findings.add("truncated", message, self._size)
                return
            self._next = self._advance()

    def _advance(self) -> _Expected | None:
        try:
            return next(self._expected, None)
        except UNREADABLE as error:
            message = f"a checkpoint cannot be read: {type(error).__name__}: {error}"
            self._findings.add("checkpoint", message)
            return None

    def _add(self, leaves: Sequence[bytes]) -> None:
        """Add the next leaves, and compare the tiles that they fill."""
        full = self._tree.extend(leaves)
        stored = stored_tiles((tile.level, tile.index) for tile in full)
        for tile in full:
            self._compare(tile, stored.get((tile.level, tile.index)))

    def _compare(self, tile: FullTile, stored: tuple[bytes, bytes] | None) -> None:
        name = f"tile {tile.level}/{tile.index}"
        if stored is None:
            self._findings.add("tile", f"{name} is missing", tile.index << 8 * (tile.level + 1))
            return
        held, root = stored
        if held != tile.hashes:
            places = range(0, WIDTH * HASH_SIZE, HASH_SIZE)
            ends = [at for at in places if held[: at + HASH_SIZE] != tile.hashes[: at + HASH_SIZE]]
            differs = ends[0] // HASH_SIZE if ends else WIDTH - 1  # it has more than there are
            index = (tile.index * WIDTH + differs) << 8 * tile.level
            message = f"the leaf differs from {name}: the event or the tile was changed"
            self._findings.add("tile", message, index)
        elif root != tile.root:
            index = tile.index << 8 * (tile.level + 1)
            self._findings.add("tile", f"the root kept for {name} was changed", index)

    def _meet(self, size: int) -> None:
        """Compare the root with everything that was signed for up to this size."""
        root = None
        while self._next is not None and self._next.size <= size:
            expected, self._next = self._next, self._advance()
            if expected.size < size:
                continue  # below a later start: its signature was checked, its root cannot be
            root = self._tree.root() if root is None else root
            if root == expected.root:
                self._good = size
                continue
            message = (
                f"the root of the first {size} entries is not the one {expected.source} holds: an "
                f"entry from {self._good} to {size - 1} was changed"
            )
            self._findings.add("root", message, self._good)

    def _expectations(self) -> Iterator[_Expected]:
        """Signed roots by size: all checkpoints, and what is known besides them."""
        known = self._known_heads()
        order = SignedOrder(self._findings)
        for row in self._checkpoints():
            self.checkpoints += 1
            order.check(row)
            while known and known[0].size <= row.size:
                yield known.pop(0)
            if (expected := self._signed(row)) is not None:
                yield expected
        yield from known

    def _known_heads(self) -> list[_Expected]:
        """What is known besides the checkpoints: the last-signed state, and how each name began."""
        found = [state] if (state := self._state()) is not None else []
        try:
            for one, whole in restored_database_adoption.names_begun():
                if whole:
                    source = f"the adoption as {one.new_origin}"
                    found.append(_Expected(one.size, b64decode(one.root), source))
        except SequencerStopped as stopped:
            self._findings.add("state", str(stopped))
        return sorted(found, key=lambda one: one.size)

    def _checkpoints(self) -> Iterator[Checkpoint]:
        """All checkpoints by size, a few at a time and without a cursor that stays open."""
        rows = self._shared().order_by("size", "id")
        some = list(rows[:_CHUNK])
        while some:
            yield from some
            last = some[-1]
            behind = Q(size__gt=last.size) | Q(size=last.size, id__gt=last.pk)
            some = list(rows.filter(behind)[:_CHUNK])

    def _shared(self) -> QuerySet[Checkpoint]:
        rows = Checkpoint.objects.filter(id__lte=self._last_checkpoint)
        shares = -(-rows.count() // _SHARE) if self._share is not None else 1
        if self._share is None or shares == 1:
            return rows
        newest = Q(id__gt=self._last_checkpoint - _NEWEST)
        rows = rows.alias(part=Mod(F("id"), Value(shares)))
        return rows.filter(newest | Q(part=self._share % shares))

    def _signed(self, row: Checkpoint) -> _Expected | None:
        name = f"checkpoint {row.pk}"
        try:
            said = self._ring.verify(row.note) if self._ring else checkpoints.parse(row.note)
        except NoteError as error:
            message = f"{name} is not signed by our keys: {error}"
            self._findings.add("checkpoint", message, row.size)
            return None
        if (said.size, said.root) != (row.size, bytes(row.root)):
            message = f"the columns of {name} differ from its signed text"
            self._findings.add("checkpoint", message, said.size)
        return _Expected(said.size, said.root, name)

    def _state(self) -> _Expected | None:
        try:
            head = signed_state.read_state()
        except SequencerStopped as stopped:
            self._findings.add("state", str(stopped))
            return None
        newest = signed_state.newest_checkpoint()
        signed = newest.size if newest else 0
        if (head.size if head else 0) < signed:
            held = f"tells of {head.size}" if head else "is missing"
            message = f"the last-signed state {held} and a checkpoint of {signed} was signed"
            self._findings.add("state", f"{message}: restore VAR_DIR/ledger/last-signed", signed)
        return None if head is None else _Expected(head.size, head.root, "the last-signed state")
