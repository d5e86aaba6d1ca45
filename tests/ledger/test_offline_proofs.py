"""Proof files: written, read in both forms, verified, and refused when anything in them changes."""

from __future__ import annotations

from uuid import UUID

import pytest

from audit.ledger import cosignature, inclusion_proof_file, merkle, note, trust_policy
from audit.ledger.format import entry
from audit.ledger.merkle import ProofError
from audit.ledger.note import NoteError
from audit.ledger.offline import proof_check
from tests.support.signed import sign_checkpoint

KEY = note.new_key("log.example/one")
TIME = "2026-03-01T12:30:05.000000Z"
ENTRIES = [
    entry.build(
        {"time": TIME, "recorded_at": TIME, "action": "skill.blocked", "data": {"n": n}},
        id=UUID(int=n),
    ).entry
    for n in range(11)
]
LEAVES = [merkle.leaf_hash(item) for item in ENTRIES]
SIGNED = sign_checkpoint(KEY.name, 11, merkle.root(LEAVES), KEY.seed)


def proof_of(index: int, extra: bytes = b"") -> str:
    return inclusion_proof_file.write(
        index, merkle.inclusion_proof(LEAVES, index, 11), SIGNED, extra
    )


def test_every_entry_of_a_log_is_proven_by_its_file() -> None:
    for index, item in enumerate(ENTRIES):
        head = inclusion_proof_file.verify(proof_of(index), item, [KEY.vkey])
        assert (head.origin, head.size) == (KEY.name, 11)


def test_a_file_says_what_was_written_in_both_forms() -> None:
    text = proof_of(3, b"context")
    lines = text.split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra Y29udGV4dA==", "index 3"]
    parsed = inclusion_proof_file.parse(text)
    assert (parsed.index, parsed.extra, parsed.checkpoint) == (3, b"context", SIGNED)
    assert (
        inclusion_proof_file.write(parsed.index, parsed.hashes, parsed.checkpoint, parsed.extra)
        == text
    )
    old = "\n".join(lines[2:])
    assert inclusion_proof_file.parse(old.encode()) == inclusion_proof_file.Proof(
        3, parsed.hashes, SIGNED
    )


def test_a_log_of_one_entry_needs_no_hashes() -> None:
    signed = sign_checkpoint(KEY.name, 1, LEAVES[0], KEY.seed)
    text = inclusion_proof_file.write(0, [], signed)
    assert inclusion_proof_file.parse(text).hashes == ()
    inclusion_proof_file.verify(text, ENTRIES[0], [KEY.vkey])


def test_no_bit_of_a_proof_file_can_be_flipped() -> None:
    text = proof_of(4).encode()
    for position in range(len(text)):
        for bit in range(8):
            changed = bytearray(text)
            changed[position] ^= 1 << bit
            with pytest.raises((ProofError, NoteError)):
                inclusion_proof_file.verify(bytes(changed), ENTRIES[4], [KEY.vkey])


def test_no_bit_of_the_entry_can_be_flipped() -> None:
    parsed = inclusion_proof_file.parse(proof_of(4))
    for position in range(len(ENTRIES[4])):
        changed = bytearray(ENTRIES[4])
        changed[position] ^= 1
        with pytest.raises(ProofError):
            inclusion_proof_file.verify(parsed, bytes(changed), [KEY.vkey])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "index 0\n",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nNOTE",
        "c2sp.org/tlog-proof@v1\n\nNOTE",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nNOTE",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nNOTE",
        "c2sp.org/tlog-proof@v1\nindex 1_0\n\nNOTE",
        "c2sp.org/tlog-proof@v1\nextra \nindex 0\n\nNOTE",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AA==\n\nNOTE",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nNOTE",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + "A" * 43 + "=\n" * 64 + "\nNOTE",
        "c2sp.org/tlog-proof@v1\nindex 0\n\nno note",
        "c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\nNOTE",
        b"\xff\n\n",
        "x" * 2_000_000,
    ],
)
def test_malformed_files_are_refused(text: str | bytes) -> None:
    whole = text.replace("NOTE", SIGNED) if isinstance(text, str) else text
    with pytest.raises(ProofError):
        inclusion_proof_file.parse(whole)


def test_nothing_malformed_is_written() -> None:
    for index, hashes, signed in ((-1, [], SIGNED), (0, [b"short"], SIGNED), (0, [], "no note")):
        with pytest.raises((ProofError, NoteError)):
            inclusion_proof_file.write(index, hashes, signed)


def names_of_failures(report: proof_check.Report) -> list[str]:
    return [step.name for step in report.steps if not step.ok]


def test_a_good_file_passes_every_step_and_still_says_what_it_does_not_prove() -> None:
    report = proof_check.verify_proof_file(proof_of(4), ENTRIES[4], [KEY.vkey])
    assert report.ok and report.index == 4 and report.checkpoint is not None
    assert len(report.steps) == 4
    assert proof_check.SAME_FOR_ALL_UNPROVEN in report.not_proven
    assert proof_check.TIME_UNPROVEN in report.not_proven
    shown = report.to_dict()
    assert shown["ok"] and shown["checkpoint"]["size"] == 11
    assert shown["steps"][2]["detail"].startswith("skill.blocked (success), recorded 2026-03-01")


def test_a_failure_is_the_step_it_belongs_to() -> None:
    stranger = note.new_key(KEY.name)
    cases = {
        "The entry is in that tree": (proof_of(4), ENTRIES[5], [KEY.vkey]),
        "A log you trust signed the tree": (proof_of(4), ENTRIES[4], [stranger.vkey]),
        "The proof can be read": ("nonsense", ENTRIES[4], [KEY.vkey]),
        "The entry is well formed": (proof_of(4), ENTRIES[4] + b" ", [KEY.vkey]),
    }
    for name, case in cases.items():
        report = proof_check.verify_proof_file(*case)
        assert not report.ok and name in names_of_failures(report), name
    unread = proof_check.verify_proof_file("nonsense", ENTRIES[4], [KEY.vkey])
    assert unread.steps[-1].detail.startswith("Not checked") and unread.checkpoint is None
    nobody = proof_check.verify_proof_file(proof_of(4), ENTRIES[4], [])
    assert "no trusted key is named" in nobody.steps[1].detail


def test_witnesses_are_a_step_where_the_verifier_asks_for_them() -> None:
    witness = note.new_key("witness.example/w1")
    vkey = cosignature.vkey(witness.name, witness.public_key)
    asked = trust_policy.parse(f"log {KEY.vkey}\nwitness w1 {vkey}\nquorum w1\n")
    alone = proof_check.verify_proof_file(proof_of(4), ENTRIES[4], policy=asked)
    assert names_of_failures(alone) == ["Witnesses you trust saw the same tree"]
    assert proof_check.SAME_FOR_ALL_UNPROVEN in alone.not_proven
    line = cosignature.sign(SIGNED, witness.name, witness.seed, 1_800_000_000)
    seen = note.add_signature(SIGNED, line)
    text = inclusion_proof_file.write(4, merkle.inclusion_proof(LEAVES, 4, 11), seen)
    both = proof_check.verify_proof_file(text, ENTRIES[4], policy=asked)
    assert both.ok and len(both.steps) == 5
    assert proof_check.SAME_FOR_ALL_UNPROVEN not in both.not_proven
    unasked = trust_policy.parse(f"log {KEY.vkey}\nquorum none\n")
    report = proof_check.verify_proof_file(text, ENTRIES[4], policy=unasked)
    assert report.ok and len(report.steps) == 4
    assert proof_check.SAME_FOR_ALL_UNPROVEN in report.not_proven
