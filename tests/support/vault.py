"""Starts, tells and stops the provider of `tests/support/vault_provider.py`."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

CHECKOUT = Path(__file__).resolve().parents[2]
CLIENT, SECRET = "ata-vault", "the-secret-of-the-vault-client"


@dataclass
class VaultElsewhere:
    """An Auth0-shaped provider in its own process; `issuer` has its trailing slash."""

    port: int = 0
    module: str = "tests.support.vault_provider"
    _process: subprocess.Popen[str] | None = None
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=60))

    def start(self) -> VaultElsewhere:
        """Listen on a free port."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        return self

    def stop(self) -> None:
        """End it by ending its input."""
        self._http.close()
        if self._process is not None:
            self._process.communicate(timeout=60)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """Base URL, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        """As tokens and discovery name it."""
        return f"{self.url}/"

    def environment(self) -> dict[str, str]:
        """All that a portal has to be told to use it."""
        return {
            "AUTH0_ISSUER": self.issuer,
            "AUTH0_CLIENT_SECRET": "the-secret-of-the-web-client",
            "AUTH0_VAULT_CLIENT_ID": CLIENT,
            "AUTH0_VAULT_CLIENT_SECRET": SECRET,
            "AUTH0_MGMT_CLIENT_SECRET": "the-secret-of-the-machine",
        }

    def tell(self, **told: Any) -> dict[str, Any]:
        """`POST /control`; returns what it was asked so far."""
        answer = self._http.post(f"{self.url}/control", json=told)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def token(self, sub: str, client: str = "ata-cli", /, **claims: Any) -> str:
        """An access token of a person for the portal's API."""
        return str(self.tell(mint={"sub": sub, "azp": client, **claims})["token"])

    def whose(self, provider_token: str) -> str:
        """The login that the provider knows a token by; empty where it takes it no more."""
        headers = {"Authorization": f"Bearer {provider_token}"}
        answer = self._http.get(f"{self.url}/github/user", headers=headers)
        return str(answer.json().get("login", ""))
