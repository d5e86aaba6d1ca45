"""Discovery (RFC 8414, OIDC Discovery 1.0) and the key set."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from local.tenant.env import env
from local.tenant.oauth import signing_keys
from local.tenant.oauth.engine import DEVICE_GRANT

JWKS_MAX_AGE_S = 300


@require_safe
def configuration(request: HttpRequest) -> JsonResponse:
    """What this tenant supports. Like Auth0's, it lists neither CIBA nor Token Vault as a grant."""
    return _public(JsonResponse(metadata()))


@require_safe
def key_set(request: HttpRequest) -> JsonResponse:
    """The published keys, cacheable for five minutes."""
    response = _public(JsonResponse(signing_keys.jwks()))
    response["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE_S}"
    return response


def metadata() -> dict[str, object]:
    """The discovery document's members (facts auth0-wire section 1.1)."""
    issuer = env().issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}authorize",
        "token_endpoint": f"{issuer}oauth/token",
        "device_authorization_endpoint": f"{issuer}oauth/device/code",
        "userinfo_endpoint": f"{issuer}userinfo",
        "jwks_uri": f"{issuer}.well-known/jwks.json",
        "revocation_endpoint": f"{issuer}oauth/revoke",
        "end_session_endpoint": f"{issuer}oidc/logout",
        "backchannel_authentication_endpoint": f"{issuer}bc-authorize",
        "backchannel_token_delivery_modes_supported": ["poll"],
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "client_credentials",
            "authorization_code",
            "refresh_token",
            DEVICE_GRANT,
        ],
        "code_challenge_methods_supported": ["S256", "plain"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "PS256"],
        "claims_supported": [
            "aud", "auth_time", "email", "email_verified", "exp", "family_name", "given_name",
            "iat", "iss", "name", "nickname", "picture", "sub",
        ],
        "request_uri_parameter_supported": False,
        "request_parameter_supported": False,
    }  # fmt: skip


def _public(response: JsonResponse) -> JsonResponse:
    response["Access-Control-Allow-Origin"] = "*"
    return response
