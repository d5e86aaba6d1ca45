"""Which rule applies to what: pure, the first that matches."""

from __future__ import annotations

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


def first_match(document: Document, situation: Situation) -> tuple[int | None, Rule | None]:
    """The first rule that applies and its place; `(None, None)` where none does."""
    for place, rule in enumerate(document.rules):
        if not mismatch(rule, situation):
            return place, rule
    return None, None


def mismatch(rule: Rule, situation: Situation) -> str:
    """Why a rule does not apply, as the end of `it …`; empty when it does."""
    if not any(_is(pattern, situation.verb) for pattern in rule.verbs):
        return f"is about {', '.join(rule.verbs)}"
    if rule.severities and situation.severity not in rule.severities:
        return f"is for severity {' or '.join(rule.severities)}"
    if rule.automatic is not None and rule.automatic != situation.automatic:
        return "is for what a finding asks by itself" if rule.automatic else "is for what people do"
    if rule.others is not None and rule.others != situation.others:
        return "is for other people’s things" if rule.others else "is not for other people’s things"
    held = situation.roles or frozenset({"member"})
    if rule.roles and not situation.automatic and not held & set(rule.roles):
        return f"is for requests by {' or '.join(rule.roles)}"
    if rule.roles and situation.automatic:
        return f"is for requests by {' or '.join(rule.roles)}"
    return ""


def _is(pattern: str, verb: str) -> bool:
    if pattern == "*":
        return True
    wanted_kind, _, wanted_act = pattern.partition(".")
    kind, _, act = verb.partition(".")
    return wanted_kind in {"*", kind} and wanted_act in {"*", act}
