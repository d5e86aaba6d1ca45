"""A change of the policy as its approver reads it: every difference, the gravest first, and why
it is risky.

What takes something away comes before what changes otherwise, and that before times. What a phone
cannot show whole is approved by passkey, next to the page that lists all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from approvals.pipeline.service import LONGEST_SENTENCE
from approvals.policy import sentences
from approvals.policy.document import Document, Group, PersonRef, Rule
from approvals.policy.minimum import STRENGTH
from audit.ledger.format import safe_display
from audit.ledger.format.allowed_field_values import SEVERITIES, gravest, severity_rank


class Gravity(IntEnum):
    """How grave a difference is; the smallest is the gravest."""

    TAKES_AWAY = 0  # fewer or other people may approve, or less is on hold
    CHANGES = 1
    TIMES = 2


_WHO: Final = "who has to approve what"
_HELD: Final = "what is on hold while a request waits"
_AFTER: Final = "what ends a hold"
_TIME: Final = "how long people have to answer"
_NEXT: Final = "who is asked after no answer"
_GRAVE: Final = "how grave relaxing something never scanned is"
_FIRST: Final = "who is asked first"
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: what it is about, its words, what it changes as the risk names it."""

    about: str
    words: str
    gravity: Gravity
    risk: str
    severity: str = SEVERITIES[-1]  # the gravest that the rule applies to


type _Names = Mapping[tuple[str, str], str]


def differences(
    before: Document, after: Document, expiry_s: int, named: _Names
) -> list[Difference]:
    """Every difference, the gravest first.

    Args:
        before: the policy in force.
        after: the one that is proposed.
        expiry_s: the time to answer where a rule names none.
        named: display names by identity.
    """
    found = [
        *_rules(before, after, expiry_s),
        *_groups(before, after, named),
        *_rest(before, after, named),
    ]
    return sorted(found, key=lambda one: (one.gravity, -severity_rank(one.severity)))


def sentence(found: list[Difference]) -> str:
    """The change with every difference. What is longer than a phone shows says how many there are,
    that the page of the request has all of them, and begins with the gravest."""
    whole = f"{_ACT}: {_joined(found)}"
    if _fits(whole):
        return whole
    begin = f"{_ACT} in {len(found)} points, all on the page of the request; the gravest first: "
    shown = list(found)
    while shown and not _fits(begin + _joined(shown)):
        shown.pop()
    return begin + _joined(shown) if shown else begin.partition(";")[0]


def is_for_portal(found: list[Difference]) -> bool:
    """Whether a phone cannot show every difference."""
    return not _fits(f"{_ACT}: {_joined(found)}")


def risk(found: list[Difference]) -> str:
    """What the differences change, the gravest first."""
    kinds = list(dict.fromkeys(one.risk for one in found))
    return f"it changes {sentences.listing(kinds, 'and')}"


_ACT: Final = "Change the approval policy"


def _fits(text: str) -> bool:
    return len(safe_display.visible(text)) <= LONGEST_SENTENCE


def _joined(found: list[Difference]) -> str:
    """Differences with what they are about, which consecutive ones of it say once."""
    said: list[str] = []
    for place, one in enumerate(found):
        again = place > 0 and found[place - 1].about == one.about
        said.append(one.words if again else f"{one.about}: {one.words}")
    return "; ".join(said)


def _rules(before: Document, after: Document, expiry_s: int) -> Iterator[Difference]:
    old = {rule.id: rule for rule in before.rules}
    new = {rule.id: rule for rule in after.rules}
    for name, rule in old.items():
        if name not in new:
            yield Difference(
                _about(rule), "the rule is removed", Gravity.TAKES_AWAY, _WHO, _severity(rule)
            )
    stayed = [rule.id for rule in before.rules if rule.id in new]
    places = [rule.id for rule in after.rules if rule.id in old]
    for number, rule in enumerate(after.rules, start=1):
        was = old.get(rule.id)
        if was is None:
            place = f"new rule {rule.id}, {number} of {len(after.rules)}"
            said = sentences.sentence(rule, after, expiry_s).rstrip(".")
            yield Difference(place, said, Gravity.TAKES_AWAY, _WHO, _severity(rule))
            continue
        yield from _within(was, rule, before, after, expiry_s)
        if stayed.index(rule.id) != places.index(rule.id):
            words = f"is tried {number} of {len(after.rules)}, before {_place(before, rule.id)}"
            yield Difference(_about(was), words, Gravity.CHANGES, _WHO, _severity(rule))


def _place(document: Document, name: str) -> str:
    number = [rule.id for rule in document.rules].index(name) + 1
    return f"{number} of {len(document.rules)}"


def _about(rule: Rule) -> str:
    what = sentences.situations(rule)
    return f"rule {rule.id} ({what[:1].lower()}{what[1:]})"


def _severity(*rules: Rule) -> str:
    return gravest(*(name for rule in rules for name in rule.severities or SEVERITIES[-1:]))


def _within(
    was: Rule, rule: Rule, before: Document, after: Document, expiry_s: int
) -> Iterator[Difference]:
    """What differs between two versions of a rule, each as a separate difference."""
    for gravity, words, what in (
        _matches(was, rule),
        _who(was, rule, before, after),
        _hold(was, rule),
        _expiry(was, rule),
        _denial(was, rule),
        _escalation(was, rule),
        _time(was, rule, expiry_s),
    ):
        if words:
            yield Difference(_about(was), words, gravity, what, _severity(was, rule))


