"""The tenant's typed environment; every secret may also come from a file named by ``NAME_FILE``."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parents[2]
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class TenantEnv(BaseSettings):
    """What the tenant reads from its environment (and from ``.env`` in the checkout)."""

    model_config = SettingsConfigDict(
        env_file=CHECKOUT / ".env", extra="ignore", frozen=True, case_sensitive=False
    )

    var_dir: Path = CHECKOUT / "var"
    portal_env: str = "embedded"
    portal_port: int = 8000
    portal_url: str = ""
    tenant_port: int = 8100
    auth0_issuer: str = ""
    auth0_client_id: str = "ata-web"
    auth0_client_secret: str = ""
    auth0_cli_client_id: str = "ata-cli"
    auth0_vault_client_id: str = "ata-vault"
    auth0_vault_client_secret: str = ""
    auth0_mgmt_client_id: str = "ata-mgmt"
    auth0_mgmt_client_secret: str = ""
    auth0_api_audience: str = "https://ata.local/api"
    auth0_approval_audience: str = "https://ata.local/approvals"
    auth0_roles_claim: str = "https://ata.example/roles"
    auth0_log_stream_url: str = ""
    auth0_log_stream_token: str = ""
    tenant_log_stream_mode: str = Field(default="normal", pattern="^(normal|duplicate|reorder)$")
    tenant_mgmt_burst: int = 50
    tenant_mgmt_rate: float = 16.0
    tenant_control: bool = False

    @model_validator(mode="before")
    @classmethod
    def read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fill ``NAME`` from the file that ``NAME_FILE`` names, where ``NAME`` is not given."""
        for name in cls.model_fields:
            path = os.environ.get(f"{name.upper()}_FILE")
            if path and not values.get(name):
                values[name] = Path(path).read_text().strip()
        return values

    @property
    def issuer(self) -> str:
        """Issuer identifier, always with its trailing slash (Auth0's form)."""
        chosen = self.auth0_issuer or f"http://localhost:{self.tenant_port}/"
        return chosen if chosen.endswith("/") else f"{chosen}/"

    @property
    def portal(self) -> str:
        """Base URL of the portal, without a trailing slash."""
        return (self.portal_url or f"http://localhost:{self.portal_port}").rstrip("/")

    @property
    def log_stream_url(self) -> str:
        """Where log events are streamed to; empty while no stream token is set."""
        if not self.auth0_log_stream_token:
            return ""
        return self.auth0_log_stream_url or f"{self.portal}/v1/ingest/auth0-logs"

    def problems(self) -> list[str]:
        """Reasons this process must not start, each naming its fix; empty when it may."""
        found = []
        if self.portal_env == "production":
            found.append(
                "The local tenant signs anyone in without a password and never runs with "
                "PORTAL_ENV=production. Point AUTH0_ISSUER at a real Auth0 tenant instead."
            )
        if (urlsplit(self.issuer).hostname or "") not in LOOPBACK_HOSTS:
            found.append(
                f"AUTH0_ISSUER={self.issuer} is not a loopback address. The local tenant serves "
                "only http://localhost, 127.0.0.1 or [::1]."
            )
        return found


@lru_cache(maxsize=1)
def env() -> TenantEnv:
    """The environment of this process, read once."""
    return TenantEnv()
