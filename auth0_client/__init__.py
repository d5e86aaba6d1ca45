"""Speaks Auth0: sign-in, approvals on a second device, Token Vault, connected accounts, management.

Works with any OpenID provider that answers at the same paths; no Django, no state but caches.
"""

from __future__ import annotations

from auth0_client.config import Tenant
from auth0_client.errors import FAILURES, Auth0Error, TokenRefused
from auth0_client.tenant_facade import Auth0

__all__ = ["FAILURES", "Auth0", "Auth0Error", "Tenant", "TokenRefused"]
