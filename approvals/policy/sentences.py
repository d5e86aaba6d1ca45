"""The policy in English: each rule as one sentence, and what applied to one approval.

The page, the phone's instruction, the audit trail and the dry run all speak from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from approvals import registry
from approvals.policy.document import PUSH_UP_TO_S, Document, Group, Rule
from approvals.policy.first_matching_rule import is_about
from approvals.registry import Stance, Verb

_KINDS: Final = {
    "skill": "a skill",
    "mcp": "an MCP server",
    "plugin": "a plugin",
    "tool": "a tool",
    "alert": "an alert",
    "connection": "a connection",
    "selection": "a connection",
    "policy": "the policy",
    "passkey": "a passkey",
    "manifest": "a manifest",
    "outpost": "an outpost",
    "gateway": "a gateway",
    "person": "a person",
    "agent": "an agent",
    "scope": "a permission",
    "grant": "a consent to an application",
    "refresh_token": "a refresh token",
    "subject": "a person’s data",
    "legal_hold": "a legal hold",
}
_SCANNED: Final = frozenset({"skill", "mcp", "plugin", "tool", "alert"})
_DOUBLED: Final = {"enrol": "Enrolling", "hold": "Holding", "lift": "Lifting", "open": "Opening"}
CHANNELS: Final = {
    "ciba": "by phone",
    "passkey": "with a passkey",
    "both": "by phone and with a passkey",
    "either": "by phone or with a passkey",
}
_OWNER_FIRST: Final = "If the owner or the next approver does not answer, nothing changes."
_ANY: Final = "any decision that is final or relaxes something"
_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def sentence(rule: Rule, document: Document, expiry_s: int) -> str:
    """One rule as one sentence; `expiry_s` is the time given where the rule names none."""
    what = situations(rule)
    if rule.approver == "none":
        return f"{what}: committed at once."
    within_s = rule.within_s or expiry_s
    return (
        f"{what}: {_who(rule, document)} {_verb_of(rule)} {channel(rule.channel, within_s)} "
        f"within {duration(within_s)}; {_meanwhile(rule)}; {_silence(rule)}; {_denied(rule)}."
    )


def situations(rule: Rule) -> str:
    """What a rule is about, with its severities: `Any decision that is final or relaxes something
    at severity HIGH`."""
    return f"{_what(rule)}{_severities(rule)}{_requesters(rule)}"


def applies_to(rule: Rule) -> str:
    """What a rule is about, without its severities."""
    return f"{_what(rule)}{_requesters(rule)}"


def matches(rule: Rule) -> str:
    """What a rule is about in few words, such as `Severity CRITICAL`."""
    severities = f"severity {listing(list(rule.severities), 'or')}" if rule.severities else ""
    said = ", ".join(part for part in (_matched(rule), severities) if part) or "any decision"
    roles = listing([f"{article(role)} {role}" for role in rule.roles], "or")
    people = roles or ("a person" if rule.automatic is False else "")
    return said[:1].upper() + said[1:] + (f", requested by {people}" if people else "")


def called(kind: str) -> str:
    """A kind of target with its article, such as `an MCP server`."""
    return _KINDS.get(kind, f"{article(kind)} {kind.replace('_', ' ')}")


def named(kind: str, name: str) -> str:
    """A target by its kind and name, such as `MCP server github-mcp`."""
    return f"{called(kind).partition(' ')[2]} {name}"


def group_sentence(name: str, group: Group, named: Mapping[tuple[str, str], str]) -> str:
    """Who is in a group; `named` gives display names by identity."""
    if group.role:
        return f"{name}: everyone who is {article(group.role)} {group.role}."
    people = [named.get((p.iss, p.sub), p.sub) for p in group.people]
    return f"{name}: {listing(people, 'and')}."


def duration(seconds: int) -> str:
    """`5 minutes`, `90 seconds`, `2 hours`."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"


def channel(name: str, within_s: int) -> str:
    """How it is answered; what takes longer than a push is mailed by Auth0."""
    words = CHANNELS.get(name or "ciba", name)
    return words.replace("by phone", "by e-mail") if within_s > PUSH_UP_TO_S else words


def listing(words: Sequence[str], last: str) -> str:
    """`a, b or c`."""
    if len(words) < 2:  # one word needs no comma
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def _what(rule: Rule) -> str:
    if rule.automatic:
        which = "" if "*" in rule.verbs else f": {_acts(rule)}"
        return f"What a finding requests automatically{which}{_whose(rule)}"
    if "*" in rule.verbs:
        asked = ", requested by a person," if rule.automatic is False else ""
        about = _whose(rule).replace(" that is", " about what is")
        return f"Any decision that is final or relaxes something{asked}{about}".rstrip(",")
    asked = " that a person asks for" if rule.automatic is False else ""
    words = _acts(rule)
    return words[:1].upper() + words[1:] + _whose(rule) + asked


