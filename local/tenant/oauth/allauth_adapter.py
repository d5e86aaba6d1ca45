"""allauth's public seam: issuer, subjects and keys of this tenant."""

from __future__ import annotations

from typing import Literal

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.models import Client, PrivateKey

from local.tenant.directory import people_and_claims
from local.tenant.env import env
from local.tenant.models import Person
from local.tenant.oauth import signing_keys


class TenantAdapter(DefaultOIDCAdapter):  # type: ignore[misc]
    """Auth0's issuer form and subjects; keys from the database."""

    def get_issuer(self) -> str:
        """The issuer, with its trailing slash."""
        return env().issuer

    def get_user_sub(self, client: Client, user: Person) -> str:
        """The person's ``auth0|…`` subject."""
        return user.sub

    def get_user_by_sub(self, client: Client, sub: str) -> Person | None:
        """The person with this subject, unless blocked."""
        return people_and_claims.by_sub(sub)

    def list_private_keys(
        self, *, did_activate: Literal[True] | None = None, is_active: Literal[True] | None = None
    ) -> list[PrivateKey]:
        """Every published key; the newest signs."""
        return [PrivateKey(pem=pem, issued_at=issued_at) for pem, issued_at in signing_keys.pems()]
