"""Whatever a tenant answers, each call returns its type or raises one of the named failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from auth0_client import FAILURES, Auth0
from http_client import Guard, HttpClient, Retries
from tests.auth0_client.pretended_tenant import discovery_document, key_set, signed, tenant

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
NAMES = [
    "access_token", "token_type", "expires_in", "scope", "id_token", "authorization_details",
    "error", "error_description", "errorCode", "message", "interval", "auth_req_id", "device_code",
    "user_code", "verification_uri", "auth_session", "connect_uri", "connect_params", "ticket",
    "accounts", "connections", "next", "id", "connection", "scopes", "created_at", "sessions",
    "tokens", "clients", "client_id", "user_id", "name", "type", "log_id", "_id", "email", "title",
]  # fmt: skip
LIKELY = ["Bearer", "authorization_pending", "slow_down", "x", "", "2026-11-24T10:00:00Z", 5, [{}]]

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars | st.sampled_from(LIKELY),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=12,
)
bodies = values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)

CALLS: dict[str, Callable[[Auth0], object]] = {
    "code": lambda a: a.oauth.exchange_code("c", code_verifier="v", redirect_uri="r"),
    "revoke": lambda a: a.oauth.revoke("r"),
    "device start": lambda a: a.device.start(scope="openid"),
    "device poll": lambda a: a.device.poll("d"),
    "ciba start": lambda a: a.ciba.start("auth0|x", "42-17-08"),
    "ciba poll": lambda a: a.ciba.poll("q"),
    "exchange": lambda a: a.vault.exchange_access_token("t", "github"),
    "connect": lambda a: a.my_account.connect(
        "t", "github", redirect_uri="r", state="s", code_challenge="c"
    ),
    "accounts": lambda a: a.my_account.accounts("t"),
    "connectable": lambda a: a.my_account.connectable("t"),
    "delete": lambda a: a.my_account.delete("t", "cac_1"),
    "users": lambda a: a.management.users_created(BEGINNING),
    "role members": lambda a: a.management.has_members({"admin"}),
    "user": lambda a: a.management.user("auth0|x"),
    "methods": lambda a: a.management.authentication_methods("auth0|x"),
    "sessions": lambda a: a.management.sessions("auth0|x"),
    "refresh tokens": lambda a: a.management.refresh_tokens("auth0|x"),
    "grants": lambda a: a.management.grants("auth0|x"),
    "log items": lambda a: a.management.log_items_after("L0"),
    "logs": lambda a: a.management.search_logs('type:"s"'),
}


class Liar:
    """A transport that tells the truth about itself and lies about everything else."""

    def __init__(self, key: RSAKey) -> None:
        self.keys = key_set(key)
        self.status, self.body = 200, b""
        client = HttpClient(
            guard=Guard.embedded(),
            retries=Retries(attempts=1),
            transport=httpx.MockTransport(self.answer),
        )
        self.auth0 = Auth0(tenant(), client)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("openid-configuration"):
            return httpx.Response(200, json=discovery_document())
        if request.url.path.endswith("jwks.json"):
            return httpx.Response(200, json=self.keys)
        if b"client_credentials" in request.content:
            return httpx.Response(200, json={"access_token": "m", "token_type": "Bearer"})
        return httpx.Response(self.status, content=self.body)


@pytest.fixture(scope="module")
def liar(key: RSAKey) -> Iterator[Liar]:
    yield Liar(key)


quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("name", CALLS)
@quick
@given(status=st.sampled_from([200, 200, 201, 400, 401, 403, 404, 429, 500]), body=bodies)
def test_a_call_answers_its_type_or_a_named_failure(
    liar: Liar, name: str, status: int, body: bytes
) -> None:
    liar.status, liar.body = status, body
    try:
        CALLS[name](liar.auth0)
    except FAILURES:
        return


CLAIMS = ["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "sid", "events", "scope", "cnf"]


@quick
@given(
    claims=st.dictionaries(st.sampled_from(CLAIMS), values),
    header=st.dictionaries(st.sampled_from(["typ", "kid", "alg", "x"]), values, max_size=2),
)
def test_a_token_is_verified_or_refused(
    liar: Liar, key: RSAKey, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    token = signed(key, claims, **header)
    for verify in (
        lambda: liar.auth0.verify_id_token(token, nonce="n", max_age=5, access_token="a"),
        lambda: liar.auth0.verify_logout_token(token),
        lambda: liar.auth0.verify_access_token(token, allowed_azp={"x"}),
        lambda: liar.auth0.verify_approval_token(token, expected_sub="x"),
    ):
        with pytest.raises(FAILURES):
            verify()


@quick
@given(st.text() | st.from_regex(r"[A-Za-z0-9_=-]*(\.[A-Za-z0-9_=-]*){0,5}"))
def test_any_text_that_is_no_token_is_refused(liar: Liar, text: str) -> None:
    with pytest.raises(FAILURES):
        liar.auth0.verify_id_token(text, nonce="n")
