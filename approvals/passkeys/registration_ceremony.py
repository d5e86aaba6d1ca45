"""Registering a credential (WebAuthn Level 2 section 7.1): what is asked of the browser, and the
checks of its answer.

The ceremony, its CBOR and the attestation come from `fido2`; which algorithms and attestations are
taken, and at which origin, is decided here. We ask for no attestation, so an answer carries none or
the key's own signature; a maker's certificate is not judged and therefore not taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from secrets import token_bytes
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2.attestation.base import Attestation, InvalidAttestation, NoneAttestation
from fido2.attestation.packed import PackedAttestation
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestationObject,
    AuthenticatorData,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from approvals.models import Passkey
from approvals.passkeys import relying_party
from approvals.passkeys.sealed_registration import Registered
from audit.recording.actors import Actor

LONGEST_ID: Final = 1023  # bytes of a credential id (section 4, "Credential ID")
_SHORTEST_RSA: Final = 2048  # bits
_TRANSPORTS: Final = ("usb", "nfc", "ble", "smart-card", "hybrid", "internal")


class NotRegistered(ValueError):
    """The browser's answer registers nothing. `code` is stable; the message says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def new_challenge() -> bytes:
    """32 random bytes."""
    return token_bytes(32)


def options(actor: Actor, challenge: bytes, known: Iterable[Passkey]) -> dict[str, Any]:
    """`PublicKeyCredentialCreationOptionsJSON` for `navigator.credentials.create`.

    The browser offers no device that already holds one of the `known` keys.
    """
    made, _ = _server().register_begin(
        PublicKeyCredentialUserEntity(
            id=bytes.fromhex(actor.key),
            name=actor.email or actor.sub,
            display_name=actor.name or actor.email or actor.sub,
        ),
        credentials=[_descriptor(key) for key in known],
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=challenge,
    )
    return dict(dict(made)["publicKey"])


def verify(answer: Mapping[str, Any], challenge: bytes) -> Registered:
    """Check a `RegistrationResponseJSON` against the challenge that was given out for it.

    Raises:
        NotRegistered: `malformed`, `wrong_ceremony`, `user_not_verified`, `algorithm`,
            `attestation`, `weak_key`.
    """
    credential, data = _parsed(answer)
    state = {
        "challenge": relying_party.b64url(challenge),
        "user_verification": UserVerificationRequirement.REQUIRED,
    }
    if credential.response.client_data.cross_origin:
        raise NotRegistered("wrong_ceremony", "It was made inside a page of someone else.")
    if not data.is_user_verified():
        raise NotRegistered(
            "user_not_verified",
            "The device did not check that it was you. Use one with a PIN, fingerprint or face.",
        )
    try:
        _server().register_complete(state, credential)
    except ValueError as error:
        raise NotRegistered("wrong_ceremony", f"{error}") from None
    attested = data.credential_data
    if attested is None or credential.raw_id != attested.credential_id:
        raise NotRegistered("malformed", "It names one credential and attests another.")
    if not 0 < len(attested.credential_id) <= LONGEST_ID:
        raise NotRegistered("malformed", "Its credential id is empty or too long.")
    return Registered(
        credential_id=relying_party.b64url(attested.credential_id),
        public_key=_public_key(attested.public_key),
        algorithm=attested.public_key[3],
        transports=_transports(answer),
        backed_up=data.is_backed_up(),
        attestation=_attestation(credential.response.attestation_object, credential),
        sign_count=data.counter,
    )


def _server() -> Fido2Server:
    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=relying_party.rp_id(), name=relying_party.NAME),
        attestation=AttestationConveyancePreference.NONE,
        verify_origin=lambda origin: origin == relying_party.origin(),
    )
    server.allowed_algorithms = [
        PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=number)
        for number in relying_party.ALGORITHMS
    ]
    return server


def _descriptor(key: Passkey) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(
        type=PublicKeyCredentialType.PUBLIC_KEY,
        id=relying_party.unb64url(key.credential_id),
        transports=key.transports or None,
    )


def _parsed(answer: Mapping[str, Any]) -> tuple[RegistrationResponse, AuthenticatorData]:
    try:
        response = answer["response"]
        credential = RegistrationResponse.from_dict(
            {
                "id": answer["id"],
                "rawId": answer["rawId"],
                "type": answer["type"],
                "response": {
                    name: response[name] for name in ("clientDataJSON", "attestationObject")
                },
            }
        )
        found = credential.response.attestation_object
        if credential.type != PublicKeyCredentialType.PUBLIC_KEY:
            raise ValueError(credential.type)
        return credential, found.auth_data
    # Whatever a stranger's bytes make the parsers of JSON, CBOR and COSE say.
    except Exception:
        raise NotRegistered("malformed", "That is not the answer of a passkey.") from None


def _transports(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """How the device is reached, as the browser says; unsigned, so a hint only."""
    transports = answer["response"].get("transports")
    transports = transports if isinstance(transports, Sequence) else ()
    return tuple(known for known in _TRANSPORTS if known in transports)


def _attestation(found: AttestationObject, credential: RegistrationResponse) -> str:
    """`none`, or `self` where the key vouches for itself (sections 8.2 and 8.7)."""
    own = found.fmt == "packed" and "x5c" not in found.att_stmt
    if not own and found.fmt != "none":
        raise NotRegistered(
            "attestation", "It brings a maker's attestation, which this portal does not judge."
        )
    form: Attestation = PackedAttestation() if own else NoneAttestation()
    try:
        form.verify(found.att_stmt, found.auth_data, credential.response.client_data.hash)
    except (InvalidAttestation, NotImplementedError, TypeError):
        raise NotRegistered("attestation", "Its own attestation does not verify.") from None
    return "self" if own else "none"


def _public_key(cose: CoseKey) -> bytes:
    """The key as SubjectPublicKeyInfo (RFC 5280 section 4.1), DER."""
    try:
        key: Any = _key(cose)
    except NotRegistered:
        raise
    except (KeyError, TypeError, ValueError, UnsupportedAlgorithm):
        raise NotRegistered("malformed", "Its public key is no key.") from None
    spki: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return spki


def _key(cose: CoseKey) -> Any:
    """RFC 9053 sections 2 and 7; RFC 8230 section 4."""
    number = cose.get(3)
    if number == relying_party.ES256 and cose[1] == 2 and cose[-1] == 1:
        x, y = (int.from_bytes(cose[place]) for place in (-2, -3))
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    if number == relying_party.EDDSA and cose[1] == 1 and cose[-1] == 6:
        return ed25519.Ed25519PublicKey.from_public_bytes(cose[-2])
    if number == relying_party.RS256 and cose[1] == 3:
        key = rsa.RSAPublicNumbers(int.from_bytes(cose[-2]), int.from_bytes(cose[-1])).public_key()
        if key.key_size < _SHORTEST_RSA:
            raise NotRegistered("weak_key", f"Its RSA key is shorter than {_SHORTEST_RSA} bits.")
        return key
    names = ", ".join(relying_party.ALGORITHMS.values())
    raise NotRegistered("algorithm", f"It signs with something other than {names}.")
