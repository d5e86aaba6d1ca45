"""The policy in force as sentences, made from the policy itself and the registered verbs."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field

from django.conf import settings

from approvals import policy, registry
from approvals.registry import Stance, Verb
from portal.web.times import duration

_STANCES = {
    Stance.TIGHTEN: "Tightening: at once, and it can be undone",
    Stance.RECORD: "Taking note: at once",
    Stance.FINAL: "Final: asks first when it is grave",
    Stance.LOOSEN: "Loosening: asks first when it is grave",
}
_ORDER = (Stance.TIGHTEN, Stance.RECORD, Stance.FINAL, Stance.LOOSEN)


@dataclass(frozen=True, slots=True)
class Rule:
    """A heading and its sentences."""

    title: str
    sentences: list[str]


@dataclass(frozen=True, slots=True)
class Group:
    """Verbs of one stance, as `(what, who may)`."""

    title: str
    verbs: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy: rules in sentences, verbs by stance, its digest and exact text."""

    rules: list[Rule]
    groups: list[Group]
    digest: str
    text: str


def in_force() -> InForce:
    """The policy that the next decision will meet."""
    now = policy.current()
    return InForce(
        rules=[_when_asked(now), _meanwhile(now), _afterwards(now)],
        groups=_groups(),
        digest=policy.policy_digest(),
        text=json.dumps(now, indent=2, sort_keys=True),
    )


def _approver(how: dict[str, str]) -> str:
    if how["approver"] == "self":
        return "whoever asks approves it on their own phone"
    return (
        "another person with the role approves it; where nobody else has it, the one who asks "
        "may, and the record says single-person"
    )


def _when_asked(now: dict[str, dict[str, dict[str, str]]]) -> Rule:
    sentences = [
        "What tightens or only takes note is committed at once, whatever its severity.",
        "What is your own you decide about at once.",
        *(
            f"Something final or loosening at severity {severity}: {_approver(how)}."
            for severity, how in now["step_up"].items()
        ),
        "At any other severity it is committed at once.",
        "Severity is the highest of open findings, the latest scan and what the caller says: "
        "a caller may raise it, never lower it.",
        f"Loosening something that was never scanned counts as {now['never_scanned_loosening']}.",
        f"An act on other people’s things: {_approver(now['about_others'])}.",  # type: ignore[arg-type]
        "A CRITICAL finding asks by itself: a person of the role is asked, on call first.",
    ]
    return Rule("When somebody has to approve", sentences)


def _meanwhile(now: dict[str, str]) -> Rule:
    given = duration(settings.STEP_UP_EXPIRY_S)
    held = (
        "Meanwhile it is held: visibly, and only until there is an answer."
        if now["while_pending"] == "hold"
        else "Meanwhile nothing changes."
    )
    return Rule(
        "While it waits",
        [f"The asked person has {given} to answer on their phone.", held],
    )


def _afterwards(now: dict[str, str]) -> Rule:
    denied = "the hold ends" if now["on_denial"] == "release" else "the hold stays"
    silent = (
        "the hold stays until somebody decides"
        if now["on_expiry"] == "keep_hold"
        else "the hold ends"
    )
    return Rule(
        "After the answer",
        [
            "Approved: it is committed, if what was approved is still true; else it fails.",
            f"Denied: nothing is committed and {denied}, once the denial is proven.",
            f"No answer: the next on call is asked; after the last one {silent}.",
        ],
    )


def _groups() -> list[Group]:
    by_stance: dict[Stance, dict[tuple[str, str], list[str]]] = defaultdict(dict)
    for name in registry.names():
        verb = registry.get(name)
        key = (verb.label, _who_may(verb))
        kinds = by_stance[verb.stance].setdefault(key, [])
        kinds += [kind.replace("_", " ") for kind in sorted(verb.target_kinds)]
    return [
        Group(
            _STANCES[stance],
            [(f"{label} {_list(kinds)}", who) for (label, who), kinds in by_stance[stance].items()],
        )
        for stance in _ORDER
        if by_stance[stance]
    ]


def _who_may(verb: Verb) -> str:
    roles = " or ".join(sorted(verb.roles))
    if verb.owns is None:
        return roles
    return f"its owner, or {roles}" if roles else "its owner"


def _list(kinds: list[str]) -> str:
    unique = sorted({"MCP server" if kind == "mcp" else kind for kind in kinds})
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"
