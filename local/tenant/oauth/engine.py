"""allauth's OpenID engine with Auth0's rules: the only importer of its internal modules.

What allauth and oauthlib decide here: the shape of authorization and token requests, PKCE,
redirect and grant checks, the order of errors. What this tenant decides: where codes and tokens
live, what they carry, and which HTTP status an error has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from allauth.idp.oidc.internal.oauthlib.request_validator import OAuthLibRequestValidator
from allauth.idp.oidc.models import Client
from oauthlib.common import Request
from oauthlib.oauth2 import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from oauthlib.oauth2.rfc6749 import errors as rfc6749
from oauthlib.oauth2.rfc8628.grant_types import DeviceCodeGrant
from oauthlib.openid import Server

from local.tenant import clock
from local.tenant.applications import apis
from local.tenant.applications.clients import is_public
from local.tenant.ids import digest
from local.tenant.models import AuthorizationCode, LoginSession
from local.tenant.oauth import device_grant, refresh_tokens, token_answers
from local.tenant.oauth.errors import OAuthError
from local.tenant.oauth.token_answers import Decision

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CODE_LIFETIME_S = 60

# Auth0's status and wording where they differ from the RFCs' (facts auth0-wire 1.4 and 2).
AUTH0_ANSWERS: dict[str, tuple[int, str]] = {
    "invalid_client": (401, "Unauthorized"),
    "invalid_grant": (403, "Invalid authorization code"),
    "unauthorized_client": (403, "Grant type not allowed for the client."),
    "unsupported_grant_type": (403, "Unsupported grant type"),
    "access_denied": (403, "User cancelled the confirmation prompt."),
    "authorization_pending": (403, "User has yet to authorize device code."),
    "slow_down": (
        429,
        f"You are polling faster than the specified interval of {device_grant.INTERVAL_S} seconds.",
    ),
    "expired_token": (403, "The device code has expired. Start the device flow again."),
}


@dataclass(frozen=True, slots=True)
class Approval:
    """What a signed-in person's authorization puts into a code."""

    session: LoginSession
    audience: str
    scope: str
    auth_time: int | None
    amr: tuple[str, ...]


class BadAuthorizationRequest(Exception):
    """A request whose client or redirect_uri cannot be trusted: shown, never redirected."""


