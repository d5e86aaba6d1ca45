"""Passkey assertions (WebAuthn Level 2 §7.2) as evidence of a decision on an intent.

The challenge is SHA-256("ata.assert.v1\\n" ‖ JCS{approval_id, decision, intent_hash, role}), so the
authenticator's signature is over this very intent. An evidence body is JSON:
`{"approval_id", "decision", "role", "credential": AuthenticationResponseJSON}`.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from audit.ledger.format.canonical import canonical

DIRECTORY: Final = "ata.passkeys.v1"
USER_PRESENT: Final = 0x01
USER_VERIFIED: Final = 0x04
_HEADER_BYTES: Final = 37


class AssertionFailed(ValueError):
    """An assertion that proves nothing, and why."""


class UnknownPasskey(AssertionFailed):
    """Nobody can tell: the verifier does not have this passkey."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """An enrolled passkey, from the verifier's own enrolment directory.

    Attributes:
        public_key: SubjectPublicKeyInfo, DER (P-256, Ed25519 or RSA).
        iss, sub: whose it is.
        rp_id: relying-party id, such as `localhost`.
        origins: web origins from which it may be used.
        enrolled_at, revoked_at: between which times it signs for its owner; None = unknown, never.
        approver_since: from when on it counts for what others asked for, which takes a second
            person; None = for its owner's own requests only.
    """

    public_key: bytes
    iss: str
    sub: str
    rp_id: str
    origins: frozenset[str]
    enrolled_at: datetime | None = None
    revoked_at: datetime | None = None
    approver_since: datetime | None = None

    def approves_for_others(self, at: datetime) -> bool:
        """Whether a second person had confirmed it by then."""
        return self.approver_since is not None and self.approver_since <= at


@dataclass(frozen=True, slots=True)
class Asserted:
    """What a valid assertion says."""

    passkey: Passkey
    approval_id: str
    role: str
    decision: str


def read_directory(body: bytes) -> dict[str, Passkey]:
    """Passkeys by credential id, from a file of schema `ata.passkeys.v1`.

    Raises:
        ValueError: it is no such file; the message says what is wrong.
    """
    try:
        document = json.loads(body)
        if document["schema"] != DIRECTORY:
            raise ValueError(f"its schema is {document['schema']!r}, not {DIRECTORY!r}")
        return {str(one["id"]): _passkey(one) for one in document["passkeys"]}
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it is no directory of passkeys: {error}") from None


def _passkey(one: Mapping[str, Any]) -> Passkey:
    return Passkey(
        public_key=b64decode(one["public_key"], validate=True),
        iss=str(one["iss"]),
        sub=str(one["sub"]),
        rp_id=str(one["rp_id"]),
        origins=frozenset(str(origin) for origin in one["origins"]),
        **{name: _time(one.get(name)) for name in ("enrolled_at", "revoked_at", "approver_since")},
    )


def _time(stamp: str | None) -> datetime | None:
    return datetime.fromisoformat(stamp) if stamp else None


def challenge(*, intent_hash: str, approval_id: str, role: str, decision: str) -> bytes:
    """Return the 32-byte challenge to put before the authenticator."""
    said = {
        "approval_id": approval_id,
        "decision": decision,
        "intent_hash": intent_hash,
        "role": role,
    }
    return hashlib.sha256(b"ata.assert.v1\n" + canonical(said)).digest()


def verify(
    body: bytes, intent_hash: str, passkeys: Mapping[str, Passkey], at: datetime | None = None
) -> Asserted:
    """Check that an enrolled passkey signed a decision on this intent, its user verified.

    Args:
        body: the evidence body.
        intent_hash: of the event in question.
        passkeys: credential id (base64url, unpadded) -> passkey.
        at: when the event was recorded; a passkey signs between its enrolment and its revocation,
            and what it signed before the revocation still counts.

    Raises:
        AssertionFailed: saying which check failed.
    """
    try:
        document = json.loads(body)
        said = {name: str(document[name]) for name in ("approval_id", "role", "decision")}
        credential = document["credential"]
        identity = str(credential["id"])
        parts = {
            name: _decode(credential["response"][name])
            for name in ("clientDataJSON", "authenticatorData", "signature")
        }
        client = json.loads(parts["clientDataJSON"])
        kind, origin = client["type"], client["origin"]
        framed = client.get("crossOrigin") is True
        sent = _decode(client["challenge"])
    except (ValueError, KeyError, TypeError, RecursionError, Base64Error):
        raise AssertionFailed("it is not a passkey assertion") from None
    passkey = passkeys.get(identity)
    if passkey is None:
        raise UnknownPasskey("its passkey is not among the trusted ones")
    if not compare_digest(sent, challenge(intent_hash=intent_hash, **said)):
        raise AssertionFailed("it signs another intent or decision")
    if kind != "webauthn.get" or origin not in passkey.origins:
        raise AssertionFailed(f"it was made at {origin!r} for {kind!r}")
    if framed:
        raise AssertionFailed("it was made inside a page of someone else")
    if at is not None:
        _check_time(passkey, at)
    _check_authenticator(parts["authenticatorData"], passkey)
    signed = parts["authenticatorData"] + hashlib.sha256(parts["clientDataJSON"]).digest()
    _check_signature(passkey.public_key, parts["signature"], signed)
    return Asserted(passkey, said["approval_id"], said["role"], said["decision"])


def authenticator_data(body: bytes) -> bytes:
    """The authenticator data of a body that `verify` has accepted (WebAuthn Level 2 §6.1)."""
    return _decode(json.loads(body)["credential"]["response"]["authenticatorData"])


def _check_time(passkey: Passkey, at: datetime) -> None:
    if passkey.enrolled_at is not None and at < passkey.enrolled_at:
        raise AssertionFailed("its passkey was enrolled later")
    if passkey.revoked_at is not None and at >= passkey.revoked_at:
        raise AssertionFailed(f"its passkey was revoked at {passkey.revoked_at:%Y-%m-%d %H:%M:%S}")


def _check_authenticator(data: bytes, passkey: Passkey) -> None:
    if len(data) < _HEADER_BYTES or data[:32] != hashlib.sha256(passkey.rp_id.encode()).digest():
        raise AssertionFailed(f"it is not for {passkey.rp_id}")
    wanted = USER_PRESENT | USER_VERIFIED
    if data[32] & wanted != wanted:
        raise AssertionFailed("the authenticator did not verify its user")


def _check_signature(public_key: bytes, signature: bytes, signed: bytes) -> None:
    try:
        key: Any = load_der_public_key(public_key)
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, signed, ECDSA(SHA256()))
        elif isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed)
        elif isinstance(key, RSAPublicKey):
            key.verify(signature, signed, PKCS1v15(), SHA256())
        else:
            raise AssertionFailed("its key is of a kind this verifier does not know")
    except (InvalidSignature, UnsupportedAlgorithm):
        raise AssertionFailed("its signature does not verify") from None


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
