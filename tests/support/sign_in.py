"""Code and PKCE against a local tenant, without a browser engine."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.tenant import Browser, LocalTenant

SUBS = {
    "auditor": "auth0|65f0a1d17e5c3b9a40c1a001",
    "operator": "auth0|65f0a1d17e5c3b9a40c1b001",
    "operator2": "auth0|65f0a1d17e5c3b9a40c1b002",
    "admin": "auth0|65f0a1d17e5c3b9a40c1c001",
    "admin2": "auth0|65f0a1d17e5c3b9a40c1c002",
    "member1": "auth0|65f0a1d17e5c3b9a40c1d001",
    "member2": "auth0|65f0a1d17e5c3b9a40c1d002",
}
API = "https://ata.local/api"
MFA = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"


@dataclass
class Attempt:
    """One authorization request of a client and what it needs to redeem its code."""

    tenant: LocalTenant
    client_id: str = "ata-web"
    redirect_uri: str = ""
    scope: str = "openid profile email"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(8))
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.redirect_uri = self.redirect_uri or f"{self.tenant.portal_url}/oidc/callback/"

    def url(self) -> str:
        """The address to open."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": "st-1",
            "nonce": self.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **self.extra,
        }
        return f"/authorize?{urlencode({k: v for k, v in query.items() if v})}"

    def redeem(self, code: str, **changes: str) -> httpx.Response:
        """Exchange the code at the token endpoint."""
        body = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "client_secret": self.tenant.secrets.web,
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        body = {name: value for name, value in body.items() if value}
        return httpx.post(f"{self.tenant.url}/oauth/token", data=body)


def callback(answer: httpx.Response) -> dict[str, str]:
    """The parameters of a redirect back to the client."""
    assert answer.status_code == 302, f"{answer.status_code} {answer.text[:600]}"
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def sign_in(
    browser: Browser, attempt: Attempt, person: str = "operator", *, mfa: bool = True
) -> dict[str, Any]:
    """Sign a person in, if the tenant asks, and redeem the code; returns the token answer."""
    answer = browser.get(attempt.url())
    if not answer.is_redirect:
        answer = browser.sign_in(answer, SUBS[person], mfa=mfa)
    tokens = attempt.redeem(callback(answer)["code"])
    assert tokens.status_code == 200, tokens.text
    return dict(tokens.json())


def claims_of(tenant: LocalTenant, token: str) -> dict[str, Any]:
    """Verified claims of a JWT of the tenant."""
    published = httpx.get(f"{tenant.url}/.well-known/jwks.json").json()
    return dict(jwt.decode(token, KeySet.import_key_set(published), algorithms=["RS256"]).claims)


def management_token(tenant: LocalTenant) -> str:
    """A Management API access token."""
    answer = httpx.post(
        f"{tenant.url}/oauth/token",
        json={
            "grant_type": "client_credentials",
            "client_id": "ata-mgmt",
            "client_secret": tenant.secrets.mgmt,
            "audience": f"{tenant.issuer}api/v2/",
        },
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])
