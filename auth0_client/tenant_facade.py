"""One Auth0 tenant, ready to use: every part wired to one discovery document and one key set."""

from __future__ import annotations

import time
from collections.abc import Collection

from auth0_client.cache import Clock, Lifetimes
from auth0_client.config import Tenant
from auth0_client.discovery import Discovery
from auth0_client.grants.authorization_code_and_refresh import OAuth
from auth0_client.grants.ciba import Ciba
from auth0_client.grants.device import DeviceFlow
from auth0_client.management_api import Management
from auth0_client.management_api.transport import ManagementTransport
from auth0_client.my_account import SCOPES, MyAccount
from auth0_client.oauth_form_post import Endpoints
from auth0_client.token_vault import Vault
from auth0_client.tokens.access_and_approval_tokens import (
    AccessClaims,
    ApprovalClaims,
    verify_access_token,
    verify_approval_token,
    verify_my_account_token,
)
from auth0_client.tokens.id_token import IdClaims, verify_id_token
from auth0_client.tokens.jwt import Opened
from auth0_client.tokens.logout_token import LogoutClaims, verify_logout_token
from auth0_client.tokens.signing_keys import KeysNow, SigningKeys
from http_client.client import HttpClient


class Auth0:
    """Everything this product says to a tenant. Make one per process and share it; thread-safe.

    ``clock`` gives epoch seconds. ``key_miss_floor`` is the shortest time in seconds between two
    key fetches that unknown key ids can cause.
    """

    def __init__(
        self,
        tenant: Tenant,
        outbound: HttpClient,
        *,
        clock: Clock = time.time,
        lifetimes: Lifetimes | None = None,
        key_miss_floor: float = 60.0,
    ) -> None:
        self.tenant = tenant
        self._clock = clock
        self._opened = Opened()
        self.discovery = Discovery(tenant.issuer, outbound, clock, lifetimes)
        self.keys = SigningKeys(
            self.discovery, outbound, clock, lifetimes=lifetimes, miss_floor=key_miss_floor
        )
        endpoints = Endpoints(self.discovery, outbound)
        self.oauth = OAuth(tenant.web, self.discovery, endpoints, clock)
        self.device = DeviceFlow(tenant.cli, endpoints)
        self.ciba = Ciba(tenant.web, endpoints)
        self.vault = Vault(tenant.vault, endpoints)
        self.my_account = MyAccount(tenant.base, outbound)
        machine = OAuth(tenant.management, self.discovery, endpoints, clock)
        self.management = Management(ManagementTransport(tenant.base, outbound, machine))

    @property
    def issuer(self) -> str:
        """The issuer exactly as discovery spells it: what ``iss`` is compared with."""
        return self.discovery.document().issuer

    def verify_id_token(
        self,
        token: str,
        *,
        nonce: str | None,
        max_age: float | None = None,
        access_token: str | None = None,
        leeway: float = 60.0,
        now: float | None = None,
        once: bool = False,
    ) -> IdClaims:
        """An ID token issued to our web client; see ``id_token.verify_id_token``.

        ``once``: it came in an answer that is not given again, so ``key_miss_floor`` does not hold.
        """
        return verify_id_token(
            token,
            KeysNow(self.keys) if once else self.keys,
            issuer=self.issuer,
            client_id=self.tenant.client_id,
            nonce=nonce,
            max_age=max_age,
            access_token=access_token,
            roles_claim=self.tenant.roles_claim,
            leeway=leeway,
            now=self._at(now),
        )

    def verify_logout_token(self, token: str, *, now: float | None = None) -> LogoutClaims:
        """A back-channel logout token for our web client; remember its ``jti``."""
        return verify_logout_token(
            token,
            self.keys,
            issuer=self.issuer,
            client_id=self.tenant.client_id,
            now=self._at(now),
        )

    def verify_access_token(
        self, token: str, *, allowed_azp: Collection[str], now: float | None = None
    ) -> AccessClaims:
        """A token presented to our API; see ``access_token.verify_access_token``."""
        return verify_access_token(
            token,
            self.keys,
            issuer=self.issuer,
            audience=self.tenant.api_audience,
            allowed_azp=allowed_azp,
            roles_claim=self.tenant.roles_claim,
            now=self._at(now),
            opened=self._opened,
        )

    def verify_approval_token(
        self,
        token: str,
        *,
        expected_sub: str,
        issued_after: float | None = None,
        now: float | None = None,
    ) -> ApprovalClaims:
        """A token issued for one approval; see ``access_token.verify_approval_token``.

        It came in an answer that is not given again, so ``key_miss_floor`` does not hold.
        """
        return verify_approval_token(
            token,
            KeysNow(self.keys),
            issuer=self.issuer,
            audience=self.tenant.approval_audience,
            client_id=self.tenant.client_id,
            expected_sub=expected_sub,
            issued_after=issued_after,
            now=self._at(now),
        )

    def verify_my_account_token(
        self,
        token: str,
        *,
        expected_sub: str,
        required_scopes: Collection[str] = SCOPES,
        now: float | None = None,
    ) -> frozenset[str]:
        """A My Account token really is one, for this person; returns the scopes granted."""
        return verify_my_account_token(
            token,
            self.keys,
            issuer=self.issuer,
            audience=self.tenant.my_account_audience,
            expected_sub=expected_sub,
            required_scopes=required_scopes,
            now=self._at(now),
        )

    def _at(self, now: float | None) -> float:
        return self._clock() if now is None else now
