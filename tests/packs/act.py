"""An act as it really happens: asked for, approved by somebody else, committed, in the tree.

The tokens are signed by a key that stands for Auth0's, the assertion by one that stands for an
authenticator; everything else is ours and real.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

from audit import clock, packs
from audit.evidence import storage
from audit.ledger import note, passkey_assertions
from audit.ledger.format.canonical import canonical
from audit.ledger.packs import pack_check
from audit.ledger.packs.pack_check_result import PackReport
from audit.ledger.signed_intent_match import digest
from audit.ledger.trust_policy import NONE, Policy
from audit.packs import Built
from audit.proofs import proofs_and_tiles
from audit.recording.actors import Actor, EvidenceRef, Target
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from tests.audit.factories import ISSUER, OLU, ActorFactory

BEN = ActorFactory.build(sub="auth0|ben", name="Ben Backup", email="ben@acme.example", via="phone")
APPROVAL = "01900000-0000-7000-8000-00000000000a"
SKILL = Target("skill", "pdf-exfil", "edge-1")
PASSKEY_ORIGIN = "http://localhost:8000"


@cache
def issuer_key(name: str = "k1") -> RSAKey:
    """A key pair that stands for the issuer's; another name is another key of the same `kid`."""
    return RSAKey.generate_key(2048, {"kid": "k1" if name.startswith("k1") else name})


@cache
def authenticator() -> ec.EllipticCurvePrivateKey:
    """The key inside the person's authenticator."""
    return ec.generate_private_key(ec.SECP256R1())


def jwks(name: str = "k1") -> dict[str, Any]:
    """The issuer's public keys as a verifier gets them from the issuer."""
    return {"keys": [issuer_key(name).as_dict(private=False)]}


def directory() -> dict[str, Any]:
    """The passkeys as a verifier gets them from whoever keeps the enrolments."""
    public = authenticator().public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    long_ago = "2026-01-01T00:00:00.000000Z"
    entry = {
        "id": "cred-1",
        "public_key": b64encode(der).decode(),
        "iss": ISSUER,
        "sub": BEN.sub,
        "rp_id": "localhost",
        "origins": [PASSKEY_ORIGIN],
        "name": "Ben's laptop",
        "enrolled_at": long_ago,
        "enrolled_event": None,
        "approver_since": long_ago,
        "revoked_at": None,
    }
    return {"schema": passkey_assertions.DIRECTORY, "passkeys": [entry]}


def intent_text(
    target: Target = SKILL,
    verb: str = "skill.block",
    *,
    by: Actor = OLU,
    until: str = "2100-01-01T00:00:00Z",
) -> bytes:
    """The canonical intent of the act."""
    said = {
        "schema": "ata.intent.v1",
        "verb": verb,
        "target": {"kind": target.kind, "name": target.name, "instance": target.instance},
        "actor": {"iss": by.iss, "sub": by.sub},
        "not_after": until,
        "nonce": "00" * 16,
    }
    return canonical(said)


INTENT = digest(intent_text())


def token(signer: str = "k1", *, seconds_left: int = -60, **claims: Any) -> bytes:
    """A token of the issuer, by default one that has expired."""
    now = int(clock.now().timestamp())
    payload = {"iss": ISSUER, "sub": OLU.sub, "iat": now - 120, "exp": now + seconds_left} | claims
    return jwt.encode({"alg": "RS256", "kid": "k1"}, payload, issuer_key(signer)).encode()


def approval_token(signer: str = "k1", *, intent: str = INTENT, **claims: Any) -> bytes:
    """The token that the issuer signs when Ben approves."""
    rows = {"verb": "skill.block", "target": "skill pdf-exfil", "intent_hash": intent}
    properties = {name: {"value": value, "display": True} for name, value in rows.items()}
    details = [{"type": "urn:ata", "instruction": "Block it", "properties": properties}]
    return token(signer, sub=BEN.sub, authorization_details=details, **claims)


