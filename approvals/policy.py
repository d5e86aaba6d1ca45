"""What must happen before an act commits: a pure function of who, what, on what and how bad.

Tightening is immediate and reversible; step-up guards what is final or loosening (DESIGN 1.3.2).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.conf import settings

from approvals.intent import digest
from approvals.registry import Stance, Verb
from audit.actor import Actor, Target

Kind = Literal["refuse", "commit", "require"]
Approver = Literal["self", "another", "group", ""]

DEFAULT_POLICY: dict[str, Any] = {
    "schema": "ata.policy.v1",
    "step_up": {
        "HIGH": {"approver": "self", "channel": "ciba"},
        "CRITICAL": {"approver": "another", "channel": "ciba"},
    },
    "about_others": {"approver": "another", "channel": "ciba"},
    "while_pending": "hold",
    "on_denial": "release",
    "on_expiry": "keep_hold",
    "never_scanned_loosening": "HIGH",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of the policy, kept whole with each approval."""

    kind: Kind
    code: str = ""  # why it is refused
    severity: str = "LOW"
    approver: Approver = ""
    channel: str = ""
    approver_roles: tuple[str, ...] = ()
    while_pending: str = ""
    on_denial: str = ""
    on_expiry: str = ""
    rule: str = ""  # id of the rule that applied
    count: int = 1
    group: str = ""
    within_s: int = 0  # seconds that a person has to answer
    escalate: bool = True

    def as_json(self) -> dict[str, Any]:
        """Plain JSON for the approval row."""
        return asdict(self) | {"approver_roles": list(self.approver_roles)}


def current() -> dict[str, Any]:
    """The policy in force."""
    return DEFAULT_POLICY


def policy_digest() -> str:
    """Digest of the policy in force, repeated in every intent."""
    return digest(current())


def may(actor: Actor, verb: Verb, target: Target) -> bool:
    """Whether the actor's role, or owning the target, allows the verb at all."""
    return bool(verb.roles & actor.roles) or _owns(actor, verb, target)


def _owns(actor: Actor, verb: Verb, target: Target) -> bool:
    return verb.owns is not None and verb.owns(actor, target)


def decide(actor: Actor, verb: Verb, target: Target, severity: str) -> Decision:
    """Refuse, commit at once, or require a step-up.

    An automatic ask (no subject) always requires a person of the verb's roles.
    """
    policy = current()
    automatic = not actor.sub
    if not automatic and not may(actor, verb, target):
        return Decision("refuse", code="not_permitted", severity=severity)
    if automatic:
        return _require(verb, severity, policy["step_up"]["CRITICAL"], policy)
    if verb.stance in {Stance.TIGHTEN, Stance.RECORD} or _owns(actor, verb, target):
        return Decision("commit", severity=severity)
    if verb.about_others(actor, target):
        return _require(verb, severity, policy["about_others"], policy)
    step_up = policy["step_up"].get(severity)
    if step_up is None:
        return Decision("commit", severity=severity)
    return _require(verb, severity, step_up, policy)


def _require(verb: Verb, severity: str, how: dict[str, Any], policy: dict[str, Any]) -> Decision:
    return Decision(
        "require",
        severity=severity,
        approver=how["approver"],
        channel=how["channel"],
        approver_roles=tuple(sorted(verb.roles)),
        while_pending=policy["while_pending"] if verb.hold else "open",
        on_denial=policy["on_denial"],
        on_expiry=policy["on_expiry"],
        within_s=settings.STEP_UP_EXPIRY_S,
    )


def in_words(rule: dict[str, Any], verb: Verb | None, within: str) -> str:
    """A decision as a sentence that people read on the approval page; `within` is "5 min"."""
    label = verb.label if verb else "This"
    if rule["kind"] != "require":
        return f"{label} commits at once."
    held = "Held meanwhile. " if rule["while_pending"] == "hold" else ""
    return (
        f"{label} at severity {rule['severity']}: {who_approves(rule)} within {within}. "
        f"{held}{if_nobody_answers(rule)}"
    )


def who_approves(rule: dict[str, Any]) -> str:
    """Whose approval the rule wants, such as `an operator other than the one who asked approves
    by phone`."""
    if rule["approver"] == "self":
        return "the one who asked approves on their own phone"
    roles = " or ".join(rule["approver_roles"]) or "owner"
    article = "an" if roles[0] in "aeiou" else "a"
    return f"{article} {roles} other than the one who asked approves by phone"


def if_nobody_answers(rule: dict[str, Any]) -> str:
    """What the rule does when time runs out."""
    following = (
        "" if rule["approver"] == "self" else "the next on call is asked, and after the last one "
    )
    if rule["while_pending"] != "hold":
        ending = "nothing changes"
    elif rule["on_expiry"] == "keep_hold":
        ending = "the hold stays until somebody decides"
    else:
        ending = "the hold ends"
    return f"If nobody answers, {following}{ending}."
