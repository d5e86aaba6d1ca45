"""Which rule applies to what: pure, the first that matches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from approvals.policy.document import Document, Rule
from approvals.registry import Stance


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a rule may look at."""

    verb: str
    stance: Stance
    severity: str
    roles: frozenset[str] = frozenset()  # the requester's; none = member
    automatic: bool = False  # a finding asks by itself
    others: bool = False  # about another person's things
    owns: bool = False
    proven: bool = False  # who carries it out asks for proof of an approval


def first_match(document: Document, situation: Situation) -> tuple[int | None, Rule | None]:
    """The first rule that applies and its place; `(None, None)` where none does."""
    return first_of(rules_about(document, situation.verb), situation)


def rules_about(document: Document, verb: str) -> list[tuple[int, Rule]]:
    """The rules that name a verb, with their places."""
    return [(place, rule) for place, rule in enumerate(document.rules) if is_about(rule, verb)]


def first_of(
    rules: Iterable[tuple[int, Rule]], situation: Situation
) -> tuple[int | None, Rule | None]:
    """The first that applies, among rules about the verb of the situation (`rules_about`)."""
    for place, rule in rules:
        if not _unmet(rule, situation):
            return place, rule
    return None, None


def mismatch(rule: Rule, situation: Situation) -> str:
    """Why a rule does not apply, as the end of `it …`; empty when it does."""
    if not is_about(rule, situation.verb):
        return f"is about {', '.join(rule.verbs)}"
    match _unmet(rule, situation):
        case "severities":
            return f"is for severity {' or '.join(rule.severities)}"
        case "automatic":
            asks = "what a finding requests automatically" if rule.automatic else "what people do"
            return f"is for {asks}"
        case "others":
            return f"is {'' if rule.others else 'not '}for other people’s things"
        case "roles":
            return f"is for requests by {' or '.join(rule.roles)}"
    return ""


def is_about(rule: Rule, verb: str) -> bool:
    """Whether a rule names a decision, such as `skill.block`, itself or by a pattern."""
    kind, _, act = verb.partition(".")
    return not {"*", verb, f"{kind}.*", f"*.{act}"}.isdisjoint(rule.verbs)


def _unmet(rule: Rule, situation: Situation) -> str:
    """The first condition of the rule, besides its verbs, that is not met; empty where all are."""
    if rule.severities and situation.severity not in rule.severities:
        return "severities"
    if rule.automatic is not None and rule.automatic != situation.automatic:
        return "automatic"
    if rule.others is not None and rule.others != situation.others:
        return "others"
    held = situation.roles or {"member"}
    if rule.roles and (situation.automatic or held.isdisjoint(rule.roles)):
        return "roles"
    return ""
