"""A compact range: the root of an append-only tree in O(log n) memory.

It keeps the hashes of the maximal perfect subtrees, left to right: one per set bit of the size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from audit.ledger.merkle import EMPTY_ROOT, HASH_SIZE, ProofError, node_hash

_SIZE_BYTES: Final = 8
_sha256 = hashlib.sha256


class CompactRange:
    """Appends leaf hashes and answers for the root."""

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._peaks: list[bytes] = []

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf hash.

        Raises:
            ProofError: it is not 32 bytes.
        """
        self.extend((leaf_hash,))

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaf hashes in order; a refused one leaves those before it in place.

        Raises:
            ProofError: one is not 32 bytes.
        """
        peaks, size = self._peaks, self._size
        for value in leaf_hashes:
            if len(value) != HASH_SIZE:
                self._size = size
                raise ProofError(f"leaf hash {size} is not {HASH_SIZE} bytes")
            carry = size
            while carry & 1:
                value = _sha256(b"\x01" + peaks.pop() + value).digest()
                carry >>= 1
            peaks.append(value)
            size += 1
        self._size = size

    def root(self) -> bytes:
        """Return the tree head; SHA-256 of nothing while empty."""
        if not self._peaks:
            return EMPTY_ROOT
        *rest, head = self._peaks
        for peak in reversed(rest):
            head = node_hash(peak, head)
        return head

    def to_bytes(self) -> bytes:
        """Return the size as a big-endian u64 and the subtree hashes, largest first."""
        return self._size.to_bytes(_SIZE_BYTES) + b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, data: bytes) -> CompactRange:
        """Restore what `to_bytes` wrote.

        Raises:
            ProofError: the length does not belong to the size.
        """
        size = int.from_bytes(data[:_SIZE_BYTES])
        body = data[_SIZE_BYTES:]
        if len(data) < _SIZE_BYTES or len(body) != size.bit_count() * HASH_SIZE:
            raise ProofError("a saved compact range has the wrong length for its size")
        restored = cls()
        restored._size = size
        restored._peaks = [body[i : i + HASH_SIZE] for i in range(0, len(body), HASH_SIZE)]
        return restored
