"""The parties of the vault, over HTTP: a person's tokens, connecting, the exchange."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from tests.support.tenant import Browser, LocalTenant
from tests.tenant.actors import SUBS

API = "https://ata.local/api"
GRANT = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
TOKEN_TYPE = "http://auth0.com/oauth/token-type/federated-connection-access-token"
AT = "urn:ietf:params:oauth:token-type:access_token"
RT = "urn:ietf:params:oauth:token-type:refresh_token"
ME_SCOPES = " ".join(f"{verb}:me:connected_accounts" for verb in ("create", "read", "delete"))


def s256(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass
class Member:
    """A person in a browser, with the web application's tokens."""

    tenant: LocalTenant
    browser: Browser
    who: str
    redirect_uri: str = field(init=False)

    def __post_init__(self) -> None:
        self.redirect_uri = f"{self.tenant.portal_url}/connections/callback/"

    def tokens(self, audience: str, scope: str) -> dict[str, Any]:
        """Sign in to the web application and redeem the code."""
        callback = f"{self.tenant.portal_url}/oidc/callback/"
        verifier = secrets.token_urlsafe(48)
        query = {
            "response_type": "code",
            "client_id": "ata-web",
            "redirect_uri": callback,
            "scope": scope,
            "audience": audience,
            "state": "s",
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
        }
        page = self.browser.get(f"/authorize?{urlencode(query)}")
        if not page.is_redirect:
            page = self.browser.sign_in(page, SUBS[self.who])
        code = parse_qs(urlsplit(page.headers["location"]).query)["code"][0]
        answer = httpx.post(
            f"{self.tenant.url}/oauth/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": callback,
                "client_id": "ata-web",
                "client_secret": self.tenant.secrets.web,
                "code_verifier": verifier,
            },
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def api_token(self) -> str:
        """An access token for the portal's API."""
        return str(self.tokens(API, "openid")["access_token"])

    def me(self, scope: str = ME_SCOPES) -> MyAccount:
        """The My Account API with this person's token."""
        token = self.tokens(f"{self.tenant.issuer}me/", f"openid {scope}")["access_token"]
        return MyAccount(self, str(token))


@dataclass(frozen=True, slots=True)
class MyAccount:
    """The connected-accounts API with one token."""

    member: Member
    token: str

    def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | kwargs.pop("headers", {})
        url = f"{self.member.tenant.url}/me/v1/connected-accounts/{path}"
        return httpx.request(method, url, headers=headers, **kwargs)

    def begin(self, connection: str = "github", **changes: Any) -> httpx.Response:
        body: dict[str, Any] = {
            "connection": connection,
            "redirect_uri": self.member.redirect_uri,
            "state": "st&te=1",
        }
        return self.call("POST", "connect", json=body | changes)

    def consent(self, started: dict[str, Any], **answer: str) -> dict[str, str]:
        """Answer at the provider; returns the query the application gets back."""
        ticket = started["connect_params"]["ticket"]
        address = f"{urlsplit(started['connect_uri']).path}?ticket={ticket}"
        page = self.member.browser.get(address)
        back = self.member.browser.submit(page, **answer)
        assert back.is_redirect, back.text
        target = urlsplit(back.headers["location"])
        assert back.headers["location"].startswith(self.member.redirect_uri)
        return {name: values[0] for name, values in parse_qs(target.query).items()}

    def complete(self, started: dict[str, Any], code: str, **changes: Any) -> httpx.Response:
        body = {
            "auth_session": started["auth_session"],
            "connect_code": code,
            "redirect_uri": self.member.redirect_uri,
        }
        return self.call("POST", "complete", json=body | changes)

    def connect(
        self, connection: str = "github", login: str = "octo-dev", **changes: Any
    ) -> httpx.Response:
        """The whole flow."""
        started = self.begin(connection, **changes).json()
        back = self.consent(started, answer="allow", other=login)
        return self.complete(started, back["connect_code"])

    def accounts(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.call("GET", f"accounts{query}")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["accounts"])


def exchange(tenant: LocalTenant, subject_token: str, /, **changes: str | None) -> httpx.Response:
    """The access-token exchange by the Custom API Client, with changes; None leaves one out."""
    form: dict[str, str | None] = {
        "grant_type": GRANT,
        "client_id": "ata-vault",
        "client_secret": tenant.secrets.vault,
        "subject_token": subject_token,
        "subject_token_type": AT,
        "requested_token_type": TOKEN_TYPE,
        "connection": "github",
    }
    form |= changes
    sent = {name: value for name, value in form.items() if value is not None}
    return httpx.post(f"{tenant.url}/oauth/token", data=sent)
