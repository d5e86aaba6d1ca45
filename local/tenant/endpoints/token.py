"""``/oauth/token`` and ``/oauth/revoke``."""

from __future__ import annotations

from allauth.idp.oidc.models import Client
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from local.tenant import clock
from local.tenant.applications import clients
from local.tenant.applications.clients import settings_of
from local.tenant.ciba.models import Consent
from local.tenant.directory import sign_in_sessions
from local.tenant.ids import digest
from local.tenant.models import RefreshToken
from local.tenant.oauth import engine, grant_registry, refresh_tokens, request_bodies
from local.tenant.oauth.engine import DEVICE_GRANT, ENGINE_GRANTS
from local.tenant.oauth.errors import OAuthError, invalid_request
from local.tenant.oauth.token_answers import Decision
from local.tenant.tenant_log import log_events

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
# Polling answers are no failure and Auth0 does not log them.
QUIET = frozenset({"authorization_pending", "slow_down"})
LOG_CODES = {
    "authorization_code": ("seacft", "feacft"),
    "refresh_token": ("sertft", "fertft"),
    "client_credentials": ("seccft", "feccft"),
    DEVICE_GRANT: ("sede", "fede"),
}


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Authenticate the client, then run the grant it asks for."""
    params = request_bodies.params(request)
    grant_type = params.get("grant_type", "")
    if not grant_type:
        raise invalid_request("Missing required parameter: grant_type")
    _refuse_unknown(grant_type)
    client = clients.authenticate(request)
    clients.require_grant(client, grant_type)
    handler = grant_registry.handler_of(grant_type)
    if handler is not None:
        return handler(request, client, params)
    return _by_engine(client, grant_type, params)


@csrf_exempt
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    """Revoke a refresh token: 200 and an empty body whether or not it exists (RFC 7009).

    Here, and not documented at Auth0, a client also takes back its own CIBA request so (section
    2.1 leaves further kinds of token to the server).
    """
    params = request_bodies.params(request)
    client = clients.authenticate(request)
    if not params.get("token"):
        raise invalid_request("Missing required parameter: token")
    row = RefreshToken.objects.filter(digest=digest(params["token"]), client=client).first()
    if row is not None:
        refresh_tokens.revoke_family(row)
        log_events.write("srrt", client=client, person=row.person)
    else:
        Consent.take_back(str(client.id), params["token"], clock.now())
    return HttpResponse(status=200)


def _refuse_unknown(grant_type: str) -> None:
    if grant_type in ENGINE_GRANTS or grant_registry.handler_of(grant_type):
        return
    hint = f"Unsupported grant type: {grant_type}."
    if grant_type == grant_registry.MISSPELT_VAULT_GRANT:
        hint += f" The Token Vault grant is {grant_registry.VAULT_GRANT}."
    raise OAuthError(403, "unsupported_grant_type", hint)


def _by_engine(client: Client, grant_type: str, params: dict[str, str]) -> HttpResponse:
    refusal: OAuthError | None = None
    # One transaction, committed even when refused: a spent code or a revoked family must stay so.
    with transaction.atomic():
        try:
            answer, decision = engine.exchange(client, params)
            _note_success(client, grant_type, decision)
        except OAuthError as error:
            refusal = error
    if refusal is None:
        return JsonResponse(answer, headers=NO_STORE)
    if refusal.error not in QUIET:
        log_events.write(
            LOG_CODES[grant_type][1],
            client=client,
            description=refusal.description,
            details={"error": refusal.error},
        )
    return refusal.response()


def _note_success(client: Client, grant_type: str, decision: Decision) -> None:
    if decision.session is not None and grant_type == "authorization_code":
        sign_in_sessions.visit(decision.session, client)
    log_events.write(
        LOG_CODES[grant_type][0],
        client=client,
        person=decision.person,
        audience=decision.audience,
        scope=decision.scope,
        details={"rotating": settings_of(client).rotating} if grant_type == "refresh_token" else {},
    )