class RedirectedError(Exception):
    """An authorization error that goes back to the client's redirect_uri."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


class TenantValidator(OAuthLibRequestValidator):  # type: ignore[misc]
    """Stores codes and tokens in the tenant's tables and matches redirects exactly."""

    def __init__(self, client: Client | None = None, params: Mapping[str, str] | None = None):
        super().__init__()
        self.client = client
        self.params = dict(params or {})
        self.decision: Decision | None = None
        self._code: AuthorizationCode | None = None

    # -- authorization endpoint

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        return redirect_uri in request.client.get_redirect_uris()

    def validate_scopes(self, *args: Any, **kwargs: Any) -> bool:
        return True  # unknown scopes are dropped silently, see apis.user_scope

    def get_default_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return []

    # Who is signed in, whether silently and with what consent, is the authorize view's to judge:
    # it knows max_age, acr_values and back-channel ended sessions, oauthlib does not.
    def validate_silent_login(self, request: Request) -> bool:
        return True

    def validate_silent_authorization(self, request: Request) -> bool:
        return True

    def validate_user_match(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def save_authorization_code(
        self, client_id: str, code: dict[str, str], request: Request, *args: Any, **kwargs: Any
    ) -> None:
        approval: Approval = request.approval
        AuthorizationCode.objects.create(
            digest=digest(code["code"]),
            client=request.client,
            person=approval.session.person,
            session=approval.session,
            redirect_uri=request.redirect_uri,
            scope=approval.scope,
            audience=approval.audience,
            nonce=request.nonce or "",
            code_challenge=request.code_challenge or "",
            code_challenge_method=request.code_challenge_method or "",
            auth_time=approval.auth_time,
            amr=list(approval.amr),
            expires_at=clock.now() + timedelta(seconds=CODE_LIFETIME_S),
        )

    # -- token endpoint: the client was authenticated before the engine is asked

    def client_authentication_required(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        return not (self.client and is_public(self.client))

    def authenticate_client(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        if self.client is None:
            return False
        self._use_client(request, self.client)
        return True

    def authenticate_client_id(
        self, client_id: str, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        return self.authenticate_client(request)

    def validate_code(
        self, client_id: str, code: str, client: Client, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        row = (
            AuthorizationCode.objects.select_related("person", "session")
            .filter(digest=digest(code), client=client)
            .first()
        )
        now = clock.now()
        if row is None or row.spent_at or row.expires_at <= now or row.person.blocked:
            return False
        row.spent_at = now
        row.save(update_fields=["spent_at"])
        self._code = row
        self.decision = Decision(
            client=client,
            person=row.person,
            audience=row.audience,
            scope=row.scope,
            session=row.session,
            nonce=row.nonce,
            auth_time=row.auth_time,
            amr=tuple(row.amr),
        )
        request.user, request.scopes = row.person, row.scope.split()
        return True

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, *args: Any, **kwargs: Any
    ) -> bool:
        return self._code is not None and self._code.redirect_uri == redirect_uri

    def get_code_challenge(self, code: str, request: Request) -> str | None:
        return (self._code.code_challenge or None) if self._code else None

    def get_code_challenge_method(self, code: str, request: Request) -> str | None:
        return self._code.code_challenge_method if self._code else None

    def invalidate_authorization_code(self, *args: Any, **kwargs: Any) -> None:
        """Codes are spent on first sight, right or wrong verifier (see validate_code)."""

    def validate_refresh_token(
        self, refresh_token: str, client: Client, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        row = refresh_tokens.redeem(client, refresh_token)
        audience = self.params.get("audience") or self.params.get("resource", "")
        self.decision = refresh_tokens.decide(row, audience, self.params.get("scope", ""))
        request.user = row.person
        return True

    def get_original_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return self.decision.scopes() if self.decision else []

    def is_within_original_scope(self, *args: Any, **kwargs: Any) -> bool:
        return True  # narrowed in refreshing.decide; extra scopes are ignored, not refused

    def validate_device_code(
        self, client_id: str, code: str, request: Request, *args: Any, **kwargs: Any
    ) -> str | None:
        """oauthlib 4.0.1's hook (CVE-2026-49272), which allauth 65.21.1 does not have yet."""
        status, row = device_grant.poll(request.client, code)
        if status != DeviceCodeGrant.DEVICE_CODE_AUTHORIZED or row is None or row.person is None:
            return None if status == "invalid_grant" else status
        scope = apis.user_scope(request.client, row.person, row.audience, row.scope.split())
        self.decision = Decision(request.client, row.person, row.audience, scope)
        request.user, request.scopes = row.person, scope.split()
        return status

    def save_bearer_token(self, *args: Any, **kwargs: Any) -> None:
        """Refresh tokens are stored when minted; access tokens are self-contained."""


class _Issuer:
    """oauthlib's token handler, answering with the tenant's own tokens."""

    def __init__(self, validator: TenantValidator) -> None:
        self.validator = validator

    def create_token(self, request: Request, *args: Any, **kwargs: Any) -> dict[str, Any]:
        decision = self.validator.decision
        if decision is None:  # client credentials: no person decided anything
            audience = self.validator.params.get("audience", "")
            if not audience:
                raise OAuthError(
                    403, "access_denied", "Non-global clients are not allowed access to APIv1"
                )
            scope = apis.client_scope(request.client, audience, request.scopes or [])
            decision = Decision(request.client, None, audience, scope)
        return token_answers.answer(decision)


class TenantServer(Server):  # type: ignore[misc]
    """oauthlib's OpenID server over the tenant's validator, minting the tenant's tokens."""

    def __init__(self, validator: TenantValidator) -> None:
        super().__init__(validator)
        self._default_token_type = _Issuer(validator)
        # The plain grants: ID tokens are the token handler's.
        self._grant_types = {
            "authorization_code": AuthorizationCodeGrant(validator),
            "refresh_token": RefreshTokenGrant(validator),
            "client_credentials": ClientCredentialsGrant(validator),
            DEVICE_GRANT: DeviceCodeGrant(validator),
        }


ENGINE_GRANTS = frozenset(
    {"authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT}
)


def read_authorization(params: Mapping[str, str]) -> tuple[Client, list[str]]:
    """Validate an authorization request; returns its client and the requested scopes.

    Raises BadAuthorizationRequest when client or redirect_uri are wrong, RedirectedError for
    everything that may be returned to the client.
    """
    validator = TenantValidator()
    try:
        scopes, info = TenantServer(validator).validate_authorization_request(*_request(params))
    except rfc6749.FatalClientError as error:
        raise BadAuthorizationRequest(_fatal(error, params)) from error
    except rfc6749.OAuth2Error as error:
        raise RedirectedError(error.error, error.description or error.error) from error
    return info["request"].client, list(scopes or [])


def issue_code(params: Mapping[str, str], approval: Approval) -> str:
    """Store an authorization code for an approved request; returns the URL to redirect to."""
    server = TenantServer(TenantValidator())
    headers, _, _ = server.create_authorization_response(
        *_request(params), scopes=approval.scope.split(), credentials={"approval": approval}
    )
    return str(headers["Location"])


def exchange(client: Client, params: Mapping[str, str]) -> tuple[dict[str, Any], Decision]:
    """Run one of the engine's grants; returns the token answer and what was decided.

    Raises OAuthError with Auth0's status and wording.
    """
    validator = TenantValidator(client, params)
    server = TenantServer(validator)
    try:
        _, body, status = server.create_token_response(*_token_request(client, params))
    except rfc6749.OAuth2Error as error:
        raise _auth0_error(error.error, error.description or "") from error
    answer: dict[str, Any] = json.loads(body)
    if status != 200:
        raise _auth0_error(answer["error"], answer.get("error_description", ""))
    decision = validator.decision or Decision(client, None, params.get("audience", ""), "")
    return answer, decision


def _request(params: Mapping[str, str]) -> tuple[str, str, str, dict[str, str]]:
    return f"/authorize?{urlencode(params)}", "GET", "", {}


def _token_request(
    client: Client, params: Mapping[str, str]
) -> tuple[str, str, str, dict[str, str]]:
    body = urlencode({**params, "client_id": client.id})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return "/oauth/token", "POST", body, headers


def _auth0_error(error: str, description: str) -> OAuthError:
    status, wording = AUTH0_ANSWERS.get(error, (400, ""))
    return OAuthError(status, error, wording or description or error)


def _fatal(error: rfc6749.FatalClientError, params: Mapping[str, str]) -> str:
    if isinstance(error, rfc6749.InvalidClientIdError):
        return f"Unknown client: {params.get('client_id', '')}"
    if isinstance(error, rfc6749.MismatchingRedirectURIError):
        return (
            f"Callback URL mismatch. {params.get('redirect_uri', '')} is not in the list of "
            "allowed callback URLs of this application. Add it there exactly as sent."
        )
    return str(error.description or error.error)