def _matched(rule: Rule) -> str:
    """What a rule is about, without severities and requesters; empty where that is anything."""
    acts = "" if "*" in rule.verbs else _acts(rule).replace(f"{_ANY} about", "decisions about")
    if rule.automatic:
        acts = f"automatic requests from findings{f': {acts}' if acts else ''}"
    if rule.others is None:
        return acts
    whose = "what another person restricted or owns"
    if acts:
        return f"{acts}, where it {'concerns' if rule.others else 'does not concern'} {whose}"
    return f"anything {'about' if rule.others else 'but'} {whose}"


def _whose(rule: Rule) -> str:
    if rule.others is None:
        return ""
    return " that is another person’s" if rule.others else " that is not another person’s"


def _acts(rule: Rule) -> str:
    by_act: dict[str, list[str]] = {}
    for pattern in rule.verbs:
        kind, _, act = pattern.partition(".")
        by_act.setdefault(act, []).append(kind)
    parts = [_act(act, kinds) for act, kinds in by_act.items()]
    return listing(parts, "or")


def _act(act: str, kinds: list[str]) -> str:
    things = "anything" if "*" in kinds else listing([called(k) for k in kinds], "or")
    if act == "*":
        return f"{_ANY} about {things}"
    return f"{_gerund(act).lower()} {things}"


def _gerund(act: str) -> str:
    plain = act.replace("_", " ")
    if plain in _DOUBLED:
        return _DOUBLED[plain]
    return plain.removesuffix("e").capitalize() + "ing"


def _severities(rule: Rule) -> str:
    if not rule.severities:
        return ""
    words = listing(list(rule.severities), "or")
    kinds = {pattern.partition(".")[0] for pattern in rule.verbs}
    if kinds <= _SCANNED:
        return f" with {article(words)} {words} finding"
    return f" at severity {words}"


def _requesters(rule: Rule) -> str:
    if not rule.roles:
        return ""
    words = listing([f"{article(role)} {role}" for role in rule.roles], "or")
    return f", asked for by {words}"


def _who(rule: Rule, document: Document) -> str:
    if rule.approver == "self":
        return "the one who asks"
    if rule.approver == "group":
        group = document.groups[rule.group]
        of = f"{group.role}s" if group.role else f"the {len(group.people)} in {rule.group}"
        if group.role:
            of = f"the {of} ({rule.group})"
        return f"{_NUMBERS[rule.count]} of {of}, all asked at once,"
    roles = roles_of(rule)
    return f"another {roles}" if roles else "another person with the role"


def approver(rule: Rule, document: Document) -> str:
    """Who approves, such as `another operator`."""
    if rule.approver == "none":
        return "no one, at once"
    return _who(rule, document).removesuffix(", all asked at once,")


def _verb_of(rule: Rule) -> str:
    return "approve" if rule.approver == "group" and rule.count > 1 else "approves"


def roles_of(rule: Rule) -> str:
    """The one role whose holders decide about all that the rule is about; empty when several."""
    if any("*" in pattern.partition(".")[0] for pattern in rule.verbs):
        return ""
    roles = {
        role
        for name in registry.names()
        for pattern in rule.verbs
        if _matches(pattern, name)
        for role in registry.get(name).roles
    }
    return next(iter(roles)) if len(roles) == 1 else ""


def _matches(pattern: str, name: str) -> bool:
    kind, _, act = pattern.partition(".")
    return name.partition(".")[0] == kind and act in {"*", name.partition(".")[2]}


def _about(rule: Rule) -> list[Verb]:
    """The registered decisions that a rule can apply to."""
    found = [registry.get(name) for name in registry.names() if is_about(rule, name)]
    return [verb for verb in found if verb.stance in {Stance.FINAL, Stance.LOOSEN}]


def holds(rule: Rule) -> bool:
    """Whether anything that a rule is about can be held, and is."""
    return rule.while_pending == "hold" and any(verb.hold for verb in _about(rule))


def holds_only_some(rule: Rule) -> bool:
    """Whether something that a rule is about cannot be held."""
    return not all(verb.hold for verb in _about(rule))


def _meanwhile(rule: Rule) -> str:
    if not holds(rule):
        return "nothing changes meanwhile"
    if not holds_only_some(rule):
        return "held meanwhile"
    return f"{what_is_held(rule)} is on hold meanwhile, and nothing else changes"


def what_is_held(rule: Rule) -> str:
    """`what is to be blocked`, by kinds where an act holds only those."""
    kinds: dict[str, list[str]] = {}
    others = set()
    for verb in _about(rule):
        kind, _, act = verb.name.partition(".")
        if verb.hold:
            kinds.setdefault(act, []).append(_KINDS.get(kind, f"a {kind}"))
        else:
            others.add(act)
    parts = []
    for act, named in kinds.items():
        which = listing(list(dict.fromkeys(named)), "or") if act in others else "what is"
        parts.append(f"{which} to be {act.removesuffix('e')}ed")
    return listing(parts, "or")


def _hold_of(rule: Rule) -> str:
    return "that hold" if holds_only_some(rule) else "the hold"


