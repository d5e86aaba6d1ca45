"""An authenticator in software: makes real attestations and assertions (WebAuthn Level 2 §6).

What it signs is made here with `cryptography` and `fido2.cbor` alone, so that it shares no check
with the portal. Tests bend one thing at a time with keyword arguments.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2 import cbor

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40
NAMES = {"ES256": -7, "EdDSA": -8, "RS256": -257, "ES384": -35}


def b64url(value: bytes) -> str:
    """As WebAuthn's JSON has bytes."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _new_key(algorithm: str, bits: int) -> Any:
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, bits)
    return ec.generate_private_key(ec.SECP384R1() if algorithm == "ES384" else ec.SECP256R1())


@dataclass
class Authenticator:
    """One device with one credential, as a browser at `origin` reaches it."""

    rp_id: str
    origin: str
    algorithm: str = "ES256"
    bits: int = 2048
    counts: bool = True
    count: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: Any = None

    def __post_init__(self) -> None:
        self.key = self.key or _new_key(self.algorithm, self.bits)

    @property
    def id(self) -> str:
        """The credential id as text."""
        return b64url(self.credential_id)

    @property
    def spki(self) -> bytes:
        """The public key, DER."""
        spki: bytes = self.key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return spki

    def register(
        self,
        challenge: bytes,
        *,
        attestation: str = "none",
        flags: int = UP | UV,
        statement: dict[str, Any] | None = None,
        cose: dict[int, Any] | None = None,
        tail: bytes = b"",
        **client: Any,
    ) -> dict[str, Any]:
        """`RegistrationResponseJSON`; `attestation` is `none`, `packed` (self) or another word."""
        client_data = self._client("webauthn.create", challenge, client)
        attested = (
            bytes(16)
            + len(self.credential_id).to_bytes(2)
            + self.credential_id
            + cbor.encode(cose or self._cose())
        )
        data = self._data(flags | AT, client) + attested + tail
        if statement is None:
            statement = {}
            if attestation == "packed":
                signed = data + hashlib.sha256(client_data).digest()
                statement = {"alg": NAMES[self.algorithm], "sig": self._sign(signed)}
        made = cbor.encode({"fmt": attestation, "attStmt": statement, "authData": data})
        return {
            "id": self.id,
            "rawId": self.id,
            "type": "public-key",
            "response": {
                "clientDataJSON": b64url(client_data),
                "attestationObject": b64url(made),
                "transports": ["internal"],
            },
            "clientExtensionResults": {},
        }

    def sign(self, challenge: bytes, *, flags: int = UP | UV, **client: Any) -> dict[str, Any]:
        """`AuthenticationResponseJSON`; each one counts on where the device counts at all."""
        self.count += 1 if self.counts else 0
        client_data = self._client("webauthn.get", challenge, client)
        data = self._data(flags, client)
        return {
            "id": self.id,
            "rawId": self.id,
            "type": "public-key",
            "response": {
                "clientDataJSON": b64url(client_data),
                "authenticatorData": b64url(data),
                "signature": b64url(self._sign(data + hashlib.sha256(client_data).digest())),
                "userHandle": None,
            },
            "clientExtensionResults": {},
        }

    def _client(self, kind: str, challenge: bytes, changes: dict[str, Any]) -> bytes:
        said = {
            "type": changes.get("type", kind),
            "challenge": b64url(challenge),
            "origin": changes.get("origin", self.origin),
            "crossOrigin": changes.get("cross_origin", False),
        }
        return json.dumps(said, separators=(",", ":")).encode()

    def _data(self, flags: int, changes: dict[str, Any]) -> bytes:
        rp_id = changes.get("rp_id", self.rp_id)
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def _sign(self, message: bytes) -> bytes:
        if self.algorithm == "EdDSA":
            signature = self.key.sign(message)
        elif self.algorithm == "RS256":
            signature = self.key.sign(message, padding.PKCS1v15(), SHA256())
        else:
            signature = self.key.sign(message, ec.ECDSA(SHA256()))
        return bytes(signature)

    def _cose(self) -> dict[int, Any]:
        """The public key as RFC 9053 and RFC 8230 have it."""
        number = NAMES[self.algorithm]
        public = self.key.public_key()
        if self.algorithm == "EdDSA":
            raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            return {1: 1, 3: number, -1: 6, -2: raw}
        numbers = public.public_numbers()
        if self.algorithm == "RS256":
            return {1: 3, 3: number, -1: _bytes(numbers.n), -2: _bytes(numbers.e)}
        size = (self.key.key_size + 7) // 8
        x, y = numbers.x.to_bytes(size), numbers.y.to_bytes(size)
        return {1: 2, 3: number, -1: 2 if self.algorithm == "ES384" else 1, -2: x, -3: y}


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)
