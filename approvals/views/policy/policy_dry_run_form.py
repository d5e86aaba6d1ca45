"""What would happen if…: the dry run's form and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from approvals import registry
from approvals.policy.document import Document
from approvals.policy.single_decision_dry_run import (
    WHO,
    WHOSE,
    Trial,
    chosen_situation,
    what_if,
)
from audit.ledger.format.allowed_field_values import SEVERITIES


@dataclass(frozen=True, slots=True)
class Trying:
    """What was chosen, what can be, and what would happen; no answer before anything was."""

    verb: str
    severity: str
    who: str
    whose: str
    answer: Trial | None
    verbs: tuple[str, ...]
    severities: tuple[str, ...] = SEVERITIES
    people: tuple[tuple[str, str], ...] = tuple(WHO.items())
    owners: tuple[tuple[str, str], ...] = tuple(WHOSE.items())


def trial(document: Document, chosen: Mapping[str, str]) -> Trying:
    """Try what was chosen against a document; what is not known is not tried."""
    verbs = registry.names()
    verb = chosen.get("try-verb", "")
    severity = chosen.get("try-severity", "HIGH")
    who, whose = chosen.get("try-who", "operator"), chosen.get("try-whose", "nobody")
    known = verb in verbs and severity in SEVERITIES and who in WHO and whose in WHOSE
    answer = None
    if known:
        found = registry.get(verb)
        answer = what_if(document, found, chosen_situation(found, severity, who, whose))
    return Trying(verb or "skill.block", severity, who, whose, answer, verbs)
