"""A token that is bound to a key (RFC 9449), also in the hands of somebody without that key."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from tests.accounts.trail import events
from tests.attacks.sign_in.forging import ABSENT, b64, present
from tests.attacks.sign_in.provider import Provider
from tests.attacks.sign_in.test_hostile_bearer_tokens_open_no_api import good
from tests.attacks.sign_in.visiting import HOST, Answer

Key = ECKey | RSAKey
KEY, OTHER, P384 = (ECKey.generate_key(curve) for curve in ("P-256", "P-256", "P-384"))
RSA = RSAKey.generate_key(2048)
WHOAMI = f"{settings.PORTAL_URL}/v1/whoami"
_REGISTRY = jws.JWSRegistry(algorithms=["ES256", "ES384", "RS256"], strict_check_header=False)
_REGISTRY.max_header_length = 4096


def jwk(key: Key) -> dict[str, Any]:
    """The public half, as a header carries it."""
    of_kty = ("kty", "crv", "x", "y", "n", "e")
    return {name: value for name, value in key.as_dict(private=False).items() if name in of_kty}


@dataclass
class Proof:
    """One proof before it is written; `finish` changes what was written."""

    token: str
    key: Key = field(default_factory=lambda: KEY)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    finish: Callable[[str], str] = str

    def text(self) -> str:
        """The compact form."""
        header = {
            "typ": "dpop+jwt",
            "alg": "ES256" if isinstance(self.key, ECKey) else "RS256",
            "jwk": jwk(self.key),
        }
        claims = {
            "htm": "GET",
            "htu": WHOAMI,
            "iat": int(time.time()),
            "jti": secrets.token_urlsafe(12),
            "ath": b64(hashlib.sha256(self.token.encode()).digest()),
        }
        header, payload = present(header | self.header), present(claims | self.claims)
        return self.finish(signed(header, json.dumps(payload).encode(), self.key))


def signed(header: dict[str, Any], payload: bytes, key: Key) -> str:
    """A JWS; its signature is of bytes nobody checks where the header is none to sign with."""
    if header.get("alg") in {"ES256", "ES384", "RS256"} and header.get("jwk") != "key":
        return jws.serialize_compact(header, payload, key, registry=_REGISTRY)
    return f"{b64(json.dumps(header).encode())}.{b64(payload)}.{b64(b'x' * 64)}"


def bound(provider: Provider, key: Key = KEY) -> str:
    """An access token that the issuer bound to a key."""
    forge = good(provider)
    forge.claims["cnf"] = {"jkt": key.thumbprint()}
    return str(forge.token())


def call(token: str, proof: str, *, scheme: str = "DPoP", path: str = "/v1/whoami") -> Answer:
    sent: dict[str, Any] = {"HTTP_HOST": HOST, "HTTP_AUTHORIZATION": f"{scheme} {token}"}
    if proof:
        sent["HTTP_DPOP"] = proof
    answer: Answer = Client().get(path, **sent)
    return answer


def assert_refused(answer: Answer, code: str, reason: str) -> None:
    """401 with the challenge of RFC 9449 section 7.1; recorded as done by nobody."""
    assert answer.status_code == 401, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith('DPoP realm="auth0-ata", error="invalid_')
    assert answer["WWW-Authenticate"].endswith('algs="ES256 RS256"')
    assert (answer.json()["code"], answer.json().get("reason", "")) == (code, reason)
    said = [(e["actor"]["sub"], e["data"]["code"], e["data"].get("reason", "")) for e in events()]
    assert said == [("", code, reason)]


UNPROVEN: dict[str, tuple[str, dict[str, Any]]] = {
    "by another key, which it names": ("other_key", {"key": OTHER}),
    "by another key, under the name of the right one": (
        "signature", {"key": OTHER, "header": {"jwk": jwk(KEY)}}),
    "for another method": ("other_request", {"claims": {"htm": "POST"}}),
    "for a method in small letters": ("other_request", {"claims": {"htm": "get"}}),
    "for another call": ("other_request", {"claims": {"htu": WHOAMI + "s"}}),
    "for another portal": (
        "other_request", {"claims": {"htu": "https://portal.example/v1/whoami"}}),
    "for a path only": ("other_request", {"claims": {"htu": "/v1/whoami"}}),
    "for what is no address": ("other_request", {"claims": {"htu": "http://["}}),
    "for somebody at this portal": (
        "other_request", {"claims": {"htu": WHOAMI.replace("//", "//portal.example/")}}),
    "without an address": ("missing_claim", {"claims": {"htu": ABSENT}}),
    "with a list of addresses": ("bad_claim", {"claims": {"htu": [WHOAMI]}}),
    "for another token": ("other_token", {"claims": {"ath": b64(b"0" * 32)}}),
    "for no token": ("missing_claim", {"claims": {"ath": ABSENT}}),
    "of ten minutes ago": ("time", {"claims": {"iat": int(time.time()) - 600}}),
    "of the future": ("time", {"claims": {"iat": int(time.time()) + 10**6}}),
    "of no time": ("missing_claim", {"claims": {"iat": ABSENT}}),
    "of a time beyond calendars": ("bad_claim", {"claims": {"iat": 10**400}}),
    "without an id": ("missing_claim", {"claims": {"jti": ABSENT}}),
    "with an endless id": ("bad_claim", {"claims": {"jti": "x" * 257}}),
    "with a line break in its id": ("bad_claim", {"claims": {"jti": "a\nb"}}),
    "with a signature by nobody": ("algorithm", {"header": {"alg": "none"}}),
    "with a secret that is the public key": ("algorithm", {"header": {"alg": "HS256"}}),
    "by a key of another curve": (
        "malformed", {"header": {"jwk": jwk(P384)}}),
    "with the algorithm of another curve": ("algorithm", {"key": P384, "header": {"alg": "ES384"}}),
    "by a short RSA key": (
        "malformed", {"key": RSA, "header": {"jwk": jwk(RSA) | {"n": jwk(RSA)["n"][:171]}}}),
    "for RS256 with a key of a curve": ("malformed", {"header": {"alg": "RS256", "jwk": jwk(KEY)},
                                                     "key": RSA}),
    "with the private key in it": ("malformed", {"header": {"jwk": KEY.as_dict(private=True)}}),
    "with a key that is text": ("malformed", {"header": {"jwk": "key"}}),
    "with a key of numbers": (
        "malformed", {"header": {"jwk": {"kty": "EC", "crv": "P-256", "x": 1, "y": 2}}}),
    "with a point off the curve": (
        "malformed", {"header": {"jwk": jwk(KEY) | {"y": jwk(OTHER)["y"]}}}),
    "without a key": ("malformed", {"header": {"jwk": ABSENT}}),
    "with the address of a key": ("malformed", {"header": {"jku": "https://keys.example"}}),
    "of another type": ("malformed", {"header": {"typ": "JWT"}}),
    "without a type": ("malformed", {"header": {"typ": ABSENT}}),
    "that is text": ("malformed", {"finish": lambda _: "proof"}),
    "twice in one header": ("encrypted", {"finish": lambda text: f"{text}, {text}"}),
    "without end": ("malformed", {"claims": {"note": "x" * 4096}}),
    "cut": ("signature", {"finish": lambda text: text[:-4]}),
    "with an empty signature": ("signature", {"finish": lambda t: t.rpartition(".")[0] + "."}),
}  # fmt: skip


@pytest.mark.parametrize("name", UNPROVEN)
def test_a_proof_that_proves_nothing_is_refused_with_the_check_that_failed(
    provider: Provider, name: str
) -> None:
    reason, changes = UNPROVEN[name]
    token = bound(provider)
    assert_refused(call(token, Proof(token, **changes).text()), "proof_refused", reason)


def test_a_bound_token_without_a_proof_opens_nothing(provider: Provider) -> None:
    token = bound(provider)
    assert_refused(call(token, ""), "proof_refused", "missing")


@pytest.mark.parametrize("proven", [False, True])
def test_a_bound_token_is_not_taken_as_a_bearer_token(provider: Provider, proven: bool) -> None:
    token = bound(provider)
    proof = Proof(token).text() if proven else ""
    assert_refused(call(token, proof, scheme="Bearer"), "dpop_required", "")


def test_a_token_bound_to_nothing_proves_no_key_as_dpop(provider: Provider) -> None:
    """RFC 9449 section 7.1: the scheme promises that the token is bound."""
    token = str(good(provider).token())
    assert_refused(call(token, Proof(token).text()), "token_refused", "not_bound")


def test_a_proof_that_was_used_is_refused(provider: Provider) -> None:
    token = bound(provider)
    proof = Proof(token).text()
    assert call(token, proof).status_code == 200
    assert_refused(call(token, proof), "proof_refused", "replayed")


def test_two_keys_may_choose_one_id(provider: Provider) -> None:
    for key in (KEY, OTHER):
        token = bound(provider, key)
        assert call(token, Proof(token, key, {"jti": "1"}).text()).status_code == 200


@pytest.mark.parametrize("key", [KEY, RSA])
def test_the_holder_of_the_key_is_let_in(provider: Provider, key: Key) -> None:
    token = bound(provider, key)
    answer = call(token, Proof(token, key).text())
    assert (answer.status_code, answer.json()["sub"]) == (200, good(provider).claims["sub"])


@pytest.mark.parametrize("named", ["?limit=1", "", "?another=1#part"])
def test_query_and_fragment_of_the_address_do_not_count(provider: Provider, named: str) -> None:
    token, path = bound(provider), "/v1/approvals"
    proof = Proof(token, claims={"htu": settings.PORTAL_URL + path + named}).text()
    assert call(token, proof, path=f"{path}?limit=1").status_code == 200


@pytest.mark.parametrize(
    "htu",
    [f"{settings.PORTAL_URL}/v1/%77hoami", WHOAMI.replace("http://localhost", "HTTP://LocalHost")],
    ids=["with an escape", "in capitals"],  # the port differs between processes
)
def test_the_address_may_be_written_in_another_form(provider: Provider, htu: str) -> None:
    token = bound(provider)
    assert call(token, Proof(token, claims={"htu": htu}).text()).status_code == 200
