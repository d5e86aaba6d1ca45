"""Clients that are not the portal: third parties ask consent, keys replace secrets."""

from __future__ import annotations

import secrets
import time
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.sign_in import SUBS, Attempt, callback, claims_of
from tests.support.tenant import Browser, LocalTenant

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = RSAKey.generate_key(2048)
CALLBACK = "http://127.0.0.1:9999/back"

REGISTER = """
from allauth.idp.oidc.models import Client
client = Client(id={client_id!r}, name="Foreign notes", type={kind!r}, data={{"auth0": {auth0!r}}})
client.set_secret({secret!r})
client.set_grant_types({grants!r})
client.set_redirect_uris([{callback!r}, "com.example.notes://back"])
client.set_response_types(["code"])
client.save()
"""


def register(
    tenant: LocalTenant, kind: str = "confidential", grants: tuple[str, ...] = (), **auth0: Any
) -> tuple[str, str]:
    """Register a client; returns its id and secret."""
    client_id, secret = f"foreign-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    tenant.execute(
        REGISTER.format(
            client_id=client_id,
            secret=secret,
            kind=kind,
            auth0=auth0,
            grants=list(grants or ("authorization_code", "refresh_token")),
            callback=CALLBACK,
        )
    )
    return client_id, secret


def test_a_third_party_asks_consent_once_and_remembers_it(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    client_id, secret = register(tenant_server, first_party=False)
    attempt = Attempt(tenant_server, client_id=client_id, redirect_uri=CALLBACK)
    page = browser.sign_in(browser.get(attempt.url()), SUBS["member1"])
    assert "Allow Foreign notes?" in page.text
    assert "See your e-mail address" in page.text
    back = callback(browser.submit(page, action="accept"))
    tokens = attempt.redeem(back["code"], client_secret=secret).json()
    claims = claims_of(tenant_server, tokens["id_token"])
    assert (claims["aud"], claims["sub"]) == (client_id, SUBS["member1"])
    again = Attempt(
        tenant_server, client_id=client_id, redirect_uri=CALLBACK, extra={"prompt": "none"}
    )
    assert "code" in callback(browser.get(again.url()))


def test_a_refused_consent_is_told_to_the_client_and_nothing_is_remembered(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    client_id, _ = register(tenant_server, first_party=False)
    attempt = Attempt(tenant_server, client_id=client_id, redirect_uri=CALLBACK)
    page = browser.sign_in(browser.get(attempt.url()), SUBS["member1"])
    back = callback(browser.submit(page, action="deny"))
    assert (back["error"], back["state"]) == ("access_denied", "st-1")
    silent = Attempt(
        tenant_server, client_id=client_id, redirect_uri=CALLBACK, extra={"prompt": "none"}
    )
    assert callback(browser.get(silent.url()))["error"] == "consent_required"


def test_a_public_client_must_use_pkce_and_may_have_a_private_scheme(
    tenant_server: LocalTenant, browser: Browser
) -> None:
    client_id, _ = register(tenant_server, kind="public")
    redirect = "com.example.notes://back"
    bare = Attempt(
        tenant_server,
        client_id=client_id,
        redirect_uri=redirect,
        extra={"code_challenge": "", "code_challenge_method": ""},
    )
    assert callback(browser.get(bare.url()))["error"] == "invalid_request"
    attempt = Attempt(tenant_server, client_id=client_id, redirect_uri=redirect)
    answer = browser.sign_in(browser.get(attempt.url()), SUBS["member1"])
    assert answer.headers["location"].startswith(redirect)
    tokens = attempt.redeem(callback(answer)["code"], client_secret="")
    assert tokens.status_code == 200


def assertion(tenant: LocalTenant, client_id: str, key: RSAKey = KEY, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": tenant.issuer,
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_hex(8),
        **changes,
    }
    return jwt.encode({"alg": "RS256"}, claims, key)


def by_key(tenant: LocalTenant, proof: str) -> httpx.Response:
    body = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": proof,
        "audience": f"{tenant.issuer}api/v2/",
    }
    return httpx.post(f"{tenant.url}/oauth/token", data=body)


@pytest.fixture(scope="module")
def keyed_tenant(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tenant of its own: assertions are read against a clock that nobody moved."""
    tenant = LocalTenant(tmp_path_factory.mktemp("keyed"))
    try:
        yield tenant.start()
    finally:
        tenant.stop()


@pytest.fixture(scope="module")
def keyed_client(keyed_tenant: LocalTenant) -> str:
    """A client that authenticates by private_key_jwt."""
    public = KEY.as_pem(private=False).decode()
    client_id, _ = register(keyed_tenant, grants=("client_credentials",), public_keys=[public])
    return client_id


def test_a_signed_assertion_authenticates_once(
    keyed_tenant: LocalTenant, keyed_client: str
) -> None:
    proof = assertion(keyed_tenant, keyed_client)
    first = by_key(keyed_tenant, proof)
    # Authenticated: what is missing is the grant for the API, not the client's proof.
    assert (first.status_code, first.json()["error"]) == (403, "access_denied")
    second = by_key(keyed_tenant, proof)
    assert (second.status_code, second.json()["error"]) == (401, "invalid_client")
    assert "used before" in second.json()["error_description"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "http://elsewhere/"}, "aud must be"),
        ({"sub": "someone"}, "iss and sub"),
        ({"exp": 1_700_000_000}, "expired"),
        ({"exp": 4_000_000_000}, "lives longer"),
        ({"jti": None}, "needs a jti"),
        ({"exp": "soon"}, "integer exp"),
        ({"iss": "nobody", "sub": "nobody"}, "Unknown client"),
        ({"padding": "x" * 2048}, "longer than"),
    ],
)
def test_an_assertion_that_is_off_names_what_is_wrong(
    keyed_tenant: LocalTenant, keyed_client: str, changes: dict[str, Any], reason: str
) -> None:
    answer = by_key(keyed_tenant, assertion(keyed_tenant, keyed_client, **changes))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert reason in answer.json()["error_description"]


def test_an_assertion_by_another_key_is_refused(
    keyed_tenant: LocalTenant, keyed_client: str
) -> None:
    forged = assertion(keyed_tenant, keyed_client, RSAKey.generate_key(2048))
    answer = by_key(keyed_tenant, forged)
    assert "signature" in answer.json()["error_description"]
    assert by_key(keyed_tenant, "a.b.c").status_code == 401
