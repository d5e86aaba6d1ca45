"""The rules of a policy in short: as a table, and each with what it is about, who approves and what
follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from approvals.policy import decision_rows, sentences
from approvals.policy.answer_matrix import approver_in_short, level
from approvals.policy.document import Document, Rule
from approvals.policy.first_matching_rule import is_about

UNLESS_THE_MINIMUM: Final = "unless the minimum under every policy asks for a person."
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


@dataclass(frozen=True, slots=True)
class Summary:
    """One rule: what it is about, who approves, and what follows as `(when, sentence)`."""

    about: str
    approver: str
    follows: tuple[tuple[str, str], ...]


def summary(rule: Rule, expiry_s: int) -> Summary:
    """A rule in a few short sentences; `expiry_s` is the time given where it names none."""
    about = sentences.matches(rule)
    if rule.approver == "none":
        return Summary(about, f"It takes effect immediately, {UNLESS_THE_MINIMUM}", ())
    within = sentences.duration(rule.within_s or expiry_s)
    who = _who(rule, rule.within_s or expiry_s)
    return Summary(about, f"{who[:1].upper()}{who[1:]} within {within}.", _follows(rule))


def until_then(held: str) -> str:
    """What is so while a request waits; `held`: what is on hold, `it` where that is all it is
    about, empty where nothing is."""
    if not held:
        return "Nothing changes."
    rest = "" if held == "it" else ", and nothing else changes"
    return f"{held[:1].upper()}{held[1:]} is on hold{rest}."


def about_holds(rules: Sequence[Rule]) -> str:
    """What can be on hold, and what an outpost changes; empty where no rule says it."""
    found = [rule for rule in rules if rule.approver != "none" and sentences.holds(rule)]
    parts = [sentences.what_is_held(rule) for rule in found if sentences.holds_only_some(rule)]
    said = []
    if parts:
        held = sentences.listing(list(dict.fromkeys(parts)), "or")
        said.append(f"Only {held} can be on hold.")
    at_outposts = [rule for rule in found if _at_outposts(rule)]
    if any(rule.on_denial == "release" for rule in at_outposts):
        said.append(
            "At a gateway with an outpost, a denial ends the hold only if it is signed by passkey."
        )
    if any(rule.on_expiry == "release" for rule in at_outposts):
        said.append("At a gateway with an outpost, the hold stays if no one answers.")
    return " ".join(said)


def about_time(rules: Sequence[Rule], expiry_s: int) -> str:
    """Why a request may have given another time to answer than these rules say; empty where each
    rule that asks for an approval gives its own."""
    if all(rule.within_s for rule in rules if rule.approver != "none"):
        return ""
    return (
        f"A rule that gives no time to answer uses the setting STEP_UP_EXPIRY_S, "
        f"{sentences.duration(expiry_s)} now. A request keeps the time that was set when it was "
        "made."
    )


def _at_outposts(rule: Rule) -> bool:
    """Whether a rule is about anything that can be on hold at a gateway with an outpost."""
    named = (name for kind in decision_rows.KINDS if kind.outposts for name, _ in kind.decisions)
    return any(is_about(rule, name) for name in named)


def _who(rule: Rule, within_s: int) -> str:
    """Who approves, as the panel of a cell says it, as far as one rule is the same for all."""
    roles = sentences.roles_of(rule)
    automatic = bool(rule.automatic)
    if rule.approver == "another" and not roles:
        how = sentences.channel(rule.channel, within_s)
        return f"{'a' if automatic else 'another'} person with the role approves {how}"
    asks = rule.model_dump() | {"within_s": within_s, "approver_roles": [roles]}
    return sentences.who_approves(asks, automatic=automatic)


def _follows(rule: Rule) -> tuple[tuple[str, str], ...]:
    held = sentences.holds(rule)
    asks = rule.model_dump() | {"while_pending": "hold" if held else "open"}
    some = held and sentences.holds_only_some(rule)
    what = sentences.what_is_held(rule) if some else "it"
    hold = "that hold" if some else "the hold"
    denied = sentences.hold_when_denied(asks, hold.capitalize())
    return (
        ("Until then", until_then(what if held else "")),
        ("No answer", sentences.after_no_answer(asks, hold)),
        ("Denied", denied if held else "Nothing changes."),
    )


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
    within_s, roles = rule.within_s or expiry_s, sentences.roles_of(rule)
    return approver_in_short(rule, within_s, roles, automatic=bool(rule.automatic))
