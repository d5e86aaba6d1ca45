"""C2SP trust policies: quorums as the specification defines them, and errors that name the line."""

from __future__ import annotations

import hashlib
from itertools import combinations

import pytest

from audit.ledger import cosignature, merkle, note, trust_policy
from audit.ledger.note import NoteError
from audit.ledger.trust_policy import PolicyError
from tests.support.signed import sign_checkpoint


def fixed_key(name: str) -> note.SigningKey:
    """The same key in every process: test names are made from policies that quote it."""
    seed = hashlib.sha256(name.encode()).digest()
    return note.SigningKey(name, seed, note.public_key(seed))


LOG = fixed_key("log.example")
WITNESSES = {
    name: fixed_key(f"witness.example/{name}") for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")
}
VKEYS = {name: cosignature.vkey(key.name, key.public_key) for name, key in WITNESSES.items()}
LINES = [f"witness {name} {vkey} https://{name}.example/" for name, vkey in VKEYS.items()]
EXAMPLE = "\n".join(
    [
        "# two organisations",
        f"log {LOG.vkey}",
        "",
        *LINES,
        "\tgroup  X-witnesses 2 X1 X2 X3",
        "group Y-witnesses any Y1 Y2 Y3",
        "  # both",
        "group X-and-Y all X-witnesses Y-witnesses",
        "quorum X-and-Y",
        "",
    ]
)
SIGNED = sign_checkpoint(LOG.name, 3, merkle.leaf_hash(b"x"), LOG.seed)


def cosigned_by(*names: str) -> str:
    lines = [
        cosignature.sign(SIGNED, WITNESSES[name].name, WITNESSES[name].seed, 1_800_000_000)
        for name in names
    ]
    return note.add_signature(SIGNED, *lines)


def test_the_quorum_of_the_specification_example_is_two_and_one() -> None:
    parsed = trust_policy.parse(EXAMPLE)
    for count in range(5):
        for names in combinations(WITNESSES, count):
            enough = sum(n[0] == "X" for n in names) >= 2 and any(n[0] == "Y" for n in names)
            assert parsed.satisfied_by(names) is enough


def test_a_checkpoint_is_judged_by_valid_cosignatures_alone() -> None:
    parsed = trust_policy.parse(EXAMPLE)
    verdict = parsed.judge(cosigned_by("X1", "X3", "Y2"))
    assert verdict.quorum_met and len(verdict.cosignatures) == 3
    assert not parsed.judge(cosigned_by("X1", "Y2")).quorum_met
    assert not parsed.judge(cosigned_by("X1", "X1", "Y2")).quorum_met
    other = sign_checkpoint(LOG.name, 4, merkle.leaf_hash(b"y"), LOG.seed)
    key = WITNESSES["X1"]
    moved = note.add_signature(SIGNED, cosignature.sign(other, key.name, key.seed, 1))
    with pytest.raises(NoteError, match="does not verify"):
        parsed.judge(moved)


def test_a_discounted_witness_counts_toward_no_quorum() -> None:
    parsed = trust_policy.parse(EXAMPLE)
    signed = cosigned_by("X1", "X3", "Y2")
    verdict = parsed.judge(signed, discounted={"witness.example/Y2"})
    assert not verdict.quorum_met and len(verdict.cosignatures) == 2


def test_a_log_outside_the_policy_is_not_believed() -> None:
    stranger = note.new_key("log.example")
    signed = sign_checkpoint(stranger.name, 3, merkle.leaf_hash(b"x"), stranger.seed)
    with pytest.raises(NoteError, match="no trusted key"):
        trust_policy.parse(EXAMPLE).judge(signed)


def test_asking_for_no_witness_is_met_and_says_so() -> None:
    parsed = trust_policy.parse(f"log {LOG.vkey}\nquorum none")
    assert parsed.judge(SIGNED).quorum_met and not parsed.witnessed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no quorum line"),
        ("quorum none\nquorum none", "line 2: there is a quorum already"),
        ("quorum X1", "line 1: X1 is not a witness"),
        ("quorum", "line 1: write: quorum"),
        ("colour red", "line 1: 'colour' is none of log, witness, group, quorum"),
        ("log", "line 1: write: log"),
        ("log nonsense", "line 1: .*not a verifier key"),
        (f"log {VKEYS['X1']}", "line 1: .*type 4, not 1"),
        (f"witness a {LOG.vkey}", "line 1: .*type 1, not 4"),
        (f"log {LOG.vkey}\nlog {LOG.vkey}", "line 2: .*listed twice"),
        (f"witness a {VKEYS['X1']}\nwitness b {VKEYS['X1']}", "line 2: .*listed twice"),
        (f"witness none {VKEYS['X1']}", "line 1: the name none is taken"),
        (f"witness a {VKEYS['X1']}\nwitness a {VKEYS['X2']}", "line 2: the name a is taken"),
        (f"witness a {VKEYS['X1']}\ngroup g 2 a", "line 2: '2' is not any, all or a number"),
        (f"witness a {VKEYS['X1']}\ngroup g 0 a", "line 2: '0' is not"),
        (f"witness a {VKEYS['X1']}\ngroup g any a a", "line 2: a is already a member"),
        (f"witness a {VKEYS['X1']}\ngroup g any", "line 2: write: group"),
        ("group g any b", "line 1: b is not a witness"),
        ("group g any g", "line 1: g is not a witness"),
        ("quorum none\r", "line 1: holds a control character"),
    ],
)
def test_a_mistake_in_a_policy_is_named_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        trust_policy.parse(text)
