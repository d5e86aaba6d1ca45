"""The policy: a document that says who approves what, and the pure function that applies it.

`document` is its shape, `minimum` what none goes below, `evaluation` what applies to an act,
`sentences` how it reads, `diff` what a change changes, `single_decision_dry_run`
tries one, `policy_in_force` has the one in force.
"""

from __future__ import annotations

from approvals.policy import evaluation, policy_in_force
from approvals.policy.document import Document
from approvals.policy.evaluation import Decision, may
from approvals.policy.policy_in_force import InForce, in_force
from approvals.policy.sentences import (
    duration,
    if_denied,
    if_nobody_answers,
    in_words,
    who_approves,
)
from approvals.registry import Verb
from audit.recording.actors import Actor, Target

__all__ = [
    "Decision",
    "InForce",
    "current",
    "decide",
    "duration",
    "if_denied",
    "if_nobody_answers",
    "in_force",
    "in_words",
    "may",
    "policy_digest",
    "who_approves",
]


def current() -> Document:
    """The policy in force."""
    return policy_in_force.in_force().document


def policy_digest() -> str:
    """Digest of the policy in force, repeated in every intent."""
    return policy_in_force.in_force().digest


def decide(
    actor: Actor, verb: Verb, target: Target, severity: str, under: InForce | None = None
) -> Decision:
    """Refuse, commit at once, or require a step-up, under the policy in force (or `under`)."""
    policy = under or policy_in_force.in_force()
    return evaluation.decide(policy.document, actor, verb, target, severity)
