"""People with passkeys: enrolled through the real decisions, with devices in software."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from approvals.models import Approval, Ask, Passkey, Person, PolicyVersion
from approvals.passkeys import (
    assertions,
    enrol_and_revoke,
    registration_ceremony,
    relying_party,
    sealed_registration,
)
from approvals.pipeline.service import Performed, perform
from approvals.policy.document import DEFAULT, read
from approvals.step_up import authorization_details, take_ciba_or_passkey_answer
from audit.clock import now
from audit.evidence import storage
from audit.ledger import passkey_assertions
from audit.recording.actors import Actor, EvidenceRef, Target
from tests.approvals import policies
from tests.approvals.asking import HALL, fresh
from tests.attacks.sign_in.forging import KEY, Forge, public
from tests.support.authenticator import Authenticator


def device(**more: Any) -> Authenticator:
    """A device that a browser at the portal reaches."""
    return Authenticator(relying_party.rp_id(), relying_party.origin(), **more)


def registered(owner: Actor, at: Authenticator) -> dict[str, str]:
    """The ceremony; returns the parameters of the decision that follows."""
    challenge = registration_ceremony.new_challenge()
    made = registration_ceremony.verify(at.register(challenge), challenge)
    return {"name": "Laptop", "registration": sealed_registration.seal(owner, made)}


def enrol(owner: Actor, at: Authenticator | None = None) -> Authenticator:
    """A passkey of this person, for their own requests."""
    at = at or device()
    perform(owner, "passkey.enrol", target_of(at), params=registered(owner, at))
    return at


def target_of(at: Authenticator, kind: str = enrol_and_revoke.OWN) -> Target:
    """The target that names a device's key."""
    return Target(kind, relying_party.handle_of(at.id))


def key_of(at: Authenticator) -> Passkey:
    """Its row, as the database has it now."""
    return Passkey.objects.get(credential_id=at.id)


def confirmation(owner: Actor, at: Authenticator) -> Approval:
    """The request that another person confirms the key."""
    approval = perform(owner, "passkey.enrol", target_of(at, enrol_and_revoke.APPROVER)).approval
    assert approval is not None
    return approval


def say(approval: Approval, decision: Any, channel: Any = "ciba") -> str:
    """The asked person's answer by phone, as the pipeline takes it."""
    with transaction.atomic():
        locked = fresh(approval)
        ask = locked.current
        assert ask is not None
        ask.approval = locked
        person = ask.person.as_actor(via="phone")
        kept = [phone_token(ask, person)] if decision == "approve" else []
        return take_ciba_or_passkey_answer.give(
            locked, ask, person, channel=channel, decision=decision, signed=True, evidence=kept
        )


def phone_token(ask: Ask, person: Actor) -> EvidenceRef:
    """The approval token of a phone's answer, by a key that stands for the issuer's."""
    storage.put_issuer_keys(person.iss, {"keys": [public(KEY)]})
    moment = int(now().timestamp())
    token = Forge(
        {
            "iss": person.iss,
            "sub": person.sub,
            "iat": moment,
            "exp": moment + 600,
            "authorization_details": authorization_details.for_ask(ask),
        }
    )
    return storage.put("approval_token", token.token().encode(), subject_key=person.key)


def approver_key(owner: Actor, at: Authenticator | None = None) -> Authenticator:
    """A passkey that another person has confirmed."""
    at = enrol(owner, at)
    approval = confirmation(owner, at)
    assert say(approval, "approve") == ""
    assert fresh(approval).outcome == "approved", fresh(approval).outcome_detail
    return at


def answered_by(channel: str, **more: Any) -> None:
    """Put a policy in force whose every rule takes this channel."""
    rules = [{**rule, "channel": channel, **more} for rule in DEFAULT["rules"]]
    document = {**DEFAULT, "number": PolicyVersion.objects.count() + 1, "rules": rules}
    policies.put(read(document).as_json())


def ask(actor: Actor, severity: str = "CRITICAL", name: str = "hall") -> Approval:
    """Ask for something that another person (CRITICAL) or the actor (HIGH) has to approve."""
    target = HALL if name == "hall" else Target("lamp", name)
    done: Performed = perform(actor, "lamp.block", target, severity=severity)
    assert done.approval is not None
    return done.approval


def answer(approval: Approval, at: Authenticator, decision: Any = "approve", **bent: Any) -> Any:
    """What the device answers to the challenge of this request; `bent` changes one thing."""
    role = bent.pop("role", assertions.APPROVER_ROLE)
    said = {
        "intent_hash": bent.pop("intent_hash", approval.intent_hash),
        "approval_id": bent.pop("approval_id", str(approval.id)),
    }
    challenge = passkey_assertions.challenge(role=role, decision=decision, **said)
    return at.sign(challenge, **bent)


def give(person: Actor, approval: Approval, at: Authenticator, decision: Any = "approve") -> None:
    """Sign and send."""
    assertions.give(person, str(approval.id), decision, answer(approval, at, decision))


def asked_of(approval: Approval) -> Person:
    """Whom the newest ask is to."""
    ask = Ask.objects.filter(approval=approval).order_by("-number").first()
    assert ask is not None
    return ask.person
