"""Policies in force for a test, written as `policy.change` writes them."""

from __future__ import annotations

from typing import Any

from approvals import clock, policy
from approvals.intent import digest
from approvals.models import PolicyVersion
from approvals.policy.document import read
from approvals.policy.versions import InForce


def rule(name: str, **more: Any) -> dict[str, Any]:
    """A rule about everything, as an admin would write it."""
    return {"id": name, "verbs": ["*"], "approver": "another"} | more


def document(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The document that follows the one in force."""
    number = policy.current().number + 1
    return {"schema": "ata.policy.v2", "number": number, "rules": list(rules)} | more


def in_force(*rules: dict[str, Any], **more: Any) -> InForce:
    """Put a policy in force, without asking anybody."""
    made = read(document(*rules, **more)).as_json()
    PolicyVersion.objects.create(digest=digest(made), document=made, created=clock.now())
    return policy.in_force()
