"""Signed notes, checkpoints and cosignatures: known vectors, strictness, refusals."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.ledger import checkpoint, cosignature, merkle, note
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.note import NoteError
from tests.support.signed import sign_checkpoint

SEED = bytes(range(32))
NAME = "log.example/one"
VKEY = note.vkey(NAME, note.public_key(SEED))

# The worked examples of the C2SP signed-note text and of the Go package it grew from.
KNOWN = [
    (
        "This is an example message.\n",
        "example.com/foo",
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ),
    (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n",
        "PeterNeumann",
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ),
]


@pytest.mark.parametrize(("text", "name", "signature", "vkey"), KNOWN)
def test_known_notes_verify(text: str, name: str, signature: str, vkey: str) -> None:
    signed = f"{text}\n— {name} {signature}\n"
    assert note.verify(signed, [vkey]) == [name]
    assert note.parse(signed).text == text
    assert str(note.parse(signed)) == signed
    assert str(note.parse_vkey(vkey)) == vkey


def test_a_known_seed_signs_the_known_note() -> None:
    private = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    text, name, signature, vkey = KNOWN[1]
    assert note.sign(text, name, private[1:]) == f"{text}\n— {name} {signature}\n"
    assert note.vkey(name, note.public_key(private[1:])) == vkey


text_lines = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[chr(c) for c in range(32)]),
    max_size=40,
)


@given(st.lists(text_lines, min_size=1, max_size=5))
def test_any_text_signed_is_parsed_and_verified(lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    signed = note.sign(text, NAME, SEED)
    assert note.parse(signed).text == text
    assert note.parse(signed.encode()) == note.parse(signed)
    assert note.verify(signed, [VKEY]) == [NAME]


def test_no_bit_of_a_signed_note_can_be_flipped() -> None:
    signed = note.sign("text\n", NAME, SEED).encode()
    for position in range(len(signed)):
        for bit in range(8):
            changed = bytearray(signed)
            changed[position] ^= 1 << bit
            with pytest.raises(NoteError):
                note.verify(bytes(changed), [VKEY])


def test_no_prefix_or_extension_of_a_signed_note_verifies() -> None:
    signed = note.sign("text\n", NAME, SEED).encode()
    for changed in [*(signed[:end] for end in range(len(signed))), signed + b"\n", signed + b"x"]:
        with pytest.raises(NoteError):
            note.verify(changed, [VKEY])


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "\n",
        "text\n",
        "text\n\n",
        "text\n\n\n",
        "text\r\n\n— a AAAAAAE=\n",
        "te\x00xt\n\n— a AAAAAAE=\n",
        "te\udc80xt\n\n— a AAAAAAE=\n",
        "text\n\n- a AAAAAAE=\n",
        "text\n\n—  a AAAAAAE=\n",
        "text\n\n— a  AAAAAAE=\n",
        "text\n\n— a AAAAAAE= \n",
        "text\n\n— a AAAAAAE\n",
        "text\n\n— a AAAAAAF=\n",
        "text\n\n— a AAAAAA==\n",
        "text\n\n— a\n",
        "text\n\n— a+b AAAAAAE=\n",
        "text\n\n— a\u2003b AAAAAAE=\n",
        "text\n\n—  AAAAAAE=\n",
        "text\n\n— a AAAAAAE=\nno\n",
        "text\n\n" + "— a AAAAAAE=\n" * 101,
        "x" * 1_000_001,
        b"\xff\n\n\xe2\x80\x94 a AAAAAAE=\n",
    ],
)
def test_malformed_notes_are_refused(malformed: str | bytes) -> None:
    with pytest.raises(NoteError):
        note.parse(malformed)


def test_a_well_formed_neighbour_of_the_malformed_notes_is_taken() -> None:
    parsed = note.parse("text\n\n— a AAAAAAE=\n" + "— b AAAAAAE=\n" * 99)
    assert parsed.signatures[0] == note.Signature("a", b"\0\0\0\0", b"\1")


def test_unknown_signers_are_ignored_and_a_failing_known_one_refuses_the_note() -> None:
    other = note.new_key("other.example")
    both = note.add_signature(
        note.sign("text\n", NAME, SEED),
        note.sign("text\n", other.name, other.seed).split("\n\n")[1],
    )
    assert note.verify(both, [VKEY]) == [NAME]
    assert note.verify(both, [VKEY, other.vkey]) == [NAME, "other.example"]
    moved = note.add_signature(
        note.sign("text\n", NAME, SEED),
        note.sign("another\n", other.name, other.seed).split("\n\n")[1],
    )
    assert note.verify(moved, [VKEY]) == [NAME]
    with pytest.raises(NoteError, match=r"other\.example does not verify"):
        note.verify(moved, [VKEY, other.vkey])
    with pytest.raises(NoteError, match="no trusted key"):
        note.verify(both, [])
    with pytest.raises(NoteError, match="as a list"):
        note.verify(both, VKEY)


def test_a_key_of_the_same_name_but_another_id_is_unknown() -> None:
    impostor = note.new_key(NAME)
    with pytest.raises(NoteError, match="no trusted key"):
        note.verify(note.sign("text\n", NAME, impostor.seed), [VKEY])


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "a+b",
        VKEY[:-1],
        VKEY.replace("+", "+0", 1),
        VKEY.replace("one", "two"),
        f"a+00000000+{b64encode(bytes((2,)) + bytes(32)).decode()}",
        f"a+00000000+{b64encode(bytes((1,)) + bytes(31)).decode()}",
    ],
)
def test_malformed_keys_are_refused(bad: str) -> None:
    with pytest.raises(NoteError):
        note.parse_vkey(bad)


def test_a_new_key_does_not_show_its_seed() -> None:
    key = note.new_key(NAME)
    assert note.verify(note.sign("x\n", NAME, key.seed), [key.vkey]) == [NAME]
    assert key.seed.hex() not in repr(key) and repr(key.seed) not in repr(key)


def test_unusable_texts_names_and_seeds_are_refused_before_signing() -> None:
    for text, name, seed in (
        ("no newline", NAME, SEED),
        ("tab\t\n", NAME, SEED),
        ("x\n", "two words", SEED),
        ("x\n", "", SEED),
        ("x\n", NAME, b"short"),
    ):
        with pytest.raises(NoteError):
            note.sign(text, name, seed)


ROOT = merkle.leaf_hash(b"x")


def test_a_checkpoint_says_what_was_signed() -> None:
    signed = sign_checkpoint(NAME, 7, ROOT, SEED)
    assert checkpoint.verify(signed, [VKEY]) == Checkpoint(NAME, 7, ROOT)
    assert checkpoint.parse(signed) == checkpoint.parse(note.parse(signed).text)
    extended = note.sign(checkpoint.format(NAME, 7, ROOT) + "more\n", NAME, SEED)
    assert checkpoint.verify(extended, [VKEY]).extensions == ("more",)


def test_only_the_key_named_like_the_origin_signs_a_checkpoint() -> None:
    stranger = note.new_key("stranger.example")
    signed = note.sign(checkpoint.format(NAME, 7, ROOT), stranger.name, stranger.seed)
    with pytest.raises(NoteError, match="no trusted key"):
        checkpoint.verify(signed, [stranger.vkey, VKEY])
    with pytest.raises(NoteError, match="named like the origin"):
        checkpoint.verify(signed, [stranger.vkey])


@pytest.mark.parametrize(
    "lines",
    [
        "o\n7\n",
        "o\n07\nROOT\n",
        "o\n-7\nROOT\n",
        "o\n-1\nROOT\n",
        "o\n\u00b2\nROOT\n",
        "o\n+7\nROOT\n",
        "o\n7_0\nROOT\n",
        "o\n٧\nROOT\n",
        "o\n9223372036854775808\nROOT\n",
        "o\n7\nAAAA\n",
        "o\n7\nROOT",
        "o\n7\nROOT\n\n",
        "\n7\nROOT\n",
    ],
)
def test_malformed_checkpoints_are_refused(lines: str) -> None:
    with pytest.raises(NoteError):
        checkpoint.parse(lines.replace("ROOT", b64encode(ROOT).decode()))


def test_the_published_cosignature_example_carries_its_time() -> None:
    signed = (
        "example.com/behind-the-sofa\n20852163\n"
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5"
        "/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJs"
        "X3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    parsed = note.parse(signed)
    assert str(parsed) == signed
    assert int.from_bytes(parsed.signatures[1].value[:8]) == 1679315147
    assert note.cosigned_message(1679315147, parsed.text) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_a_cosignature_binds_its_time_and_the_whole_checkpoint() -> None:
    witness = note.new_key("witness.example/w1")
    vkey = cosignature.vkey(witness.name, witness.public_key)
    signed = sign_checkpoint(NAME, 7, ROOT, SEED)
    line = cosignature.sign(signed, witness.name, witness.seed, 1_800_000_000)
    both = note.add_signature(signed, line)
    (found,) = cosignature.verify(both, [vkey, VKEY])
    assert (found.key.name, found.time) == (witness.name, 1_800_000_000)
    assert note.verify(both, [VKEY, vkey]) == [NAME, witness.name]
    later = note.parse_signature(line.removesuffix("\n"))
    shifted = note.Signature(
        later.name, later.key_id, (1_800_000_001).to_bytes(8) + later.value[8:]
    )
    for forged in (
        note.add_signature(signed, shifted.line),
        note.add_signature(sign_checkpoint(NAME, 8, ROOT, SEED), line),
    ):
        with pytest.raises(NoteError, match=r"witness\.example/w1 does not verify"):
            cosignature.verify(forged, [vkey])
    # A log key is no witness key, even over the same bytes.
    assert cosignature.verify(both, [witness.vkey]) == []
