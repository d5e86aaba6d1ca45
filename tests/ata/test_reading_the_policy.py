"""`ata policy`: the rules in sentences, and what would happen if."""

from __future__ import annotations

import json

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn

POLICY = {
    "digest": "ab" * 32,
    "number": 3,
    "document": {"schema": "ata.policy.v2", "rules": []},
    "sentences": ["Blocking a skill: at once.", "Anything \x1b[2Jelse: another person."],
}
TRIAL = {
    "kind": "require",
    "sentence": "Another operator approves by phone within 5 minutes.",
    "rule": "critical",
    "why": ["1. low does not apply: it is about LOW.", "2. critical applies."],
    "approver": "another",
    "channel": "ciba",
    "needed": 1,
    "within_s": 300,
}


def test_the_policy_is_shown_as_numbered_sentences(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/policy", Reply(200, POLICY))
    said = signed_in("policy", "show").stdout.splitlines()
    assert said[0] == f"Policy 3, digest {'ab' * 32}"
    assert said[1] == " 1. Blocking a skill: at once."
    assert len(said) == 3 and "\x1b" not in said[2]
    assert json.loads(signed_in("policy", "show", "--json").stdout) == POLICY


def test_a_trial_says_what_would_happen_and_why(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/policy/try", Reply(200, TRIAL))
    done = signed_in("policy", "try", "skill.block", "--severity", "critical", "--who", "finding")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Another operator approves by phone within 5 minutes.",
        "  1. low does not apply: it is about LOW.",
        "  2. critical applies.",
    ]
    [asked] = portal.seen("GET", "/v1/policy/try")
    assert asked.query == {
        "verb": ["skill.block"],
        "severity": ["CRITICAL"],
        "who": ["finding"],
        "whose": ["nobody"],
    }
    assert portal.seen("POST", "/v1/decisions") == []


def test_a_verb_that_is_none_is_wrong_usage(signed_in: Ata, portal: StandIn) -> None:
    problem = {"detail": "verb: one of skill.block", "code": "invalid_request"}
    portal.on("GET", "/v1/policy/try", Reply(422, problem))
    assert signed_in("policy", "try", "skill.explode").returncode == 2
    assert signed_in("policy", "try", "skill.block", "--who", "nobody").returncode == 2
