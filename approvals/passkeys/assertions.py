"""An answer signed with a passkey (WebAuthn Level 2 section 7.2) to a request that waits.

The authenticator signs SHA-256 of the intent, the approval, the role and the answer; so what it
signed fits this request and this answer only, and verifies without us. Every refusal of a signature
is an event: somebody tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from django.db import transaction

from approvals import audit_events, cancel_resend_confirm_denial, clock
from approvals.errors import Refused
from approvals.models import Approval, Ask, Passkey
from approvals.passkeys import relying_party, verifier_trust_file
from approvals.pipeline import deny_expire_cancel, locks
from approvals.step_up import take_ciba_or_passkey_answer
from audit.evidence import storage
from audit.ledger import passkey_assertions
from audit.ledger.format.canonical import canonical
from audit.ledger.passkey_assertions import AssertionFailed
from audit.recording.actors import Actor

APPROVER_ROLE: Final = "approver"
LONGEST: Final = 16_384  # bytes of an answer as evidence
_FIELDS: Final = ("clientDataJSON", "authenticatorData", "signature")
_COUNTER: Final = slice(33, 37)  # of the authenticator data (section 6.1)

_PAST: Final = {"approve": "approved", "deny": "denied"}

type Said = Literal["approve", "deny"]


class _Refusal(Exception):
    """This signature does not answer this request."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def challenge(approval: Approval, decision: str) -> bytes:
    """What the authenticator of the asked person signs for this answer."""
    return passkey_assertions.challenge(
        intent_hash=approval.intent_hash,
        approval_id=str(approval.id),
        role=APPROVER_ROLE,
        decision=decision,
    )


def give(
    person: Actor,
    approval_id: str,
    decision: Said,
    credential: Mapping[str, Any],
    reason: str = "",
) -> Approval:
    """Take a signed answer of the asked person.

    Args:
        credential: `AuthenticationResponseJSON` from `navigator.credentials.get`.
        reason: what the person typed for a denial; it is not part of what they sign.

    Raises:
        Approval.DoesNotExist: no such request, or not for this person to see.
        Refused: `malformed_passkey`, or `not_asked` where nobody was asked yet, without an event;
            any other refusal is on the trail.
    """
    cancel_resend_confirm_denial.visible_to(person, approval_id)
    clean = _clean(credential)
    with transaction.atomic(durable=True):
        approval = locks.locked(approval_id)
        ask = _asked(approval, person)
        refused = (
            _take(approval, ask, person, decision, clean, reason)
            if ask
            else _not_asked(approval, person, decision)
        )
    if refused:  # only now: the event that says so is committed
        raise Refused(refused.code, refused.detail)
    return approval


def _not_asked(approval: Approval, person: Actor, decision: Said) -> _Refusal:
    """Somebody who may look, and was not asked, sent an answer."""
    if (current := approval.current) is not None:
        audit_events.answer_refused(approval, current, person, "not_asked", _PAST[decision])
    return _Refusal("not_asked", "Only the person who was asked can answer this.")


def _take(
    approval: Approval,
    ask: Ask,
    person: Actor,
    decision: Said,
    credential: Mapping[str, Any],
    reason: str,
) -> _Refusal | None:
    said = _PAST[decision]
    try:
        key, body = _check(approval, ask, decision, credential)
    except _Refusal as refusal:
        audit_events.answer_refused(approval, ask, person, refusal.code, said)
        return refusal
    if decision == "deny" and deny_expire_cancel.waits_for_signed_denial(approval, person):
        kept = storage.put("assertion", body, subject_key=person.key)
        deny_expire_cancel.sign_denial(approval, ask, person, [kept], reason)
        _remember_use(key, body)
        return None
    if clock.now() >= ask.expires_at:
        audit_events.answered_too_late(approval, ask, person, said)
        return _Refusal("expired", "The time to answer is over. Nothing was committed.")
    kept = storage.put("assertion", body, subject_key=person.key)
    code = take_ciba_or_passkey_answer.give(
        approval,
        ask,
        person,
        channel="passkey",
        decision=decision,
        signed=True,
        evidence=[kept],
        source="the asked person's passkey",
        reason=reason,
    )
    if code:
        return _Refusal(code, take_ciba_or_passkey_answer.REFUSALS[code])
    _remember_use(key, body)
    return None


