"""What would happen if…: a decision tried against a document. Pure, and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from approvals.policy import minimum, sentences
from approvals.policy.conditions import Situation, first_match, mismatch
from approvals.policy.document import Document
from approvals.policy.evaluation import Decision, by_rule
from approvals.registry import Stance, Verb


@dataclass(frozen=True, slots=True)
class Trial:
    """What would happen, by which rule, and why that one."""

    decision: Decision
    sentence: str
    rule: str
    place: int  # 1 = first; 0 = no rule
    why: tuple[str, ...]


def situation(
    verb: Verb,
    severity: str,
    *,
    roles: frozenset[str],
    automatic: bool = False,
    others: bool = False,
    owns: bool = False,
    proven: bool = False,
) -> Situation:
    """What rules would look at; `proven`: an outpost asks for proof of an approval."""
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


def what_if(
    document: Document,
    verb: Verb,
    severity: str,
    *,
    roles: frozenset[str],
    automatic: bool = False,
    others: bool = False,
    owns: bool = False,
    proven: bool = False,
) -> Trial:
    """Try a decision of `verb` at `severity` by somebody with `roles`, or by a finding itself."""
    tried = situation(
        verb,
        severity,
        roles=roles,
        automatic=automatic,
        others=others,
        owns=owns,
        proven=proven,
    )
    if not automatic and not owns and verb.first is None and not verb.roles & roles:
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
        _sentence(decision, verb),
        rule.id if rule else "",
        place + 1 if place is not None else 0,
        (*passed, applies, *lifted),
    )


def _always(verb: Verb, owns: bool) -> str:
    if owns:
        return "What is your own you decide about at once; no rule is asked."
    if verb.stance == Stance.TIGHTEN:
        return "Tightening is immediate; no rule is asked."
    return "It only takes note; no rule is asked."


def _sentence(decision: Decision, verb: Verb) -> str:
    if decision.kind == "commit":
        return f"{verb.label} at severity {decision.severity}: committed at once."
    return sentences.in_words(decision.as_json(), verb, sentences.duration(decision.within_s))
