"""Who must approve what: the whole table of stance, severity and role."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from approvals import policy, registry
from approvals.pipeline import intent
from audit.ledger.format.canonical import canonical
from audit.recording.actors import SYSTEM, Actor, Target
from tests.approvals.lamps import Lamps

LAMP = Target("lamp", "hall")
OPERATOR = Actor(iss="i", sub="olu", roles=frozenset({"operator"}))
SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize(
    ("verb", "asks"),
    [("lamp.hold", False), ("lamp.note", False), ("lamp.block", True), ("lamp.allow", True)],
)
def test_only_what_is_final_or_loosening_and_grave_asks(
    lamps: Lamps, verb: str, asks: bool, severity: str
) -> None:
    decided = policy.decide(OPERATOR, registry.get(verb), LAMP, severity)
    grave = severity in {"HIGH", "CRITICAL"}
    assert decided.kind == ("require" if asks and grave else "commit")
    if decided.kind == "require":
        assert decided.approver == ("self" if severity == "HIGH" else "another")
        assert decided.approver_roles == ("operator",)
        assert decided.while_pending == ("hold" if verb == "lamp.block" else "open")


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("verb", ["lamp.hold", "lamp.note", "lamp.block", "lamp.allow"])
@pytest.mark.parametrize("roles", [(), ("auditor",), ("admin",), ("auditor", "admin")])
def test_without_the_role_everything_is_refused(
    lamps: Lamps, verb: str, severity: str, roles: tuple[str, ...]
) -> None:
    other = Actor(iss="i", sub="x", roles=frozenset(roles))
    decided = policy.decide(other, registry.get(verb), LAMP, severity)
    assert (decided.kind, decided.code) == ("refuse", "not_permitted")


@pytest.mark.parametrize("severity", SEVERITIES)
def test_what_is_your_own_is_yours_to_decide(lamps: Lamps, severity: str) -> None:
    lamps.owner = "mia"
    mia = Actor(iss="i", sub="mia")
    assert policy.decide(mia, registry.get("lamp.block"), LAMP, severity).kind == "commit"


@pytest.mark.parametrize("severity", SEVERITIES)
def test_what_is_somebody_elses_needs_another_person(lamps: Lamps, severity: str) -> None:
    lamps.owner = "mia"
    decided = policy.decide(OPERATOR, registry.get("lamp.remove"), LAMP, severity)
    assert (decided.kind, decided.approver) == ("require", "another")


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("verb", ["lamp.hold", "lamp.block", "lamp.allow"])
def test_what_asks_by_itself_always_needs_a_person(lamps: Lamps, verb: str, severity: str) -> None:
    decided = policy.decide(SYSTEM, registry.get(verb), LAMP, severity)
    assert (decided.kind, decided.approver) == ("require", "another")
    assert decided.approver_roles == ("operator",)


def test_a_rule_reads_as_a_sentence(lamps: Lamps) -> None:
    verb = registry.get("lamp.block")
    rule = policy.decide(OPERATOR, verb, LAMP, "CRITICAL").as_json()
    assert policy.in_words(rule, verb, "5 min") == (
        "Block at severity CRITICAL: an operator other than the one who asked approves by phone "
        "within 5 min. On hold until then. If no one answers, the next on call is asked, and "
        "after the last one the hold stays until someone decides."
    )
    loose = registry.get("lamp.allow")
    rule = policy.decide(OPERATOR, loose, LAMP, "HIGH").as_json()
    assert policy.in_words(rule, loose, "5 min") == (
        "Allow at severity HIGH: the one who asked approves on their own phone within 5 min. "
        "If no one answers, nothing changes."
    )


# The intent: what exactly was asked for.


def build(**changes: object) -> intent.Intent:
    given: dict[str, object] = {
        "actor": OPERATOR,
        "verb": "lamp.block",
        "target": LAMP,
        "params": {"watt": 40},
        "severity": "HIGH",
        "policy_digest": "p" * 64,
        "state_digest": "s" * 64,
        "not_after": datetime(2026, 11, 3, 12, tzinfo=UTC),
    }
    return intent.build(**(given | changes))  # type: ignore[arg-type]


def test_the_hash_is_of_the_prefix_and_the_exact_canonical_bytes() -> None:
    made = build()
    text = made.text.encode()
    assert made.hash == hashlib.sha256(b"ata.intent.v1\n" + text).hexdigest()
    assert canonical(json.loads(made.text)) == text


def test_the_intent_says_everything_that_is_approved() -> None:
    said = json.loads(build(target=Target("lamp", "hall", "edge-1")).text)
    nonce = said.pop("nonce")
    assert len(bytes.fromhex(nonce)) == 16
    assert said == {
        "schema": "ata.intent.v1",
        "verb": "lamp.block",
        "target": {"kind": "lamp", "name": "hall", "instance": "edge-1"},
        "params": {"watt": 40},
        "severity": "HIGH",
        "actor": {"iss": "i", "sub": "olu"},
        "via": "web",
        "request_id": "",
        "not_after": "2026-11-03T12:00:00Z",
        "policy": "p" * 64,
        "state": "s" * 64,
    }


def test_no_two_intents_are_the_same() -> None:
    assert len({build().hash for _ in range(50)}) == 50
