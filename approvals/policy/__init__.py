"""The policy: a document that says who approves what, and the pure function that applies it.

`document` is its shape, `minimum` what none goes below, `evaluation` what applies to an act,
`sentences` how it reads, `diff` what a change changes, `single_decision_dry_run`
tries one, `policy_in_force` has the one in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from approvals.models import Channel
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
    who_is_next,
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
    "who_is_next",
]


def current() -> Document:
    """The policy in force."""
    return policy_in_force.in_force().document


def policy_digest() -> str:
    """Digest of the policy in force, repeated in every intent."""
    return policy_in_force.in_force().digest


def decide(
    actor: Actor,
    verb: Verb,
    target: Target,
    severity: str,
    under: InForce | None = None,
    params: Mapping[str, Any] | None = None,
) -> Decision:
    """Refuse, commit at once, or require a step-up, under the policy in force (or `under`).

    With `params`, what a phone cannot show whole requires a passkey.
    """
    policy = under or policy_in_force.in_force()
    decision = evaluation.decide(policy.document, actor, verb, target, severity)
    if decision.kind != "require" or params is None or not verb.by_passkey(target, params):
        return decision
    both = decision.channel == Channel.BOTH
    return decision if both else replace(decision, channel=Channel.PASSKEY.value)
