"""What must happen before an act commits: a pure function of who, what, on what and how bad.

Tightening is immediate and reversible; step-up guards what is final or loosening (DESIGN 1.3.2).
The document says how; the floor says below what no document goes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from django.conf import settings

from approvals.policy import minimum
from approvals.policy.document import Document, Rule
from approvals.policy.first_matching_rule import Situation, first_match
from approvals.registry import Stance, Verb
from audit.recording.actors import Actor, Target

Kind = Literal["refuse", "commit", "require"]
Approver = Literal["self", "another", "group", ""]
_AT_ONCE = frozenset({Stance.TIGHTEN, Stance.RECORD})


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
    rule: str = ""  # id of the rule that applied; empty where none did
    count: int = 1
    group: str = ""
    people: tuple[dict[str, str], ...] = ()  # whom a group names; empty where a role does
    within_s: int = 0  # seconds that a person has to answer
    escalate: bool = True
    first: dict[str, str] | None = None  # who approves before anybody else is asked
    signed_denial: bool = False  # its hold ends by a denial with a passkey alone

    def as_json(self) -> dict[str, Any]:
        """Plain JSON for the approval row."""
        plain = asdict(self)
        return plain | {
            "approver_roles": list(self.approver_roles),
            "people": [dict(p) for p in self.people],
        }


def may(actor: Actor, verb: Verb, target: Target) -> bool:
    """Whether the actor's role, or owning the target, allows the verb at all."""
    return (
        bool(verb.roles & actor.roles) or owns(actor, verb, target) or verb.may_ask(actor, target)
    )


def owns(actor: Actor, verb: Verb, target: Target) -> bool:
    """Whether the target is the actor's own, as its verb tells."""
    return verb.owns is not None and verb.owns(actor, target)


def situation_of(actor: Actor, verb: Verb, target: Target, severity: str) -> Situation:
    """What rules look at, from who acts on what. An actor without a subject is a finding."""
    automatic = not actor.sub
    return Situation(
        verb=verb.name,
        stance=verb.stance,
        severity=severity,
        roles=actor.roles,
        automatic=automatic,
        others=not automatic and verb.about_others(actor, target),
        owns=not automatic and owns(actor, verb, target),
        proven=verb.stance == Stance.LOOSEN and verb.needs_proof(target),
    )


def decide(document: Document, actor: Actor, verb: Verb, target: Target, severity: str) -> Decision:
    """Refuse, commit at once, or require a step-up.

    An automatic ask (no subject) always requires a person of the verb's roles.
    """
    if actor.sub and not may(actor, verb, target):
        return Decision("refuse", code="not_permitted", severity=severity)
    decision = by_rule(document, verb, situation_of(actor, verb, target, severity))
    return _after(decision, verb, target)


def _after(decision: Decision, verb: Verb, target: Target) -> Decision:
    """The decision with who approves first, where the verb names one, and how its hold ends."""
    if decision.kind != "require":
        return decision
    if verb.hold is not None and verb.needs_proof(target):
        decision = replace(decision, signed_denial=True)
    who = verb.first(target) if verb.first else None
    return decision if who is None else replace(decision, first={"iss": who.iss, "sub": who.sub})


def by_rule(document: Document, verb: Verb, situation: Situation) -> Decision:
    """What the first matching rule asks of somebody who may, lifted to the floor."""
    if not situation.automatic and (situation.stance in _AT_ONCE or situation.owns):
        return Decision("commit", severity=situation.severity)
    _, rule = first_match(document, situation)
    approver = minimum.raised(rule.approver if rule else "none", situation)
    if approver == "none":
        return Decision("commit", severity=situation.severity, rule=rule.id if rule else "")
    return _require(document, verb, situation, rule, approver)


def _require(
    document: Document, verb: Verb, situation: Situation, rule: Rule | None, approver: Any
) -> Decision:
    how = rule or _PLAIN
    roles, people = _who(document, verb, rule if approver == "group" else None)
    return Decision(
        "require",
        severity=situation.severity,
        approver=approver,
        channel=how.channel,
        approver_roles=roles,
        while_pending=how.while_pending if verb.hold else "open",
        on_denial=how.on_denial,
        on_expiry=how.on_expiry,
        rule=how.id if rule else "",
        count=how.count if approver == "group" else 1,
        group=how.group if approver == "group" else "",
        people=people,
        within_s=how.within_s or settings.STEP_UP_EXPIRY_S,
        escalate=how.escalate,
    )


_PLAIN = Rule(id="floor", verbs=["*"], approver="another")
_MAY_APPROVE = ("admin", "operator")


def _who(
    document: Document, verb: Verb, rule: Rule | None
) -> tuple[tuple[str, ...], tuple[dict[str, str], ...]]:
    """Roles that count as approvers, and the people that a group names."""
    own = tuple(sorted(verb.roles))
    if rule is None:
        return own, ()
    group = document.groups[rule.group]
    people = tuple({"iss": p.iss, "sub": p.sub} for p in group.people)
    if minimum.is_guarded(verb.name):
        return own if group.role in {None, *own} else (), people
    return ((group.role,) if group.role else _MAY_APPROVE), people
