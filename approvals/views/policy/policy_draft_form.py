"""A policy while somebody edits it: what the form holds, and what is wrong with it.

Everything travels in the form, so that it works without scripts and nothing is lost on an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.http import QueryDict

from approvals import people_and_roles as directory
from approvals.policy import minimum, rule_summaries, sentences
from approvals.policy.document import SCHEMA, BadDocument, Document, PersonRef, Rule, read
from audit.ledger.format.allowed_field_values import ROLES, SEVERITIES

ABOUT: Final[dict[str, tuple[str, bool | None, bool | None]]] = {
    "any": ("anything", None, None),
    "people": ("what people do", False, None),
    "finding": ("what a finding requests automatically", True, None),
    "others": ("other people’s things", None, True),
    "not-others": ("all but other people’s things", None, False),
}
"""What a rule is about, as one choice: words, `automatic`, `others`."""
CHANNELS: Final = (
    ("ciba", "by phone (or e-mail)"),
    ("passkey", "with a passkey"),
    ("both", "by phone and with a passkey"),
    ("either", "by phone or with a passkey"),
)
_MOST = 60


@dataclass(slots=True)
class RuleDraft:
    """One rule as it stands in the form."""

    id: str = ""
    verbs: str = ""
    severities: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    about: str = "any"
    who: str = "another"  # none, self, another or group:<name>
    count: str = "1"
    channel: str = "ciba"
    within_s: str = ""
    escalate: bool = True
    while_pending: str = "hold"
    on_denial: str = "release"
    on_expiry: str = "keep_hold"
    said: rule_summaries.Summary | None = None  # None where it is no whole rule
    nothing_held: bool = False  # none of its decisions has a hold
    open: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The rule as the document holds it; text that is no number is left for the checks."""
        _, automatic, others = ABOUT.get(self.about, ABOUT["any"])
        approver, _, group = self.who.partition(":")
        return {
            "id": self.id,
            "verbs": self.verbs.replace(",", " ").split(),
            "severities": self.severities,
            "roles": self.roles,
            "automatic": automatic,
            "others": others,
            "approver": approver,
            "group": group,
            "count": _number(self.count or "1") if approver == "group" else 1,
            "channel": self.channel,
            "within_s": _number(self.within_s) if self.within_s else None,
            "escalate": self.escalate,
            "while_pending": self.while_pending,
            "on_denial": self.on_denial,
            "on_expiry": self.on_expiry,
        }


@dataclass(slots=True)
class GroupDraft:
    """One group as it stands in the form: `who` is a role, or `people`."""

    name: str = ""
    who: str = "operator"
    people: list[str] = field(default_factory=list)
    error: str = ""


