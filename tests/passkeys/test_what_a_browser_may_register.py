"""Registration: every check of WebAuthn Level 2 section 7.1 that we rely on, one bend at a time."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from approvals.passkeys import relying_party
from approvals.passkeys.registration_ceremony import NotRegistered, new_challenge, options, verify
from audit.recording.actors import Actor
from tests.support.authenticator import BE, BS, UP, UV, Authenticator, b64url

CHALLENGE = new_challenge()


def device(algorithm: str = "ES256", **more: Any) -> Authenticator:
    """A device that a browser at the portal reaches."""
    return Authenticator(relying_party.rp_id(), relying_party.origin(), algorithm, **more)


def refused(answer: Any, challenge: bytes = CHALLENGE) -> str:
    """The code of why nothing is registered."""
    with pytest.raises(NotRegistered) as caught:
        verify(answer, challenge)
    assert caught.value.detail
    return caught.value.code


def test_the_party_is_the_host_of_the_portal() -> None:
    assert relying_party.origin() == settings.PORTAL_URL
    assert relying_party.rp_id() in relying_party.origin()


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
@pytest.mark.parametrize(("attestation", "told"), [("none", "none"), ("packed", "self")])
def test_each_algorithm_and_attestation_that_we_take(
    algorithm: str, attestation: str, told: str
) -> None:
    made = device(algorithm)
    found = verify(
        made.register(CHALLENGE, attestation=attestation, flags=UP | UV | BE | BS), CHALLENGE
    )
    assert found.public_key == made.spki
    assert (found.credential_id, found.attestation) == (made.id, told)
    assert relying_party.ALGORITHMS[found.algorithm] == algorithm
    assert (found.backed_up, found.transports) == (True, ("internal",))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"origin": "https://evil.example"}, "wrong_ceremony"),
        ({"origin": "http://localhost:1"}, "wrong_ceremony"),
        ({"rp_id": "evil.example"}, "wrong_ceremony"),
        ({"type": "webauthn.get"}, "wrong_ceremony"),
        ({"cross_origin": True}, "wrong_ceremony"),
        ({"flags": UP}, "user_not_verified"),
        ({"flags": UV}, "wrong_ceremony"),
        ({"attestation": "none", "statement": {"sig": b"x"}}, "attestation"),
        ({"attestation": "packed", "statement": {"alg": -7, "sig": b"x"}}, "attestation"),
        ({"attestation": "packed", "statement": {"alg": -8, "sig": b"x"}}, "attestation"),
        ({"attestation": "packed", "statement": {}}, "attestation"),
        ({"attestation": "packed", "statement": {"alg": -7, "x5c": [b"x"]}}, "attestation"),
        ({"attestation": "fido-u2f", "statement": {}}, "attestation"),
        ({"attestation": "tpm", "statement": {}}, "attestation"),
        ({"tail": b"more"}, "malformed"),
        ({"cose": {1: 2, 3: -7, -1: 1, -2: b"\1" * 32, -3: b"\1" * 32}}, "malformed"),
        ({"cose": {1: 2, 3: -7}}, "malformed"),
        ({"cose": {1: 2}}, "malformed"),
        ({"cose": {1: 1, 3: -7, -1: 1, -2: b"\1" * 32, -3: b"\1" * 32}}, "algorithm"),
    ],
)
def test_one_thing_bent_registers_nothing(changes: dict[str, Any], code: str) -> None:
    assert refused(device().register(CHALLENGE, **changes)) == code


def test_a_challenge_of_another_ceremony_registers_nothing() -> None:
    assert refused(device().register(new_challenge())) == "wrong_ceremony"


def test_an_algorithm_that_no_verifier_of_ours_knows_is_not_taken() -> None:
    assert refused(device("ES384").register(CHALLENGE)) == "algorithm"


def test_a_short_rsa_key_is_not_taken() -> None:
    assert refused(device("RS256", bits=1024).register(CHALLENGE)) == "weak_key"


def test_the_credential_must_be_the_attested_one() -> None:
    answer = device().register(CHALLENGE)
    answer["id"] = answer["rawId"] = b64url(b"another")
    assert refused(answer) == "malformed"


def test_a_credential_id_of_the_longest_size_fits_and_one_more_byte_does_not() -> None:
    found = verify(device(credential_id=b"\7" * 1023).register(CHALLENGE), CHALLENGE)
    assert len(relying_party.handle_of(found.credential_id)) == 22
    assert refused(device(credential_id=b"\7" * 1024).register(CHALLENGE)) == "malformed"
    assert refused(device(credential_id=b"").register(CHALLENGE)) == "malformed"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": 1},
        {"id": "a", "rawId": "a", "type": "public-key", "response": None},
        {"id": "a", "rawId": "a", "type": "public-key", "response": {"clientDataJSON": "!"}},
        {
            "id": "YQ",
            "rawId": "YQ",
            "type": "public-key",
            "response": {"clientDataJSON": b64url(b"[]"), "attestationObject": b64url(b"\xff")},
        },
    ],
)
def test_anything_else_is_no_answer_of_a_passkey(answer: Any) -> None:
    assert refused(answer) == "malformed"


def test_the_browser_is_asked_for_a_verified_user_and_no_attestation() -> None:
    asked = options(Actor(iss="https://i/", sub="auth0|1", name="Olu"), CHALLENGE, [])
    assert asked["rp"]["id"] == relying_party.rp_id()
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["attestation"] == "none"
    assert [one["alg"] for one in asked["pubKeyCredParams"]] == list(relying_party.ALGORITHMS)
    assert asked["challenge"] == b64url(CHALLENGE)
    assert asked["excludeCredentials"] == []
    assert "auth0" not in asked["user"]["id"]
