"""What a change of the policy changes: before and after as sentences, and as data for the trail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from approvals.policy import sentences
from approvals.policy.document import Document, Group, PersonRef, Rule

Kind = Literal["added", "removed", "changed", "moved"]
type _Names = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `about` names it: a rule's id, a group, `roster` or `never scanned`."""

    about: str
    kind: Kind
    before: str = ""
    after: str = ""


def changes(
    before: Document,
    after: Document,
    expiry_s: int,
    named: Mapping[tuple[str, str], str] | None = None,
) -> list[Change]:
    """Every difference, rules first, in the order of the new document.

    `named` gives display names by identity, for pages; records keep the subject.
    """
    known = named or {}
    return [
        *_rules(before, after, expiry_s),
        *_groups(before, after, known),
        *_roster(before, after, known),
        *_never_scanned(before, after),
    ]


def as_changes(found: list[Change]) -> dict[str, dict[str, Any]]:
    """For `changes` of the event: what, before and after."""
    return {one.about: {"before": one.before or None, "after": one.after or None} for one in found}


def _rules(before: Document, after: Document, expiry_s: int) -> Iterator[Change]:
    old = {rule.id: rule for rule in before.rules}
    new = {rule.id: rule for rule in after.rules}
    kept_before = [rule.id for rule in before.rules if rule.id in new]
    kept_after = [rule.id for rule in after.rules if rule.id in old]
    for rule in after.rules:
        now = sentences.sentence(rule, after, expiry_s)
        was = old.get(rule.id)
        if was is None:
            yield Change(f"rule {rule.id}", "added", after=now)
        elif (said := sentences.sentence(was, before, expiry_s)) != now or was != rule:
            same = said == now
            yield Change(
                f"rule {rule.id}", "changed", _exact(was, said, same), _exact(rule, now, same)
            )
        elif kept_before.index(rule.id) != kept_after.index(rule.id):
            yield Change(
                f"rule {rule.id}",
                "moved",
                f"{_place(before, rule.id)} of {len(before.rules)}",
                f"{_place(after, rule.id)} of {len(after.rules)}",
            )
    for name, rule in old.items():
        if name not in new:
            yield Change(
                f"rule {name}", "removed", before=sentences.sentence(rule, before, expiry_s)
            )


def _exact(rule: Rule, said: str, same: bool) -> str:
    """The sentence; with the patterns where two rules read alike and are not."""
    if not same:
        return said
    return f"{said} ({', '.join(rule.verbs)}; {rule.within_s or 'usual time'}; {rule.channel})"


def _place(document: Document, name: str) -> int:
    return [rule.id for rule in document.rules].index(name) + 1


def _groups(before: Document, after: Document, named: _Names) -> Iterator[Change]:
    for name in sorted({*before.groups, *after.groups}):
        was, now = before.groups.get(name), after.groups.get(name)
        if was == now:
            continue
        kind: Kind = "added" if was is None else "removed" if now is None else "changed"
        yield Change(f"group {name}", kind, _group(was, named), _group(now, named))


def _group(group: Group | None, named: _Names) -> str:
    if group is None:
        return ""
    return f"all {group.role}s" if group.role else _people(group.people, named)


def _roster(before: Document, after: Document, named: _Names) -> Iterator[Change]:
    if before.roster != after.roster:
        none = "as people were enrolled"
        was, now = _people(before.roster, named), _people(after.roster, named)
        yield Change("order on call", "changed", was or none, now or none)


def _people(people: list[PersonRef], named: _Names) -> str:
    return ", ".join(named.get((p.iss, p.sub), p.sub) for p in people)


def _never_scanned(before: Document, after: Document) -> Iterator[Change]:
    was, now = before.never_scanned_loosening, after.never_scanned_loosening
    if was != now:
        yield Change("loosening what was never scanned", "changed", was, now)
