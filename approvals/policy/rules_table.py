"""The rules of a policy as a table: what each is about, and what it asks for in a few words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from approvals.policy import sentences
from approvals.policy.answer_matrix import approver_in_short, level
from approvals.policy.document import Document, Rule

COLUMNS: Final = (
    ("within", "Within"),
    ("meanwhile", "Until then"),
    ("silence", "No answer"),
    ("denied", "Denied"),
)
"""Columns whose most frequent value is shown in grey."""


@dataclass(frozen=True, slots=True)
class Value:
    """What stands in one column; `same`: as in most rules."""

    label: str
    text: str
    same: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One rule: its place, what it is about, who approves, and what follows."""

    place: int
    id: str
    about: str
    severities: tuple[str, ...]
    approver: str
    strength: str  # none, self or second
    values: tuple[Value, ...]


def lines(document: Document, expiry_s: int) -> list[Line]:
    """Every rule in its order; `expiry_s` is the time given where a rule names none."""
    said = [_said(rule, expiry_s) for rule in document.rules]
    usual = {name: _most_frequent([one[name] for one in said]) for name, _ in COLUMNS}
    return [
        Line(
            place=place,
            id=rule.id,
            about=sentences.applies_to(rule),
            severities=tuple(rule.severities),
            approver=_approver(rule, expiry_s),
            strength=level(rule.approver),
            values=tuple(
                Value(label, one[name], one[name] == usual[name]) for name, label in COLUMNS
            ),
        )
        for place, (rule, one) in enumerate(zip(document.rules, said, strict=True), start=1)
    ]


def held_in_part(document: Document) -> str:
    """What `where possible` means in the table; empty where no rule says it."""
    parts = [
        sentences.what_is_held(rule)
        for rule in document.rules
        if rule.approver != "none" and sentences.holds(rule) and sentences.holds_only_some(rule)
    ]
    if not parts:
        return ""
    return f"Where possible: {sentences.listing(list(dict.fromkeys(parts)), 'or')} can be on hold."


def _most_frequent(values: list[str]) -> str:
    """The value of most rules; none where every rule has its own."""
    (value, times), *_ = Counter(values).most_common(1)
    return value if times > 1 else ""


def _said(rule: Rule, expiry_s: int) -> Mapping[str, str]:
    if rule.approver == "none":
        return {name: "–" for name, _ in COLUMNS}
    return {
        "within": sentences.duration(rule.within_s or expiry_s).replace("minutes", "min"),
        "meanwhile": _meanwhile(rule),
        "silence": _silence(rule),
        "denied": _end(rule, stays=rule.on_denial == "keep_hold"),
    }


def _meanwhile(rule: Rule) -> str:
    if not sentences.holds(rule):
        return "No change"
    return "On hold, where possible" if sentences.holds_only_some(rule) else "On hold"


def _end(rule: Rule, *, stays: bool) -> str:
    if not sentences.holds(rule):
        return "No change"
    return "Hold stays" if stays else "Hold ends"


def _silence(rule: Rule) -> str:
    end = _end(rule, stays=rule.on_expiry == "keep_hold")
    if rule.approver != "another" or not rule.escalate:
        return end
    return f"Next on call, then {end[:1].lower()}{end[1:]}"


def _approver(rule: Rule, expiry_s: int) -> str:
    """As a cell of the matrix says it, as far as one rule is the same for all that it is about."""
    if rule.approver == "none":
        return "No one"
    return approver_in_short(rule, rule.within_s or expiry_s, sentences.roles_of(rule))