def asserted(intent: str = INTENT, *, decision: str = "approve") -> bytes:
    """What Ben's authenticator signs."""
    said = {"approval_id": APPROVAL, "role": "approver", "decision": decision}
    wanted = passkey_assertions.challenge(intent_hash=intent, **said)
    client = {"type": "webauthn.get", "challenge": _b64(wanted), "origin": PASSKEY_ORIGIN}
    raw = json.dumps(client).encode()
    data = hashlib.sha256(b"localhost").digest() + bytes((5, 0, 0, 0, 1))
    message = data + hashlib.sha256(raw).digest()
    response = {
        "clientDataJSON": _b64(raw),
        "authenticatorData": _b64(data),
        "signature": _b64(authenticator().sign(message, ec.ECDSA(SHA256()))),
    }
    return canonical(said | {"credential": {"id": "cred-1", "response": response}})


def _b64(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


@dataclass
class Act:
    """What was recorded, and what a verifier brings."""

    requested: UUID
    approved: UUID
    blocked: UUID
    issuer_keys: dict[str, Any] = field(default_factory=jwks)

    def pack(self, *, now: datetime | None = None, about: UUID | None = None) -> Built:
        """The pack of the block, as an auditor gets it."""
        selection = packs.of_event(load(about or self.blocked))
        return packs.build(selection, now or clock.now(), lambda item: True)

    def roots(self, **changes: Any) -> pack_check.Roots:
        """Everything that a careful verifier brings."""
        passkeys = passkey_assertions.read_directory(json.dumps(directory()).encode())
        given: dict[str, Any] = {"issuer_keys": {"": self.issuer_keys}, "passkeys": passkeys}
        return pack_check.Roots(log_policy(), **given | changes)

    def check(self, body: bytes, **changes: Any) -> PackReport:
        """What a careful verifier finds."""
        return pack_check.check(body, self.roots(**changes))


def log_policy() -> Policy:
    """Trust in our log's key and in no witness."""
    return Policy((note.parse_vkey(proofs_and_tiles.vkey()),), {}, {}, NONE)


def approver(person: Actor = BEN) -> dict[str, str]:
    """Who approved, as decision events say it."""
    return {"iss": person.iss, "sub": person.sub, "name": person.name}


def keep(kind: str, body: bytes, person: Actor) -> EvidenceRef:
    """Put a body into the evidence store."""
    return storage.put(kind, body, person.key)


def decide(
    bodies: Sequence[tuple[str, bytes, Actor]], *, target: Target = SKILL, **changes: Any
) -> UUID:
    """Record that Olu blocked something with somebody's approval, and nothing else."""
    given: dict[str, Any] = {
        "severity": "CRITICAL",
        "approval": APPROVAL,
        "intent_hash": INTENT,
        "reason": "exfiltrates documents",
        "private": {"approver": approver(), "intent": intent_text().decode()},
        "evidence": [keep(*body) for body in bodies],
    }
    return record(OLU, "skill.blocked", target=target, **given | changes).id


def signed_act() -> Act:
    """Olu asks, Ben approves on a phone and with a passkey, the skill is blocked."""
    storage.put_issuer_keys(ISSUER, jwks())
    packs.use_directory(directory)
    sign_in = ("id_token", token(), OLU)
    answers = [("approval_token", approval_token(), BEN), ("assertion", asserted(), BEN)]
    common: dict[str, Any] = {"target": SKILL, "approval": APPROVAL, "intent_hash": INTENT}
    common["private"] = {"intent": intent_text().decode()}
    record(ActorFactory.build(), "operator.signed_in")
    requested = record(OLU, "approval.requested", evidence=[keep(*sign_in)], **common).id
    kept = [keep(*body) for body in answers]
    approved = record(BEN, "approval.approved", evidence=kept, **common).id
    blocked = decide([sign_in, *answers])
    record(ActorFactory.build(), "operator.signed_out")
    sequencer.run_once()
    return Act(requested, approved, blocked)


LATER = timedelta(hours=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