def _silence(rule: Rule) -> str:
    end = f"{_hold_of(rule)} {'stays' if rule.on_expiry == 'keep_hold' else 'ends'}"
    end = end if holds(rule) else "nothing is committed"
    if rule.approver == "another" and rule.escalate:
        return f"if no one answers the next on call is asked, and after the last {end}"
    return f"if no one answers {end}"


def _denied(rule: Rule) -> str:
    if not holds(rule):
        return "a denial ends the request"
    return f"a denial {'ends' if rule.on_denial == 'release' else 'keeps'} {_hold_of(rule)}"


def article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"


# What applied to one approval, from the rule that is kept with it.


def in_words(
    rule: Mapping[str, Any], verb: Verb | None, within: str, *, automatic: bool = False
) -> str:
    """A decision as a sentence that people read on the approval page; `within` is "5 min",
    `automatic` that a finding requests it, no person."""
    label = verb.label if verb else "This"
    if rule["kind"] != "require":
        return f"{label} applies immediately."
    held = _held_until_then(verb) if rule["while_pending"] == "hold" else ""
    who = who_approves(rule, automatic=automatic)
    return (
        f"{label} at severity {rule['severity']}: {who} within {within}. "
        f"{held}{if_nobody_answers(rule)}"
    )


def _held_until_then(verb: Verb | None) -> str:
    asked = verb is not None and verb.holds_elsewhere
    return "Gateways are asked to hold it until then. " if asked else "On hold until then. "


def who_approves(rule: Mapping[str, Any], *, automatic: bool = False) -> str:
    """Whose approval the rule wants, such as `an operator other than the one who asked approves
    by phone`. Where a finding requests it (`automatic`), there is nobody to be other than."""
    then = _then(rule, automatic)
    return f"first its owner, then {then}" if rule.get("first") else then


def _then(rule: Mapping[str, Any], automatic: bool) -> str:
    how = channel(str(rule.get("channel") or "ciba"), int(rule.get("within_s") or 0))
    if rule["approver"] == "self":
        own = how.replace("by phone", "on their own phone").replace("with a", "with their own")
        return f"the one who asked approves {own}"
    count = int(rule.get("count") or 1)
    if rule["approver"] == "group":
        of = f"{_NUMBERS[count]} of the group {rule.get('group')}"
        never = "" if automatic else ", never the one who asked,"
        return f"{of}{never} {'approve' if count > 1 else 'approves'} {how}"
    roles = " or ".join(rule["approver_roles"]) or "owner"
    other = "" if automatic else " other than the one who asked"
    return f"{article(roles)} {roles}{other} approves {how}"


def who_is_next(rule: Mapping[str, Any]) -> str:
    """Who is asked after the first person, such as `an admin or operator`."""
    count = int(rule.get("count") or 1)
    if rule["approver"] == "group":
        return f"{_NUMBERS[count]} of the group {rule.get('group')}"
    roles = " or ".join(rule["approver_roles"]) or "another person"
    return roles if roles == "another person" else f"{article(roles)} {roles} other than the owner"


def if_nobody_answers(rule: Mapping[str, Any]) -> str:
    """What the rule does when time runs out."""
    return _OWNER_FIRST if rule.get("first") else f"If no one answers, {_without_answer(rule)}."


def after_no_answer(rule: Mapping[str, Any], hold: str = "the hold") -> str:
    """What follows no answer, below a heading that names that; `hold` as a sentence before names
    it."""
    said = _without_answer(rule).replace("the hold", hold)
    return _OWNER_FIRST if rule.get("first") else f"{said[:1].upper()}{said[1:]}."


def _without_answer(rule: Mapping[str, Any]) -> str:
    escalates = rule["approver"] == "another" and rule.get("escalate", True)
    following = "the next on call is asked, and after the last one " if escalates else ""
    if rule["while_pending"] != "hold":
        ending = "nothing changes"
    elif rule["on_expiry"] == "keep_hold" or rule.get("signed_denial"):
        ending = "the hold stays until someone decides"
    else:
        ending = "the hold ends"
    return f"{following}{ending}"


def hold_when_denied(rule: Mapping[str, Any], hold: str = "The hold") -> str:
    """What a denial does to the hold that the request placed."""
    ends = rule["on_denial"] == "release"
    return f"{hold} ends once the denial is proven." if ends else f"{hold} stays."


def if_denied(rule: Mapping[str, Any], verb: Verb | None) -> str:
    """What a denial does: to the thing, and to the hold that the request placed."""
    said = (verb.if_denied if verb else "") or "Nothing is committed."
    if rule.get("while_pending") != "hold":
        return said
    asked = verb is not None and verb.holds_elsewhere
    held, it = ("A hold was asked for", "it") if asked else ("On hold meanwhile", "the hold")
    if rule.get("on_denial") != "release":
        return f"{said} {held}; a denial does not end {it}."
    if rule.get("signed_denial"):
        return f"{said} {held}; a denial signed with a passkey ends {it}."
    return f"{said} {held}; a denial ends {it} once it is proven."