@dataclass(slots=True)
class Draft:
    """A whole policy as it stands in the form, made from the version `base`."""

    base: str
    rules: list[RuleDraft] = field(default_factory=list)
    groups: list[GroupDraft] = field(default_factory=list)
    roster: list[str] = field(default_factory=list)
    never_scanned: str = "HIGH"
    errors: list[tuple[str, str]] = field(default_factory=list)  # (id of the field, words)
    touched: str = ""  # id of the control that takes the focus
    about_holds: str = ""
    about_time: str = ""

    def as_json(self, number: int) -> dict[str, Any]:
        """The document that this would be."""
        return {
            "schema": SCHEMA,
            "number": number,
            "rules": [rule.as_json() for rule in self.rules],
            "groups": {
                group.name: {"people": [_ref(p) for p in group.people]}
                if group.who == "people"
                else {"role": group.who}
                for group in self.groups
            },
            "roster": [_ref(p) for p in self.roster],
            "never_scanned_loosening": self.never_scanned,
        }

    def check(self, number: int) -> Document | None:
        """The document, or None with every problem noted where it is."""
        self._names_twice()
        self._counts_without_group()
        try:
            made = read(self.as_json(number))
        except BadDocument as bad:
            for where, said in bad.problems:
                self._note(where, said)
            made = None
        if made is not None:
            for breach in minimum.breaches(made):
                self._note(f"/rules/{breach.rule}/approver", breach.words)
        return None if self.errors or made is None else made

    def describe(self) -> None:
        """Set the short description of each rule; one that is not valid yet has none."""
        whole = []
        for rule in self.rules:
            try:
                made = Rule.model_validate(rule.as_json())
                read(self.as_json(0) | {"rules": [made.model_dump()]})
            except (BadDocument, ValueError):
                rule.said = None
                continue
            whole.append(made)
            rule.said = rule_summaries.summary(made, settings.STEP_UP_EXPIRY_S)
            rule.nothing_held = made.while_pending == "hold" and not sentences.holds(made)
        self.about_holds = rule_summaries.about_holds(whole)
        self.about_time = rule_summaries.about_time(whole, settings.STEP_UP_EXPIRY_S)

    def _names_twice(self) -> None:
        names = Counter(group.name for group in self.groups)
        for place, group in enumerate(self.groups):
            if names[group.name] > 1:
                group.error = "Two groups have this name."
                self.errors.append((f"g{place}-name", group.error))

    def _counts_without_group(self) -> None:
        for place, rule in enumerate(self.rules):
            if rule.count not in {"", "1"} and not rule.who.startswith("group:"):
                said = f"{rule.count} needs a group: choose one under Who, or enter 1."
                self._note(f"/rules/{place}/count", said)

    def _note(self, where: str, said: str) -> None:
        parts = where.strip("/").split("/")
        said = said[:1].upper() + said[1:]
        if parts[0] == "rules" and len(parts) > 1:
            rule = self.rules[int(parts[1])]
            name = _FIELDS.get(parts[2] if len(parts) > 2 else "", "who")
            rule.errors.setdefault(name, said)
            rule.open = True
            at = f"Rule {int(parts[1]) + 1}, {_LABELS[name]}"
            self.errors.append((f"r{parts[1]}-{name}", f"{at}: {said}"))
        elif parts[0] == "groups" and len(parts) > 1:
            place = next((n for n, g in enumerate(self.groups) if g.name == parts[1]), 0)
            self.groups[place].error = said
            self.errors.append((f"g{place}-name", said))
        else:
            self.errors.append(("rules", said))


_LABELS: Final = {
    "id": "name",
    "verbs": "decisions",
    "severities": "severity",
    "roles": "asked for by",
    "count": "how many",
    "within_s": "seconds to answer",
    "channel": "how",
    "who": "who",
}
_FIELDS: Final = {
    "id": "id",
    "verbs": "verbs",
    "severities": "severities",
    "roles": "roles",
    "count": "count",
    "within_s": "within_s",
    "channel": "channel",
    "approver": "who",
    "group": "who",
}


def of(document: Document, base: str) -> Draft:
    """A draft that says what a document says."""
    return Draft(
        base=base,
        rules=[_rule(rule) for rule in document.rules],
        groups=[
            GroupDraft(name, group.role or "people", [_key(p) for p in group.people])
            for name, group in document.groups.items()
        ],
        roster=[_key(p) for p in document.roster],
        never_scanned=document.never_scanned_loosening,
    )


def _rule(rule: Rule) -> RuleDraft:
    about = (
        next(name for name, (_, *flags) in ABOUT.items() if flags == [rule.automatic, rule.others])
        if [rule.automatic, rule.others] in [[a, o] for _, a, o in ABOUT.values()]
        else "any"
    )
    return RuleDraft(
        id=rule.id,
        verbs=" ".join(rule.verbs),
        severities=list(rule.severities),
        roles=list(rule.roles),
        about=about,
        who=f"group:{rule.group}" if rule.approver == "group" else rule.approver,
        count=str(rule.count),
        channel=rule.channel,
        within_s=str(rule.within_s or ""),
        escalate=rule.escalate,
        while_pending=rule.while_pending,
        on_denial=rule.on_denial,
        on_expiry=rule.on_expiry,
    )


