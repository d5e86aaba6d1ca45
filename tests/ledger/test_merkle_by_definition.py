"""Roots and proofs against the recursive definition of RFC 6962 and an unrelated implementation."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest
from pymerkle import InmemoryTree

from audit.ledger import merkle, tiles
from audit.ledger.merkle import ProofError
from audit.ledger.tree_edge import GrowingTree

ENTRIES = [f"entry {n}".encode() for n in range(301)]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]


def tree_hash(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, written down as the RFC states it."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    left, right = tree_hash(entries[:k]), tree_hash(entries[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def audit_path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 §2.1.1."""
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m < k:
        return [*audit_path(m, entries[:k]), tree_hash(entries[k:])]
    return [*audit_path(m - k, entries[k:]), tree_hash(entries[:k])]


def sub_proof(m: int, entries: list[bytes], complete: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2."""
    if m == len(entries):
        return [] if complete else [tree_hash(entries)]
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m <= k:
        return [*sub_proof(m, entries[:k], complete), tree_hash(entries[k:])]
    return [*sub_proof(m - k, entries[k:], False), tree_hash(entries[:k])]


def test_the_empty_tree_has_the_published_root() -> None:
    assert b64encode(merkle.root([])) == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_the_published_roots_of_the_reference_leaves_are_reproduced() -> None:
    # The eight inputs and the root that certificate-transparency implementations test with.
    inputs = ["", "00", "10", "2021", "3031", "40414243"]
    inputs += ["5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [merkle.leaf_hash(bytes.fromhex(text)) for text in inputs]
    assert merkle.root(leaves).hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )
    assert merkle.root(leaves[:1]).hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )


def test_every_small_root_equals_the_definition_and_pymerkle() -> None:
    other = InmemoryTree(algorithm="sha256")
    growing = GrowingTree()
    for size in range(301):
        expected = tree_hash(ENTRIES[:size])
        assert merkle.root(LEAVES[:size]) == expected
        assert growing.root() == expected
        if size:
            assert other.get_root(size) == expected
        other.append_entry(ENTRIES[size])
        growing.extend([LEAVES[size]])


def test_every_small_inclusion_proof_is_the_defined_one_and_verifies() -> None:
    for size in range(1, 66):
        root = tree_hash(ENTRIES[:size])
        for index in range(size):
            proof = merkle.inclusion_proof(LEAVES, index, size)
            assert proof == audit_path(index, ENTRIES[:size])
            merkle.verify_inclusion(LEAVES[index], index, size, proof, root)


def test_every_small_consistency_proof_is_the_defined_one_and_verifies() -> None:
    roots = [tree_hash(ENTRIES[:size]) for size in range(66)]
    for new in range(66):
        for old in range(new + 1):
            proof = merkle.consistency_proof(LEAVES, old, new)
            assert proof == ([] if old == 0 else sub_proof(old, ENTRIES[:new], True))
            merkle.verify_consistency(old, roots[old], new, roots[new], proof)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 12, 33])
def test_an_inclusion_proof_holds_for_no_other_leaf_index_size_or_hash(size: int) -> None:
    root = merkle.root(LEAVES[:size])
    for index in range(size):
        proof = merkle.inclusion_proof(LEAVES, index, size)
        leaf = LEAVES[index]
        wrong = [
            (leaf, other, size, proof, root) for other in range(-1, size + 2) if other != index
        ]
        wrong += [(LEAVES[40], index, size, proof, root), (leaf, index, size, proof, LEAVES[40])]
        wrong += [(leaf, index, size, [*proof, root], root), (leaf, index, 0, proof, root)]
        wrong += [
            (leaf, index, size, proof[:at] + proof[at + 1 :], root) for at in range(len(proof))
        ]
        for case in wrong:
            with pytest.raises(ProofError):
                merkle.verify_inclusion(*case)


def flips(value: bytes) -> list[bytes]:
    """Every value that differs in one bit."""
    number = int.from_bytes(value)
    return [(number ^ 1 << bit).to_bytes(len(value)) for bit in range(len(value) * 8)]


def test_no_bit_of_an_inclusion_proof_can_be_flipped() -> None:
    root, proof = merkle.root(LEAVES[:11]), merkle.inclusion_proof(LEAVES, 4, 11)
    for position, value in enumerate(proof):
        for flipped in flips(value):
            changed = [*proof[:position], flipped, *proof[position + 1 :]]
            with pytest.raises(ProofError):
                merkle.verify_inclusion(LEAVES[4], 4, 11, changed, root)


def test_no_bit_of_a_consistency_proof_can_be_flipped() -> None:
    old, new = merkle.root(LEAVES[:6]), merkle.root(LEAVES[:11])
    proof = merkle.consistency_proof(LEAVES, 6, 11)
    for position, value in enumerate(proof):
        for flipped in flips(value):
            changed = [*proof[:position], flipped, *proof[position + 1 :]]
            with pytest.raises(ProofError):
                merkle.verify_consistency(6, old, 11, new, changed)


def test_a_rewritten_tree_is_not_consistent() -> None:
    rewritten = [*LEAVES[:3], LEAVES[300], *LEAVES[4:20]]
    for old in range(4, 20):
        proof = merkle.consistency_proof(rewritten, old, 20)
        with pytest.raises(ProofError):
            merkle.verify_consistency(
                old, merkle.root(LEAVES[:old]), 20, merkle.root(rewritten), proof
            )


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ((4, LEAVES[0], 3, LEAVES[0], []), "cannot extend"),
        ((3, LEAVES[0], 3, LEAVES[1], []), "two histories"),
        ((3, LEAVES[0], 3, LEAVES[0], [LEAVES[1]]), "no hashes"),
        ((0, merkle.EMPTY_ROOT, 3, LEAVES[0], [LEAVES[1]]), "no hashes"),
        ((0, LEAVES[0], 3, LEAVES[0], []), "empty tree"),
        ((0, merkle.EMPTY_ROOT, 0, LEAVES[0], []), "empty tree"),
        ((3, LEAVES[0], 5, LEAVES[0], []), "empty|hashes"),
        ((2, LEAVES[0], 5, LEAVES[0], []), "hashes"),
        ((2, b"short", 5, LEAVES[0], []), "32 bytes"),
    ],
)
def test_a_bad_consistency_claim_says_what_is_wrong(
    case: tuple[int, bytes, int, bytes, list[bytes]], reason: str
) -> None:
    with pytest.raises(ProofError, match=reason):
        merkle.verify_consistency(*case)


def test_a_proof_is_refused_where_the_leaves_cannot_give_it() -> None:
    for call in (
        lambda: merkle.inclusion_proof(LEAVES[:3], 3, 3),
        lambda: merkle.inclusion_proof(LEAVES[:3], 0, 4),
        lambda: merkle.consistency_proof(LEAVES[:3], 1, 4),
        lambda: merkle.consistency_proof(LEAVES[:3], 3, 2),
        lambda: merkle.root([b"short"]),
        lambda: tiles.inclusion_proof(lambda level, index: b"", 0, 2),
    ):
        with pytest.raises(ProofError):
            call()


def test_a_refused_leaf_hash_leaves_a_growing_tree_as_it_was() -> None:
    kept = GrowingTree()
    kept.extend(LEAVES[:2])
    with pytest.raises(ProofError):
        kept.extend([LEAVES[2], b"short", LEAVES[3]])
    assert (kept.size, kept.root()) == (2, merkle.root(LEAVES[:2]))
