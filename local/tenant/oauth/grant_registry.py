"""Grants beyond the engine's own: other packages of the tenant register theirs here."""

from __future__ import annotations

from collections.abc import Callable

from allauth.idp.oidc.models import Client
from django.http import HttpRequest, JsonResponse

GrantHandler = Callable[[HttpRequest, Client, dict[str, str]], JsonResponse]

VAULT_GRANT = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
MISSPELT_VAULT_GRANT = VAULT_GRANT.replace("urn:auth0:", "urn:ietf:", 1)

_handlers: dict[str, GrantHandler] = {}


def register(grant_type: str, handler: GrantHandler) -> None:
    """Serve ``grant_type`` at ``/oauth/token`` with ``handler``.

    The handler is called after client authentication and after the check that the client has the
    grant; it answers JSON or raises OAuthError. Call it from ``AppConfig.ready``.
    """
    _handlers[grant_type] = handler


def handler_of(grant_type: str) -> GrantHandler | None:
    """The registered handler, or None for grants of the engine."""
    return _handlers.get(grant_type)
