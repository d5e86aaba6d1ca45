"""Calls of `/v1` with real tokens of a real local tenant, kept for the whole test run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import Client

from audit.recording.actors import Actor
from tests.support.sign_in import API, SUBS, Attempt, sign_in
from tests.support.tenant import LocalTenant

_tokens: dict[tuple[str, str], str] = {}


def actor_of(who: str, *roles: str) -> Actor:
    """The person as events of this tenant name them."""
    return Actor(
        iss=settings.ENV.issuer,
        sub=SUBS[who],
        name=who.title(),
        email=f"{who}@acme.example",
        roles=frozenset(roles),
    )


@dataclass(frozen=True)
class Caller:
    """Somebody with an access token for the API."""

    token: str
    client: Client = field(default_factory=Client)

    def get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        """GET below `/v1/audit`."""
        return self.client.get(f"/v1/audit{path}", query, headers=self._headers())

    def post(self, path: str, body: Any) -> Any:
        """POST JSON below `/v1/audit`; text is sent as it is."""
        return self.client.post(
            f"/v1/audit{path}", body, content_type="application/json", headers=self._headers()
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def caller(tenant: LocalTenant, who: str, *, run: str = "") -> Caller:
    """`who` with a token by a real sign-in with two factors, kept for the whole test run.

    `run` names tests that need one of their own, since it must not be old.
    """
    key = (tenant.url, who + run)
    if key not in _tokens:
        attempt = Attempt(
            tenant, scope="openid profile email write:events", extra={"audience": API}
        )
        _tokens[key] = str(sign_in(tenant.browser(), attempt, who)["access_token"])
    return Caller(_tokens[key])