def posted(form: QueryDict) -> Draft:
    """The draft that a form holds, exactly as it was typed."""
    return Draft(
        base=form.get("base", ""),
        rules=[_posted_rule(form, f"r{n}-") for n in range(_count(form, "rules"))],
        groups=[
            GroupDraft(
                form.get(f"g{n}-name", "").strip(),
                form.get(f"g{n}-who", "operator"),
                form.getlist(f"g{n}-people"),
            )
            for n in range(_count(form, "groups"))
        ],
        roster=form.getlist("roster"),
        never_scanned=form.get("never_scanned", "HIGH"),
    )


def _posted_rule(form: QueryDict, at: str) -> RuleDraft:
    return RuleDraft(
        id=form.get(f"{at}id", "").strip(),
        verbs=form.get(f"{at}verbs", ""),
        severities=[s for s in SEVERITIES if s in form.getlist(f"{at}severities")],
        roles=[r for r in ROLES if r in form.getlist(f"{at}roles")],
        about=form.get(f"{at}about", "any"),
        who=form.get(f"{at}who", "another"),
        count=form.get(f"{at}count", "1").strip(),
        channel=form.get(f"{at}channel", "ciba"),
        within_s=form.get(f"{at}within_s", "").strip(),
        escalate=bool(form.get(f"{at}escalate")),
        while_pending=form.get(f"{at}while_pending", "hold"),
        on_denial=form.get(f"{at}on_denial", "release"),
        on_expiry=form.get(f"{at}on_expiry", "keep_hold"),
    )


def _count(form: QueryDict, name: str) -> int:
    try:
        return max(0, min(_MOST, int(form.get(name, "0"))))
    except ValueError:
        return 0


def act(draft: Draft, name: str) -> None:
    """Add, move or remove something, as a button of the form says; unknown words do nothing."""
    what, _, place = name.partition("-")
    number = int(place) if place.isdecimal() else None
    if what in {"up", "down"} and number is not None:
        _move(draft.rules, number, what)
        to = number + (1 if what == "down" else -1)
        draft.touched = f"{what}-{max(0, min(len(draft.rules) - 1, to))}"
    elif what == "remove" and number is not None and number < len(draft.rules):
        del draft.rules[number]
        draft.touched = f"remove-{max(0, number - 1)}"
    elif what == "add":
        draft.rules.insert(0, RuleDraft(id=_free(draft), verbs="skill.block", open=True))
        draft.touched = "r0-id"
    elif what == "addgroup":
        draft.groups.append(GroupDraft(name=f"group-{len(draft.groups) + 1}"))
        draft.touched = f"g{len(draft.groups) - 1}-name"
    elif what == "removegroup" and number is not None and number < len(draft.groups):
        del draft.groups[number]
    elif what in {"personup", "persondown"} and number is not None:
        _move(draft.roster, number, what.removeprefix("person"))
    elif what == "personremove" and number is not None and number < len(draft.roster):
        del draft.roster[number]


def _move(things: list[Any], place: int, way: str) -> None:
    other = place + (1 if way == "down" else -1)
    if 0 <= place < len(things) and 0 <= other < len(things):
        things[place], things[other] = things[other], things[place]


def _free(draft: Draft) -> str:
    taken = {rule.id for rule in draft.rules}
    return next(f"rule-{n}" for n in range(1, _MOST + 2) if f"rule-{n}" not in taken)


def people() -> list[tuple[str, str]]:
    """Everybody who could ever approve, as (value, name)."""
    able = [p for p in directory.with_roles() if set(p.roles) & {"operator", "admin"}]
    return [(f"{p.iss} {p.sub}", f"{p} ({', '.join(p.roles)})") for p in able]


def _key(person: PersonRef) -> str:
    return f"{person.iss} {person.sub}"


def _ref(key: str) -> Mapping[str, str]:
    iss, _, sub = key.partition(" ")
    return {"iss": iss, "sub": sub}


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() and len(text) < 10 else text