def _remember_use(key: Passkey, body: bytes) -> None:
    """Remember the counter too, since only a copy of the key could make it go back."""
    key.sign_count, key.last_used = _count(body), clock.now()
    key.save(update_fields=["sign_count", "last_used"])


def _asked(approval: Approval, person: Actor) -> Ask | None:
    """The newest ask to this person: the one whose code they see."""
    asks = approval.asks.filter(person__iss=person.iss, person__sub=person.sub)
    ask = asks.select_related("person").order_by("-number").first()
    if ask is not None:
        ask.approval = approval
    return ask


def why_not(approval: Approval, ask: Ask, key: Passkey) -> str:
    """The code of why this key cannot answer this ask; empty when it can."""
    if key.person_id != ask.person_id:
        return "passkey_of_another"
    if key.revoked_at is not None:
        return "passkey_revoked"
    if key.enrolled > approval.created:
        return "passkey_too_new"
    own = (approval.requester_iss, approval.requester_sub) == (ask.person.iss, ask.person.sub)
    if not own and key.approver_since is None:
        return "passkey_for_own_requests"
    return ""


WORDS: Final = {
    "passkey_unknown": "This passkey is not enrolled here.",
    "passkey_of_another": "This passkey is another person's.",
    "passkey_revoked": "This passkey is revoked.",
    "passkey_too_new": "This passkey was enrolled after the request was made, so it cannot answer "
    "it. Answer on the phone, or with an older passkey.",
    "passkey_for_own_requests": "This passkey counts for your own requests only. A second person "
    "has to confirm it before it approves what others ask for.",
    "passkey_counter": "The counter of this passkey went back, as that of a copy would. Revoke it.",
}
"""Why a passkey cannot answer, by code."""


def _check(
    approval: Approval, ask: Ask, decision: Said, credential: Mapping[str, Any]
) -> tuple[Passkey, bytes]:
    """The key and the evidence body, once everything holds."""
    found = Passkey.objects.select_for_update(of=("self",)).select_related("person")
    key = found.filter(credential_id=credential["id"]).first()
    code = "passkey_unknown" if key is None else why_not(approval, ask, key)
    if key is None or code:
        raise _Refusal(code, WORDS[code])
    body = canonical(
        {
            "approval_id": str(approval.id),
            "decision": decision,
            "role": APPROVER_ROLE,
            "credential": credential,
        }
    )
    try:
        trusted = {key.credential_id: verifier_trust_file.as_trusted(key)}
        passkey_assertions.verify(body, approval.intent_hash, trusted, at=clock.now())
    except AssertionFailed as failed:
        raise _Refusal(
            "passkey_signature", f"The passkey's answer does not count: {failed}."
        ) from (failed)
    counted = _count(body)
    if (counted or key.sign_count) and counted <= key.sign_count:
        raise _Refusal("passkey_counter", WORDS["passkey_counter"])
    return key, body


def _count(body: bytes) -> int:
    """The signature counter of a body that was verified; 0 where the authenticator has none."""
    data = passkey_assertions.authenticator_data(body)
    return int.from_bytes(data[_COUNTER])


def _clean(credential: Mapping[str, Any]) -> dict[str, Any]:
    """The signed parts of an answer and nothing else: what is kept forever is what was checked.

    Raises:
        Refused: `malformed_passkey`.
    """
    try:
        response = credential["response"]
        parts = {name: response[name] for name in _FIELDS}
        for text in (credential["id"], *parts.values()):
            relying_party.unb64url(text)
        if credential["type"] != "public-key" or credential["rawId"] != credential["id"]:
            raise ValueError(credential["type"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _malformed() from None
    if sum(map(len, parts.values())) + len(credential["id"]) > LONGEST:
        raise _malformed()
    return {"id": credential["id"], "type": "public-key", "response": parts}


def _malformed() -> Refused:
    return Refused("malformed_passkey", "That is not the answer of a passkey.")
