"""One good ID token, and every way we know to forge or bend it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from auth0_client import TokenRefused
from tests.auth0_client.pretended_tenant import (
    ISSUER,
    NOW,
    ROLES,
    SUB,
    World,
    b64,
    key_set,
    signed,
    signed_raw,
)

ACCESS_TOKEN = "opaque-access-token"
AT_HASH = b64(hashlib.sha256(ACCESS_TOKEN.encode()).digest()[:16])


def good(**changes: Any) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "sub": SUB,
        "aud": "ata-web",
        "iat": NOW,
        "exp": NOW + 36_000,
        "nonce": "n-1",
        "sid": "S_7x",
        "auth_time": NOW - 5,
        "amr": ["mfa"],
        "email": "ada@acme.example",
        "email_verified": True,
        ROLES: ["auditor"],
    }
    merged = {**claims, **changes}
    return {name: value for name, value in merged.items() if value != "ABSENT"}


def verify(world: World, token: Any, **options: Any) -> Any:
    return world.auth0.verify_id_token(token, **{"nonce": "n-1", **options})


def code_of(world: World, token: Any, **options: Any) -> str:
    with pytest.raises(TokenRefused) as caught:
        verify(world, token, **options)
    return caught.value.code


def test_a_good_token_says_who_signed_in_when_and_how(world: World) -> None:
    claims = verify(world, world.sign(good()), max_age=60, access_token=ACCESS_TOKEN)
    assert (claims.issuer, claims.subject, claims.sid) == (ISSUER, SUB, "S_7x")
    assert (claims.amr, claims.roles, claims.kid) == (("mfa",), ("auditor",), "key-1")
    assert (claims.auth_time, claims.email, claims.email_verified) == (
        NOW - 5,
        "ada@acme.example",
        True,
    )
    assert "ada@acme" not in repr(claims)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["ata-web"]},
        {"aud": ["ata-web", "other"], "azp": "ata-web"},
        {"azp": "ata-web"},
        {"exp": NOW - 59},
        {"iat": NOW + 59},
        {"nbf": NOW + 59},
        {"exp": NOW + 10.5},
        {"at_hash": AT_HASH},
        {"email": None, "name": None, ROLES: "ABSENT", "amr": "ABSENT"},
    ],
)
def test_what_the_specification_allows_is_accepted(world: World, changes: dict[str, Any]) -> None:
    assert verify(world, world.sign(good(**changes)), access_token=ACCESS_TOKEN).subject == SUB


@pytest.mark.parametrize("nonce", ["n-1", None])
@pytest.mark.parametrize("age", [3661, 86_400, 30 * 86_400])
def test_an_id_token_issued_long_ago_is_refused_whatever_its_nonce(
    world: World, nonce: str | None, age: float
) -> None:
    old = good(iat=NOW - age, exp=NOW + 86_400, nonce=nonce)
    assert code_of(world, world.sign(old), nonce=nonce) == "too_old"


@pytest.mark.parametrize("typ", ["JWT", "jwt", None, "application/jwt"])
def test_a_type_of_jwt_or_none_is_accepted(world: World, typ: str | None) -> None:
    assert verify(world, world.sign(good(), typ=typ)).subject == SUB


BENT: list[tuple[str, dict[str, Any]]] = [
    ("issuer", {"iss": ISSUER.rstrip("/")}),
    ("issuer", {"iss": "https://evil.example/"}),
    ("issuer", {"iss": "HTTP://LOCALHOST:8100/"}),
    ("missing_claim", {"iss": "ABSENT"}),
    ("missing_claim", {"iss": ""}),
    ("bad_claim", {"iss": [ISSUER]}),
    ("missing_claim", {"sub": "ABSENT"}),
    ("missing_claim", {"sub": ""}),
    ("missing_claim", {"sub": None}),
    ("bad_claim", {"sub": 7}),
    ("bad_claim", {"sub": {"a": 1}}),
    ("bad_claim", {"sub": "x" * 256}),
    ("audience", {"aud": "someone-else"}),
    ("audience", {"aud": ["a", "b"]}),
    ("audience", {"aud": "ata-web "}),
    ("missing_claim", {"aud": "ABSENT"}),
    ("missing_claim", {"aud": []}),
    ("missing_claim", {"aud": ""}),
    ("missing_claim", {"aud": ["ata-web", ""]}),
    ("bad_claim", {"aud": {"ata-web": 1}}),
    ("bad_claim", {"aud": ["ata-web", 7]}),
    ("authorized_party", {"aud": ["ata-web", "other"]}),
    ("authorized_party", {"aud": ["ata-web", "other"], "azp": "other"}),
    ("authorized_party", {"azp": "other"}),
    ("bad_claim", {"azp": ["ata-web"]}),
    ("expired", {"exp": NOW - 60}),
    ("expired", {"exp": 0}),
    ("missing_claim", {"exp": "ABSENT"}),
    ("bad_claim", {"exp": str(NOW + 60)}),
    ("bad_claim", {"exp": True}),
    ("bad_claim", {"exp": -1}),
    ("bad_claim", {"exp": 2**60}),
    ("bad_claim", {"exp": [NOW + 60]}),
    ("missing_claim", {"iat": "ABSENT"}),
    ("issued_in_future", {"iat": NOW + 61}),
    ("bad_claim", {"iat": "now"}),
    ("not_yet_valid", {"nbf": NOW + 61}),
    ("bad_claim", {"nbf": "now"}),
    ("nonce", {"nonce": "n-2"}),
    ("nonce", {"nonce": "ABSENT"}),
    ("nonce", {"nonce": ""}),
    ("bad_claim", {"nonce": ["n-1"]}),
    ("bad_claim", {"auth_time": "yesterday"}),
    ("issued_in_future", {"auth_time": NOW + 3600}),
    ("bad_claim", {ROLES: "admin"}),
    ("bad_claim", {ROLES: ["auditor", 1]}),
    ("bad_claim", {ROLES: {"admin": True}}),
    ("bad_claim", {"amr": "mfa"}),
    ("bad_claim", {"sid": 5}),
    ("bad_claim", {"email": {"x": 1}}),
]


@pytest.mark.parametrize(("code", "changes"), BENT, ids=[f"{c}-{v}" for c, v in BENT])
def test_a_signed_token_with_a_bent_claim_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    assert code_of(world, world.sign(good(**changes))) == code


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", None, 5])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_no_spelling_of_an_unsigned_token_is_believed(
    world: World, alg: Any, signature: str
) -> None:
    header = b64(json.dumps({"alg": alg, "typ": "JWT", "kid": "key-1"}).encode())
    token = f"{header}.{b64(json.dumps(good()).encode())}.{signature}"
    assert code_of(world, token) == "algorithm"


def test_a_missing_alg_is_refused(world: World) -> None:
    assert code_of(world, world.sign(good(), alg=None)) == "algorithm"


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_not_a_shared_secret(world: World, key: RSAKey, alg: str) -> None:
    for secret in (key.as_pem(private=False), json.dumps(key.as_dict(private=False)).encode()):
        header = b64(json.dumps({"alg": alg, "typ": "JWT", "kid": "key-1"}).encode())
        message = f"{header}.{b64(json.dumps(good()).encode())}"
        digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[alg]
        token = f"{message}.{b64(hmac.new(secret, message.encode(), digest).digest())}"
        assert code_of(world, token) == "algorithm"


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "ES256", "EdDSA"])
def test_other_algorithms_are_refused_even_where_the_tenant_offers_them(
    world: World, alg: str
) -> None:
    assert code_of(world, world.sign(good(), alg=alg)) == "algorithm"


def test_a_token_may_not_bring_its_own_key(world: World, other_key: RSAKey) -> None:
    own = other_key.as_dict(private=False)
    brought: dict[str, Any] = {
        "jwk": own,
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/cert.pem",
        "x5c": ["MIIB"],
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
    }
    for name, value in brought.items():
        forged = signed(other_key, good(), kid="key-1", **{name: value})
        assert code_of(world, forged) == "header", name
        assert code_of(world, world.sign(good(), **{name: value})) == "header", name


def test_another_key_under_a_known_name_does_not_verify(world: World, other_key: RSAKey) -> None:
    assert code_of(world, signed(other_key, good(), kid="key-1")) == "signature"


def test_an_unknown_key_id_is_refused_after_one_look(world: World, other_key: RSAKey) -> None:
    world.now += 61
    assert code_of(world, signed(other_key, good(iat=NOW))) == "unknown_key"


def test_a_kid_of_another_type_is_refused(world: World) -> None:
    assert code_of(world, world.sign(good(), kid=5)) == "header"
    assert code_of(world, world.sign(good(), kid={"a": 1})) == "header"


def test_without_a_kid_only_a_single_published_key_is_used(world: World, other_key: RSAKey) -> None:
    token = world.sign(good(), kid=None)
    assert verify(world, token).subject == SUB
    world.jwks.respond(json=key_set(world.key, other_key))
    world.now += 4000
    assert code_of(world, token) == "unknown_key"


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", 5, ["JWT"]])
def test_tokens_of_other_kinds_are_not_id_tokens(world: World, typ: Any) -> None:
    assert code_of(world, world.sign(good(), typ=typ)) == "type"


def test_a_changed_payload_or_signature_does_not_verify(world: World) -> None:
    header, payload, signature = world.sign(good()).split(".")
    other = b64(json.dumps(good(sub="auth0|someone-else")).encode())
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[0] ^= 1
    assert code_of(world, f"{header}.{other}.{signature}") == "signature"
    assert code_of(world, f"{header}.{payload}.{b64(bytes(raw))}") == "signature"
    assert code_of(world, f"{header}.{payload}.") == "signature"


def malformed(key: RSAKey) -> list[Any]:
    header = json.dumps({"alg": "RS256", "kid": "key-1"}).encode()
    sound = json.dumps(good()).encode()
    return [
        None,
        5,
        b"bytes",
        "",
        "abc",
        "a.b",
        "a.b.c.d",
        "...",
        "..",
        "x" * 70_000,
        f" {signed_raw(key, header, sound)}",
        f"{signed_raw(key, header, sound)}\n",
        signed_raw(key, header, sound).replace(".", "=.", 1),
        signed_raw(key, b"[]", sound),
        signed_raw(key, b"not json", sound),
        signed_raw(key, b"\xff", sound),
        signed_raw(key, header, b"[]"),
        signed_raw(key, header, b'"text"'),
        signed_raw(key, header, b"not json"),
        signed_raw(key, header, sound[:-1] + b', "sub": "auth0|other"}'),
        signed_raw(key, header, sound[:-1] + b', "x": NaN}'),
        signed_raw(key, b'{"alg":"none","alg":"RS256","kid":"key-1"}', sound),
        signed_raw(key, header, json.dumps(good()).encode("utf-16")),
        signed_raw(key, header, b"[" * 60_000),
    ]


def test_anything_that_is_not_three_clean_parts_is_malformed(world: World, key: RSAKey) -> None:
    for index, token in enumerate(malformed(key)):
        assert code_of(world, token) == "malformed", index


def test_an_encrypted_token_is_refused_by_name(world: World) -> None:
    assert code_of(world, "a.b.c.d.e") == "encrypted"


def test_at_hash_must_match_the_access_token_it_came_with(world: World) -> None:
    wrong = world.sign(good(at_hash=b64(b"0" * 16)))
    assert code_of(world, wrong, access_token=ACCESS_TOKEN) == "at_hash"
    assert code_of(world, world.sign(good(at_hash=5)), access_token=ACCESS_TOKEN) == "bad_claim"


def test_max_age_asks_for_a_recent_sign_in(world: World) -> None:
    assert code_of(world, world.sign(good(auth_time=NOW - 121)), max_age=60) == "too_old"
    assert code_of(world, world.sign(good(auth_time="ABSENT")), max_age=60) == "missing_claim"
    assert verify(world, world.sign(good(auth_time=NOW - 119)), max_age=60).auth_time == NOW - 119


def test_a_nonce_nobody_asked_for_is_refused(world: World) -> None:
    assert code_of(world, world.sign(good()), nonce=None) == "nonce"
    assert verify(world, world.sign(good(nonce="ABSENT")), nonce=None).subject == SUB


def test_email_counts_as_verified_only_when_it_is_true(world: World) -> None:
    for value in ("true", 1, "yes", None, False):
        assert verify(world, world.sign(good(email_verified=value))).email_verified is False


def test_refusals_never_repeat_the_token_or_a_value(world: World) -> None:
    token = world.sign(good(nonce="n-secret"))
    with pytest.raises(TokenRefused) as caught:
        verify(world, token)
    assert "n-secret" not in str(caught.value)
    assert token not in str(caught.value)
