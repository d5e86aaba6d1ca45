"""A tenant made of answers: respx at the transport, real keys, a clock that tests can move."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import respx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc.jwk import RSAKey

from auth0_client import Auth0, Tenant
from http_client import Guard, HttpClient, Retries

ISSUER = "http://localhost:8100/"
NOW = 1_790_000_000.0
SUB = "auth0|65f0aa11bb22cc33dd44ee55"
ROLES = "https://ata.example/roles"

TOKENS = {"access_token": "at-secret-1", "token_type": "Bearer", "expires_in": 86400}
DETAILS = [{"type": "t", "instruction": "Block skill x"}]
REQ_ID = "auth-req-id-secret-0001"


def error(code: str, words: str = "", **more: Any) -> dict[str, Any]:
    """An OAuth error body."""
    return {"error": code, "error_description": words, **more}


def tenant(issuer: str = ISSUER) -> Tenant:
    return Tenant(
        issuer=issuer,
        client_id="ata-web",
        client_secret="web-secret-0001",
        api_audience="https://ata.local/api",
        approval_audience="https://ata.local/approvals",
        cli_client_id="ata-cli",
        vault_client_id="ata-vault",
        vault_client_secret="vault-secret-0001",
        mgmt_client_id="ata-mgmt",
        mgmt_client_secret="mgmt-secret-0001",
        roles_claim=ROLES,
    )


def discovery_document(issuer: str = ISSUER, **changes: Any) -> dict[str, Any]:
    base = issuer.rstrip("/")
    document: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/oauth/token",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "userinfo_endpoint": f"{base}/userinfo",
        "device_authorization_endpoint": f"{base}/oauth/device/code",
        "backchannel_authentication_endpoint": f"{base}/bc-authorize",
        "revocation_endpoint": f"{base}/oauth/revoke",
        "end_session_endpoint": f"{base}/oidc/logout",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }
    return {name: value for name, value in {**document, **changes}.items() if value is not None}


@dataclass
class World:
    """The routes of the pretended tenant, the client under test and its clock."""

    routes: respx.MockRouter
    key: RSAKey
    now: float = NOW
    auth0: Auth0 = field(init=False)

    def __post_init__(self) -> None:
        quick = HttpClient(guard=Guard.embedded(), retries=Retries(first_wait=0.001, attempts=2))
        self.auth0 = Auth0(tenant(), quick, clock=lambda: self.now)
        self.discovery = self.routes.get(
            "http://localhost:8100/.well-known/openid-configuration"
        ).respond(json=discovery_document())
        self.jwks = self.routes.get("http://localhost:8100/.well-known/jwks.json").respond(
            json=key_set(self.key)
        )
        self.token = self.routes.post("http://localhost:8100/oauth/token")

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return signed(self.key, claims, **header)

    def sent(self, route: respx.Route, index: int = -1) -> dict[str, str]:
        """The form fields of a recorded request."""
        return dict(parse_qsl(route.calls[index].request.content.decode()))


def key_set(*keys: RSAKey) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def signed(key: RSAKey, claims: Any, **header: Any) -> str:
    """A compact RS256 token made without the library under test; header None = left out."""
    full = {"alg": "RS256", "typ": "JWT", "kid": key.kid, **header}
    return signed_raw(
        key,
        json.dumps({name: value for name, value in full.items() if value is not None}).encode(),
        json.dumps(claims).encode(),
    )


def signed_raw(key: RSAKey, header: bytes, payload: bytes) -> str:
    message = f"{b64(header)}.{b64(payload)}"
    assert key.private_key is not None
    signature = key.private_key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{message}.{b64(signature)}"


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def endless(member: str) -> Any:
    """A side effect that answers every page with a further one."""
    numbers = count(1)
    return lambda _: httpx.Response(200, json={member: [], "next": str(next(numbers))})


def pages(*bodies: dict[str, Any]) -> Any:
    """A side effect that answers the page its ``from`` parameter asks for."""

    def answer(request: httpx.Request) -> httpx.Response:
        cursor = parse_qs(urlsplit(str(request.url)).query).get("from", ["0"])[0]
        return httpx.Response(200, json=bodies[int(cursor)])

    return answer
