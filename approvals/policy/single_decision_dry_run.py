"""Dry run of one decision: what a policy would answer to it, and why. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from approvals.policy import minimum, sentences
from approvals.policy.document import Document
from approvals.policy.evaluation import Decision, by_rule
from approvals.policy.first_matching_rule import Situation, first_match, mismatch
from approvals.registry import Stance, Verb

WHO: Final = {
    "operator": "an operator",
    "admin": "an admin",
    "auditor": "an auditor",
    "member": "someone without a role",
    "finding": "a finding, without a person",
}
"""Who can be chosen as the requester, with its label."""
WHOSE: Final = {
    "nobody": "no one’s in particular",
    "own": "their own",
    "others": "another person’s",
}
"""Whose things can be chosen, with their label."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The policy's answer: the rule that decides, its place, and why each rule before it does not
    apply."""

    decision: Decision
    sentence: str
    rule: str
    place: int  # 1 = first; 0 = no rule
    why: tuple[str, ...]
    automatic: bool = False  # a finding requests it, no person


def make_situation(
    verb: Verb,
    severity: str,
    *,
    roles: frozenset[str],
    automatic: bool = False,
    others: bool = False,
    owns: bool = False,
    proven: bool = False,
) -> Situation:
    """The conditions that rules compare, for a decision that nobody requested.

    Args:
        verb: the decision.
        severity: at which it is requested.
        roles: of the requester; none is a member.
        automatic: a finding requests it, no person.
        others: it is about another person's things.
        owns: it is about the requester's own things.
        proven: an outpost asks for proof of an approval.
    """
    return Situation(
        verb=verb.name,
        stance=verb.stance,
        severity=severity,
        roles=roles,
        automatic=automatic,
        others=(others or verb.first is not None) and not automatic,
        owns=owns and not automatic,
        proven=proven and verb.stance == Stance.LOOSEN,
    )


def chosen_situation(verb: Verb, severity: str, who: str, whose: str) -> Situation:
    """The conditions for a requester of `WHO` and things of `WHOSE`."""
    return make_situation(
        verb,
        severity,
        roles=frozenset() if who in {"member", "finding"} else frozenset({who}),
        automatic=who == "finding",
        others=whose == "others",
        owns=whose == "own" and verb.owns is not None,
    )


def what_if(document: Document, verb: Verb, tried: Situation) -> Trial:
    """What a policy would answer to a decision in a situation, from `make_situation`."""
    automatic, owns, severity = tried.automatic, tried.owns, tried.severity
    if not automatic and not owns and verb.first is None and not verb.roles & tried.roles:
        needed = sentences.listing(sorted(verb.roles), "or") or "its owner"
        refused = Decision("refuse", code="not_permitted", severity=severity)
        return Trial(refused, f"Refused: {verb.label} needs {needed}.", "", 0, ())
    decision = by_rule(document, verb, tried)
    if verb.first is not None and decision.kind == "require":
        decision = replace(decision, first={"iss": "", "sub": ""})  # whoever owns it
    place, rule = first_match(document, tried)
    at_once = not automatic and (verb.stance in {Stance.TIGHTEN, Stance.RECORD} or owns)
    if at_once:
        why = _always(verb, owns)
        return Trial(decision, f"{verb.label}: committed at once.", "", 0, (why,))
    passed = [
        f"{number}. {other.id} does not apply: it {mismatch(other, tried)}."
        for number, other in enumerate(document.rules[:place], start=1)
    ]
    applies = (
        f"{place + 1}. {rule.id} applies."
        if rule is not None and place is not None
        else "No rule applies, so it commits at once unless the floor says otherwise."
    )
    lifted = []
    if minimum.raised(rule.approver if rule else "none", tried) != (
        rule.approver if rule else "none"
    ):
        lifted = ["The floor asks for more than that rule, and no policy goes below the floor."]
    return Trial(
        decision,
        _sentence(decision, verb, automatic),
        rule.id if rule else "",
        place + 1 if place is not None else 0,
        (*passed, applies, *lifted),
        automatic,
    )


def _always(verb: Verb, owns: bool) -> str:
    if owns:
        return "What is your own you decide about at once; no rule is asked."
    if verb.stance == Stance.TIGHTEN:
        return "Tightening is immediate; no rule is asked."
    return "It only takes note; no rule is asked."


def _sentence(decision: Decision, verb: Verb, automatic: bool) -> str:
    if decision.kind == "commit":
        return f"{verb.label} at severity {decision.severity}: committed at once."
    within = sentences.duration(decision.within_s)
    return sentences.in_words(decision.as_json(), verb, within, automatic=automatic)
