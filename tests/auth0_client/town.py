"""One running local tenant, our client for it, and a clock that moves with the tenant's."""

from __future__ import annotations

import time

from auth0_client import Auth0, Tenant
from auth0_client.tokens.token_response import Tokens
from http_client import Guard, HttpClient
from tests.support.sign_in import SUBS, callback
from tests.support.tenant import LocalTenant
from tests.tenant.actors import DETAILS

API = "https://ata.local/api"
APPROVALS = "https://ata.local/approvals"
PORTAL = "http://localhost:8000"


class Town:
    """One running tenant, our client and a clock that moves with the tenant's."""

    def __init__(self, tenant: LocalTenant) -> None:
        self.tenant = tenant
        self.offset = 0.0
        self.outbound = HttpClient(guard=Guard.embedded())
        config = Tenant(
            issuer=tenant.issuer,
            client_id="ata-web",
            client_secret=tenant.secrets.web,
            api_audience=API,
            approval_audience=APPROVALS,
            cli_client_id="ata-cli",
            vault_client_id="ata-vault",
            vault_client_secret=tenant.secrets.vault,
            mgmt_client_id="ata-mgmt",
            mgmt_client_secret=tenant.secrets.mgmt,
            roles_claim="https://ata.example/roles",
        )
        self.auth0 = Auth0(config, self.outbound, clock=lambda: time.time() + self.offset)

    def advance(self, seconds: float) -> None:
        self.tenant.advance(seconds)
        self.offset += seconds

    def sign_in(self, who: str, **asked: str) -> tuple[Tokens, str]:
        """The tokens and the nonce of a sign-in through a browser."""
        browser = self.tenant.browser()
        begun = self.auth0.oauth.begin(f"{PORTAL}/oidc/callback/", **asked)  # type: ignore[arg-type]
        returned = callback(browser.sign_in(browser.get(begun.url), SUBS[who]))
        assert returned["state"] == begun.state
        tokens = self.auth0.oauth.exchange_code(
            returned["code"],
            code_verifier=begun.code_verifier,
            redirect_uri=f"{PORTAL}/oidc/callback/",
        )
        browser.http.close()
        return tokens, begun.nonce

    def ask(self, who: str = "operator") -> tuple[str, float]:
        """Start a question; its `auth_req_id` and when it was asked."""
        self.advance(61)
        asked_at = time.time() + self.offset
        started = self.auth0.ciba.start(
            SUBS[who],
            "42-17-08",
            audience=APPROVALS,
            requested_expiry=300,
            authorization_details=DETAILS,
        )
        assert (started.expires_in, started.interval) == (300, 5)
        return started.auth_req_id, asked_at
