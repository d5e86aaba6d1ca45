"""The Merkle tree of RFC 6962 §2.1 (= RFC 9162 §2.1): roots and proofs.

The proof algorithms ask for perfect subtrees through a `Node` function, so the same code serves a
list of leaf hashes (here), tiles (`tiles`) and whatever else can answer for a node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

type Node = Callable[[int, int], bytes]
"""(height, index) -> hash of the index-th perfect subtree of 2^height leaves."""

_sha256 = hashlib.sha256


class ProofError(ValueError):
    """A proof that does not prove, or a proof asked of a tree that cannot give it."""


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ entry)."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right)."""
    return _sha256(b"\x01" + left + right).digest()


def fold(hashes: bytes) -> bytes:
    """Return the root over concatenated hashes, a power of two of them."""
    while len(hashes) > HASH_SIZE:
        hashes = b"".join(
            [_sha256(b"\x01" + hashes[i : i + 64]).digest() for i in range(0, len(hashes), 64)]
        )
    return hashes


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the tree head over the leaf hashes; SHA-256 of nothing for an empty tree.

    Raises:
        ProofError: a leaf hash is not 32 bytes.
    """
    _check_leaves(leaf_hashes)
    if not leaf_hashes:
        return EMPTY_ROOT
    return range_hash(_list_node(leaf_hashes), 0, len(leaf_hashes))


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree over the first `size` leaves.

    Raises:
        ProofError: not 0 <= index < size <= number of leaves, or a leaf hash is not 32 bytes.
    """
    _check_available(leaf_hashes, size)
    return inclusion_from(_list_node(leaf_hashes), index, size)


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int, new_size: int) -> list[bytes]:
    """Return the proof that the tree of `new_size` leaves only appended to that of `old_size`.

    Raises:
        ProofError: not 0 <= old_size <= new_size <= number of leaves, or a hash is not 32 bytes.
    """
    _check_available(leaf_hashes, new_size)
    return consistency_from(_list_node(leaf_hashes), old_size, new_size)


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that the leaf is at `index` of the tree with this size and root (RFC 9162 §2.1.3.2).

    Raises:
        ProofError: saying which of index, length or hash is wrong.
    """
    if not 0 <= index < size:
        raise ProofError(f"index {index} is outside a tree of {size}")
    _check_hashes((leaf_hash, root, *proof))
    inner = (index ^ (size - 1)).bit_length()
    expected = inner + (index >> inner).bit_count()
    if len(proof) != expected:
        raise ProofError(
            f"an inclusion proof for {index} of {size} has {expected} hashes, not {len(proof)}"
        )
    computed = leaf_hash
    for height, sibling in enumerate(proof):
        # Above `inner` every sibling is a complete left subtree, whatever the index bit says.
        if height >= inner or index >> height & 1:
            computed = node_hash(sibling, computed)
        else:
            computed = node_hash(computed, sibling)
    if computed != root:
        raise ProofError(f"the inclusion proof for {index} of {size} leads to another root")


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the new tree extends the old one (RFC 9162 §2.1.4.2).

    Every tree extends the empty one: old size 0 needs the empty tree's root and no hashes, the
    C2SP tlog-witness rule.

    Raises:
        ProofError: saying which of size, length, old root or new root is wrong.
    """
    if not 0 <= old_size <= new_size:
        raise ProofError(f"a tree of {new_size} cannot extend one of {old_size}")
    _check_hashes((old_root, new_root, *proof))
    for size, head in ((old_size, old_root), (new_size, new_root)):
        if size == 0 and head != EMPTY_ROOT:
            raise ProofError("the root of an empty tree is the SHA-256 of nothing")
    if old_size in (0, new_size):
        _verify_trivial(old_size == new_size, old_root, new_root, proof)
        return
    first, second = _climb(old_size, old_root, new_size, proof)
    if first != old_root:
        raise ProofError(f"the consistency proof does not lead to the old root of {old_size}")
    if second != new_root:
        raise ProofError(f"the consistency proof does not lead to the new root of {new_size}")


def _verify_trivial(equal: bool, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofError("equal sizes and empty trees need no hashes in a consistency proof")
    if equal and old_root != new_root:
        raise ProofError("two roots of the same size differ: the log shows two histories")


def _climb(
    old_size: int, old_root: bytes, new_size: int, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Return the old and the new root that the proof leads to."""
    # A perfect old tree is itself the first hash, so the prover leaves it out.
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not path:
        raise ProofError("the consistency proof is empty")
    expected = len(_consistency_ranges(old_size, new_size))
    if len(proof) != expected:
        raise ProofError(
            f"a consistency proof from {old_size} to {new_size} has {expected} hashes, "
            f"not {len(proof)}"
        )
    old, new = old_size - 1, new_size - 1
    while old & 1:
        old, new = old >> 1, new >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if old & 1 or old == new:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while old and not old & 1:
                old, new = old >> 1, new >> 1
        else:
            second = node_hash(second, sibling)
        old, new = old >> 1, new >> 1
    return first, second


def inclusion_from(node: Node, index: int, size: int) -> list[bytes]:
    """Return an inclusion proof, leaf side first, from a source of perfect subtrees."""
    if not 0 <= index < size:
        raise ProofError(f"index {index} is outside a tree of {size}")
    low, high = 0, size
    ranges: list[tuple[int, int]] = []
    while high - low > 1:
        middle = low + split_width(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return [range_hash(node, *bounds) for bounds in reversed(ranges)]


def consistency_from(node: Node, old_size: int, new_size: int) -> list[bytes]:
    """Return a consistency proof from a source of perfect subtrees; empty from size 0."""
    if not 0 <= old_size <= new_size:
        raise ProofError(f"a tree of {new_size} cannot extend one of {old_size}")
    return [range_hash(node, *bounds) for bounds in _consistency_ranges(old_size, new_size)]


def _consistency_ranges(old_size: int, new_size: int) -> list[tuple[int, int]]:
    if old_size == 0:
        return []
    low, high = 0, new_size
    ranges: list[tuple[int, int]] = []
    while high != old_size:
        middle = low + split_width(high - low)
        if old_size <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    if low:
        ranges.append((low, high))
    ranges.reverse()
    return ranges


def range_hash(node: Node, start: int, end: int) -> bytes:
    """Return the tree hash over leaves [start, end), a subtree of the left-dense tree."""
    width = end - start
    if width & (width - 1) == 0:
        height = width.bit_length() - 1
        return node(height, start >> height)
    middle = start + split_width(width)
    return node_hash(range_hash(node, start, middle), range_hash(node, middle, end))


def split_width(width: int) -> int:
    """Return the largest power of two strictly below `width` (> 1)."""
    return 1 << (width - 1).bit_length() - 1


def _list_node(leaf_hashes: Sequence[bytes]) -> Node:
    def node(height: int, index: int) -> bytes:
        return fold(b"".join(leaf_hashes[index << height : index + 1 << height]))

    return node


def _check_available(leaf_hashes: Sequence[bytes], size: int) -> None:
    if size > len(leaf_hashes):
        raise ProofError(f"a tree of {size} was asked of only {len(leaf_hashes)} leaves")
    _check_leaves(leaf_hashes)


def _check_leaves(leaf_hashes: Sequence[bytes]) -> None:
    if set(map(len, leaf_hashes)) - {HASH_SIZE}:
        position = next(i for i, leaf in enumerate(leaf_hashes) if len(leaf) != HASH_SIZE)
        raise ProofError(f"leaf hash {position} is not {HASH_SIZE} bytes")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(value) != HASH_SIZE for value in hashes):
        raise ProofError(f"a hash or root is not {HASH_SIZE} bytes")
