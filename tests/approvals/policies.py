"""Policies in force for a test, written as `policy.change` writes them."""

from __future__ import annotations

import secrets
from typing import Any

from approvals import clock, people, policy
from approvals.intent import digest
from approvals.models import Passkey, PolicyVersion
from approvals.policy.document import read
from approvals.policy.versions import InForce
from audit.actor import Actor


def keyed(person: Actor) -> Passkey:
    """A passkey of theirs, as enrolment and a second person leave it."""
    owner = people.find(person.iss, person.sub)
    assert owner is not None
    now = clock.now()
    return Passkey.objects.create(
        handle=secrets.token_hex(11),
        credential_id=secrets.token_hex(16),
        public_key=b"",
        algorithm=-7,
        person=owner,
        rp_id="localhost",
        name="Key",
        attestation="none",
        enrolled=now,
        enrolled_by="",
        approver_since=now,
    )


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