type _Said = tuple[Gravity, str, str]
"""How grave it is, its words (empty where nothing differs), and what it changes."""


def _matches(was: Rule, rule: Rule) -> _Said:
    """What the rule is about."""
    keys = ("verbs", "severities", "roles", "automatic", "others")
    if all(getattr(was, key) == getattr(rule, key) for key in keys):
        return Gravity.CHANGES, "", _WHO
    now = sentences.situations(rule)
    exact = f" ({', '.join(rule.verbs)})" if now == sentences.situations(was) else ""
    return Gravity.TAKES_AWAY, f"is about this instead: “{now}{exact}”", _WHO


def _who(was: Rule, rule: Rule, before: Document, after: Document) -> _Said:
    """Who approves."""
    keys = ("approver", "group", "count")
    if all(getattr(was, key) == getattr(rule, key) for key in keys):
        return Gravity.CHANGES, "", _WHO
    fewer = (STRENGTH[rule.approver], rule.count) < (STRENGTH[was.approver], was.count)
    now, old = sentences.approver(rule, after), sentences.approver(was, before)
    gravity = Gravity.TAKES_AWAY if fewer else Gravity.CHANGES
    return gravity, f"approved by {now}, before by {old}", _WHO


def _hold(was: Rule, rule: Rule) -> _Said:
    if was.while_pending == rule.while_pending:
        return Gravity.CHANGES, "", _HELD
    if rule.while_pending == "open":
        return Gravity.TAKES_AWAY, "nothing is on hold any more while a request waits", _HELD
    return Gravity.CHANGES, "what can be held is on hold while a request waits", _HELD


def _expiry(was: Rule, rule: Rule) -> _Said:
    if was.on_expiry == rule.on_expiry:
        return Gravity.CHANGES, "", _AFTER
    if rule.on_expiry == "release":
        return Gravity.TAKES_AWAY, "the hold ends if no one answers, before it stayed", _AFTER
    return Gravity.CHANGES, "the hold stays if no one answers, before it ended", _AFTER


def _denial(was: Rule, rule: Rule) -> _Said:
    if was.on_denial == rule.on_denial:
        return Gravity.CHANGES, "", _AFTER
    if rule.on_denial == "release":
        return Gravity.TAKES_AWAY, "a denial ends the hold, before it stayed", _AFTER
    return Gravity.CHANGES, "a denial keeps the hold, before it ended", _AFTER


def _escalation(was: Rule, rule: Rule) -> _Said:
    if was.escalate == rule.escalate:
        return Gravity.CHANGES, "", _NEXT
    if rule.escalate:
        return Gravity.CHANGES, "the next on call is asked if no one answers", _NEXT
    return Gravity.TAKES_AWAY, "the next on call is not asked any more if no one answers", _NEXT


def _time(was: Rule, rule: Rule, expiry_s: int) -> _Said:
    """How it is answered and within what time."""
    if (was.channel, was.within_s) == (rule.channel, rule.within_s):
        return Gravity.TIMES, "", _TIME
    old_s, now_s = was.within_s or expiry_s, rule.within_s or expiry_s
    old, now = sentences.channel(was.channel, old_s), sentences.channel(rule.channel, now_s)
    if old != now:
        how = f"{now} within {sentences.duration(now_s)}"
        words = f"answered {how}, before {old} within {sentences.duration(old_s)}"
        return Gravity.CHANGES, words, "how it is answered"
    if old_s == now_s:
        fixed = "is now fixed at" if rule.within_s else "follows the usual time, now"
        return Gravity.TIMES, f"the time to answer {fixed} {sentences.duration(now_s)}", _TIME
    times = f"{sentences.duration(now_s)} to answer, before {sentences.duration(old_s)}"
    return Gravity.TIMES, times, _TIME


def _groups(before: Document, after: Document, named: _Names) -> Iterator[Difference]:
    for name in sorted({*before.groups, *after.groups}):
        was, now = before.groups.get(name), after.groups.get(name)
        if was != now:
            said = f"{_members(now, named)}, before {_members(was, named)}"
            yield Difference(f"group {name}", said, Gravity.TAKES_AWAY, _WHO)


def _members(group: Group | None, named: _Names) -> str:
    if group is None:
        return "there is none"
    return f"all {group.role}s" if group.role else _people(group.people, named)


def _people(people: list[PersonRef], named: _Names) -> str:
    """Each by name and subject: two people can have the same name."""
    return (
        sentences.listing([_called(one, named) for one in people], "and")
        or "as people were enrolled"
    )


def _called(person: PersonRef, named: _Names) -> str:
    name, sub = named.get((person.iss, person.sub), ""), safe_display.short(person.sub)
    if not name or name == person.sub:
        return sub
    return f"{safe_display.person_in_sentence(name, _LONGEST_NAME)} ({sub})"


def _rest(before: Document, after: Document, named: _Names) -> Iterator[Difference]:
    if before.roster != after.roster:
        said = f"{_people(after.roster, named)}, before {_people(before.roster, named)}"
        yield Difference("order on call", said, Gravity.CHANGES, _FIRST)
    was, now = before.never_scanned_loosening, after.never_scanned_loosening
    if was != now:
        weaker = severity_rank(now) < severity_rank(was)
        yield Difference(
            "relaxing what was never scanned",
            f"counts as {now}, before {was}",
            Gravity.TAKES_AWAY if weaker else Gravity.CHANGES,
            _GRAVE,
        )
