"""Who we are at which tenant: plain values, given by the reader of the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Credential(Protocol):
    """A secret that may change while we run."""

    def value(self) -> str:
        """What it is now."""

    def newer(self, refused: str) -> str | None:
        """Another value than the refused one, if there is one by now."""


@dataclass(frozen=True, slots=True)
class Client:
    """One application registered at the tenant; an empty secret means a public client."""

    client_id: str
    client_secret: str | Credential = field(default="", repr=False)

    @property
    def secret(self) -> str:
        """The secret as it is now; empty for a public client."""
        held = self.client_secret
        return held if isinstance(held, str) else held.value()

    def newer_secret(self, refused: str) -> str | None:
        """What the secret became since ``refused`` was read; None if it is the same."""
        held = self.client_secret
        return None if isinstance(held, str) else held.newer(refused)


@dataclass(frozen=True, slots=True)
class Tenant:
    """An Auth0 tenant and our applications in it.

    ``issuer`` is kept exactly as configured; tokens are compared with the issuer that discovery
    names, which may differ from it by a trailing slash and by nothing else.
    """

    issuer: str
    client_id: str
    client_secret: str | Credential = field(repr=False)
    api_audience: str
    approval_audience: str
    cli_client_id: str
    vault_client_id: str
    vault_client_secret: str | Credential = field(repr=False)
    mgmt_client_id: str
    mgmt_client_secret: str | Credential = field(repr=False)
    roles_claim: str

    @property
    def base(self) -> str:
        """The issuer with exactly one trailing slash: what Auth0's own APIs hang off."""
        return self.issuer.rstrip("/") + "/"

    @property
    def my_account_audience(self) -> str:
        """``{issuer}me/``, slash included (My Account API)."""
        return f"{self.base}me/"

    @property
    def management_audience(self) -> str:
        """``{issuer}api/v2/``, slash included (Management API)."""
        return f"{self.base}api/v2/"

    @property
    def web(self) -> Client:
        """The web application: sign-in and CIBA."""
        return Client(self.client_id, self.client_secret)

    @property
    def cli(self) -> Client:
        """The native application of the command line: device flow, no secret."""
        return Client(self.cli_client_id)

    @property
    def vault(self) -> Client:
        """The Custom API Client that exchanges access tokens at Token Vault."""
        return Client(self.vault_client_id, self.vault_client_secret)

    @property
    def management(self) -> Client:
        """The machine client of the Management API."""
        return Client(self.mgmt_client_id, self.mgmt_client_secret)
