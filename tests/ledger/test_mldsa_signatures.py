"""ML-DSA-44 beside Ed25519: public vectors, the signed structure, strictness, policies."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.ledger import checkpoint, cosignature, mldsa, note, trust_policy
from audit.ledger.note import NoteError
from tests.support.signed import sign_checkpoint

VECTORS = json.loads((Path(__file__).parent / "mldsa_44_vectors.json").read_text())
NAME = "log.example/one"
ED_SEED, ML_SEED = bytes(range(32)), bytes(range(32, 64))
ED = note.vkey(NAME, note.public_key(ED_SEED))
ML = mldsa.vkey(NAME, mldsa.public_key(ML_SEED))
ROOT = hashlib.sha256(b"root").digest()
TIME = 1_764_000_000


def both(size: int = 7, root: bytes = ROOT) -> str:
    signed = sign_checkpoint(NAME, size, root, ED_SEED)
    return signed + mldsa.sign(signed, NAME, ML_SEED, TIME)


BOTH = both()


def test_the_library_agrees_with_the_published_vectors() -> None:
    key = MLDSA44PublicKey.from_public_bytes(b64decode(VECTORS["public_key"]))
    seen = set()
    for case in VECTORS["tests"]:
        try:
            key.verify(b64decode(case["signature"]), b64decode(case["message"]))
            said = "valid"
        except InvalidSignature:
            said = "invalid"
        assert said == case["result"], case["comment"]
        seen.add(said)
    assert seen == {"valid", "invalid"}
    assert mldsa.public_key(b64decode(VECTORS["seed"])) == b64decode(VECTORS["seed_public_key"])


def test_what_is_signed_is_the_structure_of_the_specification() -> None:
    text = checkpoint.format("example.com/behind-the-sofa", 20852163, ROOT)
    expected = bytes.fromhex(
        "737562747265652f76310a00"  # subtree/v1, newline, NUL
        "14" + b"witness.example/w100".hex()  # cosigner_name<1..255>
        + "00000000641850cb"  # timestamp 1679315147
        + "1b" + b"example.com/behind-the-sofa".hex()  # log_origin<1..255>
        + "0000000000000000"  # start
        + "00000000013e2dc3"  # end
    )  # fmt: skip
    assert mldsa.message_of("witness.example/w100", 1679315147, text) == expected + ROOT


def test_one_note_bears_both_and_either_key_accepts_it() -> None:
    for keys in ([ED], [ML], [ED, ML]):
        assert checkpoint.verify(BOTH, keys).size == 7
    found = note.parse(BOTH).signatures
    assert [len(one.value) for one in found] == [64, 8 + 2420]
    key = note.parse_vkey(ML)
    assert str(key) == ML and key.algorithm == "ML-DSA-44"
    material = NAME.encode() + b"\n\x06" + key.public_key
    assert key.key_id == hashlib.sha256(material).digest()[:4] == found[1].key_id
    assert note.check_signature(note.parse(BOTH).text, found[1], key) == TIME


def test_a_failing_signature_of_a_trusted_key_is_never_overlooked() -> None:
    ed, ml = note.parse(BOTH).signatures
    bent = note.Signature(NAME, ml.key_id, ml.value[:-1] + bytes((ml.value[-1] ^ 1,)))
    short = note.Signature(NAME, ml.key_id, ml.value[:-1])
    text = note.parse(BOTH).text
    for wrong in (bent, short):
        mixed = note.Note(text, (ed, wrong))
        assert checkpoint.verify(mixed, [ED]).size == 7  # to him it is an unknown key's
        with pytest.raises(NoteError, match="ML-DSA-44 signature"):
            checkpoint.verify(mixed, [ED, ML])


def test_a_signature_fits_one_name_time_log_size_and_root() -> None:
    _, line = note.parse(BOTH).signatures
    key = note.parse_vkey(ML)
    text = note.parse(BOTH).text
    later = note.Signature(NAME, line.key_id, (TIME + 1).to_bytes(8) + line.value[8:])
    other_name = note.VerifierKey("log.example/two", key.key_id, key.key_type, key.public_key)
    tried = [
        (checkpoint.format(NAME, 8, ROOT), line, key),
        (checkpoint.format(NAME, 7, bytes(32)), line, key),
        (checkpoint.format("log.example/two", 7, ROOT), line, key),
        (text, later, key),
        (text, line, other_name),
    ]
    for said, signature, by in tried:
        with pytest.raises(NoteError, match="does not verify"):
            note.check_signature(said, signature, by)
    assert mldsa.check(text + "an extension\n", line, key) == TIME  # not covered: C2SP says so


@given(st.integers(0, 2427), st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_no_bit_of_a_signature_can_change(at: int, bit: int) -> None:
    _, line = note.parse(BOTH).signatures
    value = bytearray(line.value)
    value[at] ^= 1 << bit
    with pytest.raises(NoteError):
        mldsa.check(note.parse(BOTH).text, note.Signature(NAME, line.key_id, bytes(value)),
                    note.parse_vkey(ML))  # fmt: skip


@given(st.binary(max_size=200) | st.binary(min_size=2426, max_size=2430))
@settings(max_examples=60, deadline=None)
def test_any_bytes_as_a_signature_are_refused_with_a_reason(value: bytes) -> None:
    key = note.parse_vkey(ML)
    with pytest.raises(NoteError, match=r"ML-DSA-44|not a POSIX time"):
        mldsa.check(note.parse(BOTH).text, note.Signature(NAME, key.key_id, value), key)


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_but_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        mldsa.sign(text, NAME, ML_SEED, TIME)


def test_what_does_not_fit_is_refused_with_a_reason() -> None:
    text = checkpoint.format(NAME, 7, ROOT)
    with pytest.raises(NoteError, match="1 to 255 bytes, not 256"):
        mldsa.sign(text, "n" * 256, ML_SEED, TIME)
    with pytest.raises(NoteError, match="origin has 1 to 255"):
        mldsa.sign(checkpoint.format("o" * 256, 7, ROOT), NAME, ML_SEED, TIME)
    with pytest.raises(NoteError, match="not a POSIX time"):
        mldsa.sign(text, NAME, ML_SEED, 2**63)
    with pytest.raises(NoteError, match="seed has 32 bytes, not 31"):
        mldsa.sign(text, NAME, ML_SEED[1:], TIME)
    with pytest.raises(NoteError, match="1,312 bytes, not 32"):
        mldsa.vkey(NAME, bytes(32))
    wrong = note.key_id(NAME, bytes(1311), note.COSIGNATURE_MLDSA44).hex()
    short = b64encode(b"\x06" + bytes(1311)).decode()
    with pytest.raises(NoteError, match="type 6, 1,312 bytes"):
        note.parse_vkey(f"{NAME}+{wrong}+{short}")


def test_a_policy_can_require_both() -> None:
    lines = [f"log {ED}", f"log {ML}", "quorum none"]
    asked = trust_policy.parse("\n".join([*lines, "require ed25519 ml-dsa-44"]))
    assert asked.judge(BOTH).checkpoint.size == 7
    ed, ml = note.parse(BOTH).signatures
    text = note.parse(BOTH).text
    for left, missing in (((ed,), "ML-DSA-44"), ((ml,), "Ed25519")):
        stripped = note.Note(text, left)
        assert trust_policy.parse("\n".join(lines)).judge(stripped).checkpoint.size == 7
        with pytest.raises(NoteError, match=f"signed it with {missing}"):
            asked.judge(stripped)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("require", "write once"),
        ("require rsa", "'rsa' is none of ed25519, ml-dsa-44"),
        ("require ed25519 ed25519", "write once"),
        ("require ed25519\nrequire ml-dsa-44", "line 4: write once"),
    ],
)
def test_a_requirement_that_says_nothing_clear_is_refused(line: str, why: str) -> None:
    with pytest.raises(trust_policy.PolicyError, match=why):
        trust_policy.parse(f"log {ED}\nquorum none\n{line}")


def test_a_witness_may_sign_with_it_and_the_logs_own_key_is_no_witness() -> None:
    seed = bytes(range(64, 96))
    witness = mldsa.vkey("w.example/1", mldsa.public_key(seed))
    signed = BOTH + mldsa.sign(BOTH, "w.example/1", seed, TIME + 1)
    (seen,) = cosignature.verify(signed, [witness])
    assert (seen.key.name, seen.time) == ("w.example/1", TIME + 1)
    asked = trust_policy.parse(f"log {ED}\nwitness w {witness}\nquorum w")
    assert asked.judge(signed).quorum_met and not asked.judge(BOTH).quorum_met
    itself = trust_policy.parse(f"log {ED}\nlog {ML}\nwitness w {ML}\nquorum w")
    assert not itself.judge(BOTH).quorum_met
