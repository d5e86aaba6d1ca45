"""APIs (resource servers): who may get a token for which, with which scopes."""

from __future__ import annotations

from collections.abc import Iterable

from allauth.idp.oidc.models import Client

from local.tenant.directory import people_and_claims
from local.tenant.env import env
from local.tenant.models import ClientGrant, Person, ResourceServer
from local.tenant.oauth.errors import OAuthError

OIDC_SCOPES = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})


def userinfo_audience() -> str:
    """The audience of ``/userinfo``."""
    return f"{env().issuer}userinfo"


def management_audience() -> str:
    """The audience of the Management API."""
    return f"{env().issuer}api/v2/"


def my_account_audience() -> str:
    """The audience of the My Account API."""
    return f"{env().issuer}me/"


def require(audience: str) -> ResourceServer:
    """The API with this identifier; raises 403 ``access_denied`` as Auth0 does when unknown."""
    api = ResourceServer.objects.filter(identifier=audience).first()
    if api is None:
        raise OAuthError(403, "access_denied", f"Service not found: {audience}")
    return api


def user_scope(client: Client, person: Person, audience: str, requested: Iterable[str]) -> str:
    """The scope a person's token for ``audience`` gets out of what was asked.

    OIDC scopes are kept; API scopes are kept if the API defines them, the client may ask for
    them, and (with RBAC) the person has them; the rest is dropped silently, as Auth0 does. An
    empty ``audience`` means userinfo only. Raises OAuthError when the API refuses the client.
    """
    wanted = list(dict.fromkeys(requested))
    kept = [name for name in wanted if name in OIDC_SCOPES]
    if not audience:
        return " ".join(kept)
    api = require(audience)
    if not api.allow_offline_access:
        kept = [name for name in kept if name != "offline_access"]
    allowed = set(api.scopes) & _client_scopes(client, api)
    if api.rbac:
        allowed &= set(people_and_claims.permissions(person, audience))
    return " ".join([*kept, *(name for name in wanted if name in allowed)])


def client_scope(client: Client, audience: str, requested: Iterable[str]) -> str:
    """The scope of a client-credentials token: the client grant's, narrowed to what was asked.

    Raises OAuthError 403 ``access_denied`` without a client grant for the API.
    """
    api = require(audience)
    grant = ClientGrant.objects.filter(client=client, audience=api, subject_type="client").first()
    if api.client_access == "deny_all" or grant is None:
        raise OAuthError(
            403,
            "access_denied",
            f'Client is not authorized to access "{audience}". You need to create a '
            '"client-grant" associated to this API.',
        )
    wanted = list(requested)
    return " ".join(name for name in grant.scope if not wanted or name in wanted)


def _client_scopes(client: Client, api: ResourceServer) -> set[str]:
    if api.user_access == "allow_all":
        return set(api.scopes)
    grant = ClientGrant.objects.filter(client=client, audience=api, subject_type="user").first()
    if api.user_access == "deny_all" or grant is None:
        raise OAuthError(
            403,
            "access_denied",
            f'Client "{client.id}" is not authorized to access resource server "{api.identifier}".',
        )
    return set(grant.scope)
