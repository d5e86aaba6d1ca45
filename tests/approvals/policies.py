"""Policies in force for a test, written as `policy.change` writes them."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import transaction

from approvals import actor_json, clock, people_and_roles, policy, registry
from approvals.models import Passkey, PolicyVersion
from approvals.pipeline.commit import commit_now
from approvals.pipeline.intent import digest
from approvals.policy.document import read
from approvals.policy.policy_change import TARGET
from approvals.policy.policy_in_force import InForce
from audit.clock import uuid7
from audit.recording.actors import SYSTEM, Actor
from audit.recording.record import record


def keyed(person: Actor) -> Passkey:
    """A passkey of theirs, as enrolment and a second person leave it."""
    owner = people_and_roles.find(person.iss, person.sub)
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


def changed_by(actor: Actor, *rules: dict[str, Any], **more: Any) -> InForce:
    """Put a policy in force as `policy.change` commits it once everybody approved."""
    params = {"document": document(*rules, **more), "base": policy.policy_digest()}
    with transaction.atomic():
        commit_now(
            verb=registry.get("policy.change"),
            actor=actor,
            target=TARGET,
            params=params,
            reason="",
            severity="CRITICAL",
            operation=str(uuid7()),
            intent_hash="",
        )
    return policy.in_force()


def in_force(*rules: dict[str, Any], **more: Any) -> InForce:
    """Put a policy in force, without asking anybody."""
    put(read(document(*rules, **more)).as_json())
    return policy.in_force()


def put(made: dict[str, Any]) -> None:
    """Put a document in force whatever the door would say, with the event of its change."""
    before, after, operation = policy.policy_digest(), digest(made), str(uuid7())
    with transaction.atomic():
        data = {"before": before, "after": after, "number": made["number"]}
        event = record(SYSTEM, "policy.changed", target=TARGET, operation=operation, data=data)
        PolicyVersion.objects.create(
            digest=after,
            document=made,
            created=clock.now(),
            operation=operation,
            event_id=event.id,
            author=actor_json.to_json(SYSTEM),
        )
