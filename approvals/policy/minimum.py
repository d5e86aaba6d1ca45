"""What no policy document may go below, however it was approved (DESIGN 1.3.2).

Something final or loosening at HIGH or CRITICAL and acts on other people's things need a person, as
does what relaxes something where an outpost asks for proof. CRITICAL, the policy itself, keys and
what a finding asks for automatically need another one than the requester; where only one person is
enrolled they may, labelled single-person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from approvals import registry
from approvals.policy.document import Document, Rule
from approvals.policy.first_matching_rule import Situation, first_of, rules_about
from approvals.registry import Stance
from audit.ledger.format.allowed_field_values import SEVERITIES

STRENGTH: Final = {"none": 0, "self": 1, "another": 2, "group": 2}
_GUARDED: Final = ("policy.", "passkey.", "outpost.", "gateway.", "subject.", "legal_hold.")
_GRAVE: Final = frozenset({"HIGH", "CRITICAL"})


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that asks for less than the floor, in one situation."""

    rule: int | None  # its place; None where no rule matches
    words: str


def is_guarded(verb: str) -> bool:
    """Whether a verb is about the policy, keys or erasure: only its own roles approve it."""
    return verb.startswith(_GUARDED)


def least(situation: Situation) -> str:
    """The weakest approver that any policy may name here: none, self or another."""
    if situation.automatic:
        return "another"
    if situation.stance not in {Stance.FINAL, Stance.LOOSEN} or situation.owns:
        return "none"
    if situation.severity == "CRITICAL" or is_guarded(situation.verb):
        return "another"
    asks = situation.severity in _GRAVE or situation.others or situation.proven
    return "self" if asks else "none"


def raised(approver: str, situation: Situation) -> str:
    """The approver of a rule, lifted to the floor where it is below."""
    floor = least(situation)
    return floor if STRENGTH[approver] < STRENGTH[floor] else approver


def breaches(document: Document) -> list[Breach]:
    """Where a document would go below the floor, one for each rule, over every registered verb."""
    found: dict[int | None, Breach] = {}
    for verb in registry.names():
        rules = rules_about(document, verb)
        for situation in situations_of(verb):
            place, rule = first_of(rules, situation)
            if rule is None or place in found:
                continue
            floor = least(situation)
            if STRENGTH[rule.approver] < STRENGTH[floor]:
                found[place] = Breach(place, _words(rule, situation, floor))
    return list(found.values())


def situations_of(name: str) -> Iterator[Situation]:
    """Every combination that a rule can tell apart, for one registered verb."""
    verb = registry.get(name)
    for severity in SEVERITIES:
        for automatic in (False, True):
            for others in (False, True):
                for role in ("member", *sorted(verb.roles)):
                    yield Situation(
                        verb=name,
                        stance=verb.stance,
                        severity=severity,
                        roles=frozenset() if automatic else frozenset({role}),
                        automatic=automatic,
                        others=others and not automatic,
                    )


def _words(rule: Rule, situation: Situation, floor: str) -> str:
    least_ = "another person" if floor == "another" else "the one who asks"
    whose = " on other people’s things" if situation.others else ""
    asks = "by a finding itself" if situation.automatic else f"at {situation.severity}"
    return (
        f"Rule {rule.id} would ask for less than {least_} for {situation.verb} {asks}{whose}. "
        "No policy can go below that."
    )
