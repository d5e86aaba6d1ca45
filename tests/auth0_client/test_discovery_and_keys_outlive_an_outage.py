"""The discovery document and the key set: checked, cached, refreshed, stale rather than gone."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any

import httpx
import pytest
import respx
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import RSAKey

from auth0_client import Auth0, TokenRefused
from auth0_client.cache import Cached, Lifetimes
from auth0_client.errors import IssuerMismatch, NotOffered, Unavailable
from http_client import AddressRefused, BadAnswer, Guard, HttpClient, Retries
from tests.auth0_client.pretended_tenant import (
    DETAILS,
    ISSUER,
    NOW,
    World,
    b64,
    discovery_document,
    key_set,
    signed,
    tenant,
)


def auth0_at(issuer: str) -> Auth0:
    client = HttpClient(guard=Guard.embedded(), retries=Retries(attempts=1))
    return Auth0(tenant(issuer), client, clock=lambda: NOW)


@pytest.mark.parametrize(
    ("configured", "published"),
    [
        ("http://localhost:8100/", "http://localhost:8100/"),
        ("http://localhost:8100", "http://localhost:8100/"),
        ("http://localhost:8100/", "http://localhost:8100"),
        ("http://127.0.0.1:9999/realms/x", "http://127.0.0.1:9999/realms/x"),
    ],
)
def test_the_issuer_is_what_discovery_says_give_or_take_a_slash(
    configured: str, published: str
) -> None:
    with respx.mock as routes:
        url = f"{configured.rstrip('/')}/.well-known/openid-configuration"
        routes.get(url).respond(json=discovery_document(published))
        assert auth0_at(configured).issuer == published


def test_a_document_of_another_issuer_is_refused_with_advice() -> None:
    with respx.mock as routes:
        routes.get(f"{ISSUER}.well-known/openid-configuration").respond(
            json=discovery_document("http://evil.example/")
        )
        with pytest.raises(IssuerMismatch) as caught:
            _ = auth0_at(ISSUER).issuer
    assert "AUTH0_ISSUER" in caught.value.advice


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"issuer": 5}, "issuer"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"token_endpoint": ["x"]}, "token_endpoint"),
        ({"jwks_uri": "/relative"}, "jwks_uri"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"revocation_endpoint": 7}, "revocation_endpoint"),
        (
            {"token_endpoint_auth_methods_supported": "post"},
            "token_endpoint_auth_methods_supported",
        ),
    ],
)
def test_a_bent_document_is_named_by_field(changes: dict[str, Any], field: str) -> None:
    with respx.mock as routes:
        routes.get(f"{ISSUER}.well-known/openid-configuration").respond(
            json={**discovery_document(), **changes}
        )
        with pytest.raises(BadAnswer) as caught:
            auth0_at(ISSUER).discovery.document()
    assert caught.value.field == field


def test_an_https_issuer_may_not_send_us_to_plain_http() -> None:
    issuer = "https://idp.example/"
    document = discovery_document(issuer, token_endpoint="http://idp.example/oauth/token")
    with respx.mock as routes:
        routes.get(f"{issuer}.well-known/openid-configuration").respond(json=document)
        with pytest.raises(BadAnswer, match="leaves https"):
            auth0_at(issuer).discovery.document()


def test_an_endpoint_at_a_metadata_address_is_never_called(world: World) -> None:
    world.discovery.respond(
        json=discovery_document(token_endpoint="http://169.254.169.254/oauth/token")
    )
    with pytest.raises(AddressRefused):
        world.auth0.oauth.refresh("r-1")


def test_an_endpoint_that_is_not_offered_is_named(world: World) -> None:
    world.discovery.respond(json=discovery_document(backchannel_authentication_endpoint=None))
    with pytest.raises(NotOffered, match="backchannel_authentication_endpoint"):
        world.auth0.ciba.start("auth0|x", "42-17-08")


def test_the_document_is_fetched_once_while_fresh_and_again_when_not(world: World) -> None:
    for _ in range(3):
        world.auth0.discovery.document()
    assert world.discovery.call_count == 1
    world.now += 3601
    world.auth0.discovery.document()
    assert world.discovery.call_count == 2


def test_an_old_document_serves_with_its_age_while_the_tenant_is_down(world: World) -> None:
    world.auth0.discovery.document()
    world.discovery.mock(side_effect=httpx.ConnectError("down"))
    world.now += 7200
    assert world.auth0.discovery.document().age(world.now) == 7200
    calls = world.discovery.call_count
    world.auth0.discovery.document()
    assert world.discovery.call_count == calls, "a failing tenant is not asked on every call"
    world.now += 86_400
    with pytest.raises(Unavailable):
        world.auth0.discovery.document()


def test_a_tenant_that_answers_with_rubbish_counts_as_down(world: World) -> None:
    world.auth0.discovery.document()
    world.discovery.respond(text="<html>maintenance</html>")
    world.now += 7200
    assert world.auth0.discovery.document().issuer == ISSUER


def test_an_unknown_key_is_looked_up_at_most_once_a_minute(world: World, other_key: RSAKey) -> None:
    world.auth0.keys.snapshot()
    for second in range(0, 180, 10):
        world.now = NOW + second
        with pytest.raises(TokenRefused):
            world.auth0.keys.find(f"invented-{second}")
    assert world.jwks.call_count == 3
    world.jwks.respond(json=key_set(world.key, other_key))
    world.now += 60
    assert world.auth0.keys.find("key-2").public_key == other_key.public_key
    assert world.jwks.call_count == 4


def test_a_rotated_key_is_accepted_without_a_restart(world: World, other_key: RSAKey) -> None:
    world.auth0.keys.snapshot()
    world.jwks.respond(json=key_set(other_key))
    world.now += 61
    claims = {"iss": ISSUER, "sub": "a", "aud": "ata-web", "iat": NOW, "exp": NOW + 600}
    token = signed(other_key, claims)
    assert world.auth0.verify_id_token(token, nonce=None).kid == "key-2"


def test_what_is_answered_once_is_judged_by_the_keys_of_that_moment(
    world: World, other_key: RSAKey
) -> None:
    """An approval comes once: it must not fail because somebody looked for keys a moment ago."""
    world.auth0.keys.snapshot()
    world.jwks.respond(json=key_set(other_key))
    world.now += 1
    claims = {"iss": ISSUER, "sub": "a", "aud": "ata-web", "iat": NOW, "exp": NOW + 600}
    token = signed(other_key, claims)
    with pytest.raises(TokenRefused):
        world.auth0.verify_id_token(token, nonce="n")
    assert world.auth0.verify_id_token(token, nonce=None, once=True).kid == "key-2"
    world.jwks.respond(json=key_set(world.key))
    approval = claims | {"aud": "https://ata.local/approvals", "azp": "ata-web"}
    approval |= {"authorization_details": DETAILS}
    token = world.sign(approval)
    assert world.auth0.verify_approval_token(token, expected_sub="a").kid == "key-1"
    assert world.jwks.call_count == 3


def test_the_snapshot_keeps_the_exact_bytes_for_evidence(world: World) -> None:
    raw = httpx.Response(200, json=key_set(world.key)).content
    snapshot = world.auth0.keys.snapshot()
    assert snapshot.raw == raw
    assert snapshot.digest == hashlib.sha256(raw).hexdigest()
    assert snapshot.fetched_at == NOW


def test_keys_that_cannot_verify_rs256_are_passed_over(world: World) -> None:
    sound = world.key.as_dict(private=False)
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    short = {"kty": "RSA", "kid": "short", "n": b64(numbers.n.to_bytes(128)), "e": "AQAB"}
    odd: list[dict[str, Any]] = [
        short,
        {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
        {**sound, "kid": "enc", "use": "enc"},
        {**sound, "kid": "ps", "alg": "PS256"},
        {**sound, "kid": "no-n", "n": 5},
        {"kty": "RSA", "kid": "empty"},
        {**sound, "kid": "even", "e": "Ag"},
        sound,
    ]
    world.jwks.respond(json={"keys": odd})
    assert [kid for kid, _ in world.auth0.keys.snapshot().keys] == ["key-1"]


@pytest.mark.parametrize(
    "body", [{}, {"keys": []}, {"keys": "x"}, {"keys": [5]}, {"keys": [{"kty": "oct"}]}, []]
)
def test_a_key_set_without_a_usable_key_is_a_bad_answer(world: World, body: Any) -> None:
    world.jwks.respond(json=body)
    with pytest.raises(BadAnswer):
        world.auth0.keys.snapshot()


def test_many_threads_cause_one_fetch(world: World) -> None:
    threads = [threading.Thread(target=world.auth0.keys.snapshot) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (world.discovery.call_count, world.jwks.call_count) == (1, 1)


def test_a_source_that_hangs_keeps_nobody_waiting_who_can_be_served_from_memory() -> None:
    hung, let_go = threading.Event(), threading.Event()
    now, calls = [0.0], [0]

    def fetch() -> int:
        calls[0] += 1
        if calls[0] > 1:
            hung.set()
            let_go.wait(60)
        return calls[0]

    cached = Cached("thing", fetch, Lifetimes(fresh=10, stale=100, pause=1), lambda: now[0])
    assert cached.get() == 1
    now[0] = 11.0
    asking = threading.Thread(target=cached.get)
    asking.start()
    assert hung.wait(20)
    answers: list[int] = []
    other = threading.Thread(target=lambda: answers.append(cached.get()))
    other.start()
    other.join(20)
    served = list(answers)
    let_go.set()
    asking.join()
    other.join()
    assert served == [1], "the held value, at once"
    assert cached.get() == 2


@pytest.mark.parametrize("newer", [False, True])
def test_a_source_that_hangs_keeps_one_thread_waiting_where_nothing_is_held(newer: bool) -> None:
    hung, let_go, calls = threading.Event(), threading.Event(), [0]

    def fetch() -> int:
        calls[0] += 1
        if calls[0] > 1:
            hung.set()
            let_go.wait(60)
        raise Unavailable("discovery", detail="it hangs")

    cached = Cached("thing", fetch, Lifetimes(), lambda: 0.0)
    refused: list[str] = []

    def ask() -> None:
        try:
            _ = cached.get_newer(5) if newer else cached.get()
        except Unavailable as error:
            refused.append(str(error))

    ask()
    asking = threading.Thread(target=ask)
    asking.start()
    assert hung.wait(20)
    others = [threading.Thread(target=ask) for _ in range(8)]
    for other in others:
        other.start()
    deadline = time.monotonic() + 10
    for other in others:
        other.join(max(0.0, deadline - time.monotonic()))
    at_once = len(refused)
    let_go.set()
    asking.join()
    assert (at_once, calls[0]) == (9, 2), "the failure of before, at once"
    assert len(set(refused)) == 1


def test_whoever_needs_a_newer_one_waits_for_the_one_that_is_being_fetched() -> None:
    fetching, let_go, calls = threading.Event(), threading.Event(), [0]

    def fetch() -> int:
        calls[0] += 1
        if calls[0] > 1:
            fetching.set()
            let_go.wait(60)
        return calls[0]

    now = [0.0]
    cached = Cached("keys", fetch, Lifetimes(), lambda: now[0])
    assert cached.get() == 1
    now[0] = 60.0
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(cached.get_newer(5))) for _ in range(4)]
    threads[0].start()
    assert fetching.wait(20)
    for thread in threads[1:]:
        thread.start()
    let_go.set()
    for thread in threads:
        thread.join(20)
    assert found == [2, 2, 2, 2]
