"""Who approved, from what they signed and not from rows (DESIGN 1.3.4).

Where several people or both channels have to approve, most of it was said earlier and is remembered
in the database. Somebody who writes there could add a voice; so before anything commits each voice
is verified again: the approval token or the passkey's assertion of that very person, over this very
intent. Bodies come from the evidence store, whose keys are not in the database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from approvals.models import Approval, Ask, Channel
from approvals.passkeys import verifier_trust_file
from approvals.step_up import authorization_details, owner_must_approve_first
from audit.evidence import storage
from audit.ledger import issuer_token_verification, passkey_assertions
from audit.ledger.issuer_token_verification import TokenError
from audit.ledger.passkey_assertions import AssertionFailed

UNPROVEN: Final = "approver_unproven"
WORDS: Final = (
    "Someone is said to have approved this, and neither Auth0 nor a passkey of theirs signed it. "
    "Where several have to approve, each has to sign: check that the tenant returns "
    "authorization_details in its tokens. If it does, someone wrote into the database."
)

type Identity = tuple[str, str]


def several_voices(approval: Approval) -> bool:
    """Whether more than one answer makes this approval, so that some come from rows."""
    return (
        owner_must_approve_first.needed(approval) > 1
        or approval.rule.get("channel") == Channel.BOTH
    )


def unproven(approval: Approval, approved: Iterable[Ask], fresh: Ask) -> bool:
    """Whether a voice that counts is not proven by its own signature.

    Args:
        approved: complete asks, one a person.
        fresh: the ask whose answer was verified just now. Where it is the only voice it may be one
            with unsigned details, which is labelled and no more than a sign-in.
    """
    several, people = several_voices(approval), set()
    for ask in approved:
        verified = ask.pk == fresh.pk and not several
        if not verified and not _is_proven(approval, ask):
            return True
        people.add((ask.person.iss, ask.person.sub))
    return len(people) < owner_must_approve_first.needed(approval)


def _is_proven(approval: Approval, ask: Ask) -> bool:
    wanted = {
        Channel.CIBA: {"ciba"},
        Channel.PASSKEY: {"passkey"},
        Channel.BOTH: {"ciba", "passkey"},
    }.get(Channel(ask.channel))
    said = {by for by, answer in ask.answers.items() if answer.get("decision") == "approve"}
    person = (ask.person.iss, ask.person.sub)
    proven = {by for by in said if person in set(_signers(approval, ask, by))}
    return wanted <= proven if wanted else bool(proven)


def _signers(approval: Approval, ask: Ask, channel: str) -> Iterable[Identity]:
    """Who signed that they approve this intent, by what the answer of a channel refers to."""
    references = {one["digest"]: one["kind"] for one in ask.answers[channel].get("evidence", ())}
    for digest, body in storage.bodies(references).items():
        found: Identity | None = None
        if channel == "ciba" and references[digest] == "approval_token":
            found = _by_issuer(body, ask)
        elif channel == "passkey" and references[digest] == "assertion":
            found = _by_passkey(body, approval)
        if found:
            yield found


def _by_issuer(body: bytes, ask: Ask) -> Identity | None:
    try:
        claims = issuer_token_verification.claims(body, storage.IssuerKeys())
    except TokenError:
        return None
    if not authorization_details.same(_details(claims), authorization_details.for_ask(ask)):
        return None
    return str(claims.get("iss")), str(claims.get("sub"))


def _details(claims: Mapping[str, Any]) -> Any:
    found = claims.get("authorization_details")
    if not isinstance(found, str):
        return found
    try:
        return json.loads(found)
    except ValueError:
        return None


def _by_passkey(body: bytes, approval: Approval) -> Identity | None:
    try:
        found = passkey_assertions.verify(body, approval.intent_hash, verifier_trust_file.trusted())
    except AssertionFailed:
        return None
    if (found.approval_id, found.decision) != (str(approval.pk), "approve"):
        return None
    owner = (found.passkey.iss, found.passkey.sub)
    own = owner == (approval.requester_iss, approval.requester_sub)
    return owner if own or found.passkey.approver_since else None
