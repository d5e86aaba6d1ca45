"""Levels rise only by what verifies: forged, foreign or merely present evidence changes none."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa as rsa_keys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

from audit.ledger import (
    cosignature,
    inclusion_proof_file,
    merkle,
    note,
    person_and_log_levels,
    signed_intent_match,
    trust_policy,
)
from audit.ledger.format import (
    entry,
)
from audit.ledger.passkey_assertions import Passkey, challenge
from tests.support.signed import sign_checkpoint

ISS = "http://localhost:8100/"
TEXT = '{"target":{"kind":"skill","name":"pdf-exfil"},"verb":"skill.block"}'
INTENT = signed_intent_match.digest(TEXT.encode())
TIME = "2026-03-01T12:30:05.000000Z"
SIGNED_AT = int(datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp())


@cache
def rsa(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name})


def b64(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def keys(*names: str) -> dict[str, Any]:
    return {ISS: {"keys": [rsa(name).as_dict(private=False) for name in names]}}


def token(signer: str = "k1", **claims: Any) -> bytes:
    payload = {"iss": ISS, "sub": "auth0|olu", "aud": "ata-web", "iat": SIGNED_AT} | claims
    payload = {key: value for key, value in payload.items() if value is not None}
    return jwt.encode({"alg": "RS256", "kid": signer}, payload, rsa(signer)).encode()


def details(intent: Any = INTENT) -> list[dict[str, Any]]:
    return [{"type": "urn:x", "instruction": "Block it", "properties": {"intent_hash": intent}}]


def guardian(intent: str = INTENT) -> list[dict[str, Any]]:
    return details({"display": True, "name": "intent_hash", "display_order": 4, "value": intent})


def event(**changes: Any) -> dict[str, Any]:
    fields = {
        "time": TIME,
        "recorded_at": TIME,
        "action": "skill.blocked",
        "actor": {"iss": ISS, "sub": "auth0|olu", "name": "Olu"},
        "intent_hash": INTENT,
        "approval": "a-1",
    }
    private = {"intent": TEXT} | changes.pop("private", {})
    built = entry.build(fields | changes | {"private": private}, id=UUID(int=1))
    return entry.reveal(built.document, built.openings)


def judged(
    bodies: list[tuple[str, bytes]],
    issuer_keys: dict[str, Any] | None = None,
    passkeys: dict[str, Passkey] | None = None,
    **changes: Any,
) -> person_and_log_levels.Level:
    evidence = {hashlib.sha256(body).hexdigest(): body for _, body in bodies}
    references = [{"kind": k, "digest": hashlib.sha256(b).hexdigest()} for k, b in bodies]
    subject = event(**changes, evidence=references)
    return person_and_log_levels.human(
        subject, evidence, keys("k1") if issuer_keys is None else issuer_keys, passkeys
    )


def test_without_evidence_a_person_is_only_asserted() -> None:
    level = judged([])
    assert (level.code, level.words) == ("H0", "asserted")


def test_a_verified_sign_in_of_the_actor_gives_h1() -> None:
    level = judged([("id_token", token())])
    assert level.code == "H1" and "2026-03-01 12:00:00 UTC" in level.reasons[0]
    assert judged([("id_token", token("k2"))], keys("k1", "k2")).code == "H1"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (token(sub="auth0|mallory"), "another person"),
        (token(iss="https://other.example/"), "no keys of the issuer"),
        (token(iss=None), "not a compact JWT with an issuer"),
        (token("k2"), "no RSA key 'k2'"),
        (token(iat=SIGNED_AT + 86_400), "issued after the event"),
        (token(iat=None), "does not say when"),
        (token(iat=True), "does not say when"),
        (token()[:-8] + b"AAAAAAAA", "no key 'k1' of the issuer verifies"),
        (b"nonsense", "not a compact JWT"),
        (b"\xff.\xff.\xff", "not a compact JWT"),
        (b"", "not a compact JWT"),
    ],
)
def test_a_sign_in_that_does_not_verify_stays_h0_and_says_why(body: bytes, reason: str) -> None:
    level = judged([("id_token", body)])
    assert level.code == "H0"
    assert any(reason in said for said in level.reasons), level.reasons


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_a_token_signed_with_the_public_key_as_a_secret_or_not_at_all_is_refused(
    algorithm: str,
) -> None:
    secret = rsa("k1").as_pem(private=False)
    header = json.dumps({"alg": algorithm, "kid": "k1"}).encode()
    payload = json.dumps({"iss": ISS, "sub": "auth0|olu", "iat": SIGNED_AT}).encode()
    message = f"{b64(header)}.{b64(payload)}"
    mac = hmac.digest(secret, message.encode(), "sha256") if algorithm == "HS256" else b""
    assert judged([("id_token", f"{message}.{b64(mac)}".encode())]).code == "H0"


def test_an_issuer_key_that_is_short_or_of_another_kind_does_not_count() -> None:
    short = rsa_keys.generate_private_key(65537, 1024)
    modulus = b64(short.public_key().public_numbers().n.to_bytes(128))
    weak = {"kty": "RSA", "kid": "k1", "n": modulus, "e": "AQAB"}
    message = ".".join(token().decode().split(".")[:2])
    signature = short.sign(message.encode(), PKCS1v15(), SHA256())
    body = f"{message}.{b64(signature)}".encode()
    for key in (weak, weak | {"kty": "EC"}, {"kid": "k1", "kty": "RSA"}, "nonsense"):
        level = judged([("id_token", body)], {ISS: {"keys": [key]}})
        assert level.code == "H0" and "no RSA key 'k1' of 2048 bits" in level.reasons[1]


def test_evidence_that_is_absent_or_swapped_does_not_count() -> None:
    body = token()
    digest = hashlib.sha256(body).hexdigest()
    subject = event(evidence=[{"kind": "id_token", "digest": digest}])
    assert person_and_log_levels.human(subject, {}, keys("k1")).code == "H0"
    swapped = person_and_log_levels.human(subject, {digest: token(scope="other")}, keys("k1"))
    assert swapped.code == "H0" and "another body" in swapped.reasons[1]
    assert person_and_log_levels.human(subject, {digest: body}, keys("k1")).code == "H1"


def test_an_erased_actor_cannot_be_tied_to_a_sign_in() -> None:
    body = token()
    digest = hashlib.sha256(body).hexdigest()
    subject = event(evidence=[{"kind": "id_token", "digest": digest}])
    subject["actor"]["sub"] = {"erased": True}
    assert person_and_log_levels.human(subject, {digest: body}, keys("k1")).code == "H0"


@pytest.mark.parametrize("said", [guardian(), details(), json.dumps(guardian())])
def test_an_approval_token_over_this_intent_gives_h2(said: Any) -> None:
    assert judged([("approval_token", token(authorization_details=said))]).code == "H2"


def test_an_approver_other_than_the_actor_counts_when_named() -> None:
    body = token(sub="auth0|amir", authorization_details=guardian())
    assert judged([("approval_token", body)]).code == "H0"
    approver = {"iss": ISS, "sub": "auth0|amir", "name": "Amir"}
    assert judged([("approval_token", body)], private={"approver": approver}).code == "H2"
    assert judged([("approval_token", body)], data={"approver": {"sub": "auth0|amir"}}).code == "H2"


@pytest.mark.parametrize(
    ("said", "changes", "reason"),
    [
        (guardian("cd" * 32), {}, "another intent"),
        (None, {}, "another intent"),
        ([], {}, "another intent"),
        ("[", {}, "another intent"),
        ([{"properties": {"intent_hash": {"value": 3}}}], {}, "another intent"),
        (guardian(""), {"intent_hash": ""}, "another intent"),
        (guardian(), {"outcome": "denied"}, "a refusal"),
        (guardian(), {"action": "approval.denied"}, "a refusal"),
    ],
)
def test_an_approval_of_anything_else_gives_nothing(
    said: Any, changes: dict[str, Any], reason: str
) -> None:
    level = judged([("approval_token", token(authorization_details=said))], **changes)
    assert level.code == "H0"
    assert any(reason in text for text in level.reasons)


EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = Ed25519PrivateKey.generate()


def passkey(key: Any = EC_KEY, sub: str = "auth0|olu") -> dict[str, Passkey]:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    origins = frozenset(("http://localhost:8000",))
    return {"cred-1": Passkey(public, ISS, sub, "localhost", origins)}


def assertion(key: Any = EC_KEY, **changes: Any) -> bytes:
    said = {"approval_id": "a-1", "role": "requester", "decision": "approve"}
    said |= {name: changes.pop(name) for name in list(changes) if name in said}
    intent = changes.pop("intent", INTENT)
    client = {
        "type": changes.pop("type", "webauthn.get"),
        "challenge": b64(challenge(intent_hash=intent, **said)),
        "origin": changes.pop("origin", "http://localhost:8000"),
    }
    client_bytes = json.dumps(client).encode()
    flags = changes.pop("flags", 5)
    data = hashlib.sha256(changes.pop("rp_id", "localhost").encode()).digest()
    data += bytes((flags,)) + bytes(4)
    message = data + hashlib.sha256(client_bytes).digest()
    arguments = (ec.ECDSA(SHA256()),) if isinstance(key, ec.EllipticCurvePrivateKey) else ()
    response = {
        "clientDataJSON": b64(client_bytes),
        "authenticatorData": b64(data),
        "signature": b64(key.sign(message, *arguments)),
    }
    credential = {"id": changes.pop("id", "cred-1"), "response": response}
    assert not changes
    return json.dumps(said | {"credential": credential}).encode()


@pytest.mark.parametrize("key", [EC_KEY, ED_KEY])
def test_a_passkey_over_this_intent_gives_h2_and_with_the_issuer_h3(key: Any) -> None:
    alone = judged([("assertion", assertion(key))], passkeys=passkey(key))
    assert alone.code == "H2"
    approved = token(authorization_details=guardian())
    both = judged(
        [("assertion", assertion(key)), ("approval_token", approved)], passkeys=passkey(key)
    )
    assert (both.code, len(both.reasons)) == ("H3", 2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"intent": "cd" * 32}, "another intent"),
        ({"approval_id": "a-2"}, "another approval"),
        ({"decision": "deny"}, "not what happened"),
        ({"flags": 1}, "did not verify its user"),
        ({"rp_id": "evil.example"}, "not for localhost"),
        ({"origin": "http://evil.example"}, "evil.example"),
        ({"type": "webauthn.create"}, "webauthn.create"),
        ({"id": "cred-2"}, "not among the trusted"),
        ({"key": ec.generate_private_key(ec.SECP256R1())}, "signature does not verify"),
    ],
)
def test_a_passkey_that_signed_anything_else_gives_nothing(
    changes: dict[str, Any], reason: str
) -> None:
    level = judged([("assertion", assertion(**changes))], passkeys=passkey())
    assert level.code == "H0"
    assert any(reason in text for text in level.reasons), level.reasons


def test_a_passkey_of_somebody_else_or_of_no_known_shape_gives_nothing() -> None:
    foreign = judged([("assertion", assertion())], passkeys=passkey(sub="auth0|mallory"))
    assert foreign.code == "H0" and "neither the actor nor the approver" in foreign.reasons[1]
    for body in (b"", b"[]", b"{}", b'{"approval_id":1}', b"\xff"):
        assert judged([("assertion", body)], passkeys=passkey()).code == "H0"
    assert judged([("assertion", assertion())]).code == "H0"


def test_a_signed_denial_is_proven_by_its_passkey_but_an_inferred_one_never() -> None:
    denial = [("assertion", assertion(decision="deny"))]
    signed = judged(denial, passkeys=passkey(), outcome="denied")
    assert signed.code == "H2"
    sign_in = [*denial, ("id_token", token())]
    for changes in (
        {"outcome": "denied", "data": {"inferred": True}},
        {"outcome": "expired"},
        {"action": "approval.expired"},
    ):
        assert judged(sign_in, passkeys=passkey(), **changes).code == "H1"
        assert judged(denial, passkeys=passkey(), **changes).code == "H0"


LOG = note.new_key("log.example")
WITNESS = note.new_key("witness.example/w1")
ITEM = entry.build({"time": TIME, "recorded_at": TIME, "action": "a.b"}, id=UUID(int=2)).entry
TREE = [merkle.leaf_hash(ITEM), merkle.leaf_hash(b"next")]
CHECKPOINT = sign_checkpoint(LOG.name, 2, merkle.root(TREE), LOG.seed)
COSIGNED = note.add_signature(
    CHECKPOINT, cosignature.sign(CHECKPOINT, WITNESS.name, WITNESS.seed, 1_800_000_000)
)
POLICY = trust_policy.parse(
    f"log {LOG.vkey}\nwitness w1 {cosignature.vkey(WITNESS.name, WITNESS.public_key)}\nquorum w1\n"
)


def proven(signed: str) -> str:
    return inclusion_proof_file.write(0, [TREE[1]], signed)


def test_the_log_level_rises_with_tree_witnesses_and_time() -> None:
    when = datetime(2026, 3, 1, tzinfo=UTC)
    assert person_and_log_levels.log(ITEM, None, POLICY).code == "L0"
    assert person_and_log_levels.log(ITEM, proven(CHECKPOINT), POLICY).code == "L1"
    assert person_and_log_levels.log(ITEM, proven(COSIGNED), POLICY).code == "L2"
    top = person_and_log_levels.log(ITEM, proven(COSIGNED), POLICY, external_time=when)
    assert (top.code, top.words) == ("L3", "witnessed and timed by others")
    assert "witness.example/w1" in top.reasons[1] and "2026-03-01" in top.reasons[2]


def test_a_log_level_needs_the_verifiers_own_trust() -> None:
    unasked = trust_policy.parse(f"log {LOG.vkey}\nquorum none\n")
    assert person_and_log_levels.log(ITEM, proven(COSIGNED), unasked).code == "L1"
    ours = {WITNESS.name}
    assert person_and_log_levels.log(ITEM, proven(COSIGNED), POLICY, discounted=ours).code == "L1"
    foreign = trust_policy.parse(f"log {note.new_key(LOG.name).vkey}\nquorum none\n")
    refused = person_and_log_levels.log(ITEM, proven(COSIGNED), foreign)
    assert refused.code == "L0" and "no trusted key" in refused.reasons[0]
    assert person_and_log_levels.log(ITEM + b" ", proven(COSIGNED), POLICY).code == "L0"
    assert person_and_log_levels.log(ITEM, "nonsense", POLICY).code == "L0"
