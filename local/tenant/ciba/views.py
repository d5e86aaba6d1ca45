"""The back channel: starting a request, and reading it back as an authenticator does."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from local.tenant import clock
from local.tenant.applications import clients
from local.tenant.ciba import new_question, poll_grant, tenant_log_events
from local.tenant.ciba.models import Consent
from local.tenant.ciba.phone import who_may_answer
from local.tenant.oauth import request_bodies
from local.tenant.oauth.errors import OAuthError


@csrf_exempt
@require_POST
def bc_authorize(request: HttpRequest) -> JsonResponse:
    """`POST /bc-authorize`: ask a person; answers `auth_req_id`, `expires_in`, `interval`."""
    client = clients.authenticate(request)
    params = request_bodies.params(request)
    try:
        clients.require_grant(client, poll_grant.GRANT)
        consent, auth_req_id = new_question.ask(client, params)
    except OAuthError as error:
        tenant_log_events.start_refused(client, params, error)
        raise
    return JsonResponse(
        {
            "auth_req_id": auth_req_id,
            "expires_in": consent.seconds_left(clock.now()),
            "interval": consent.wait_s,
        },
        headers={"Cache-Control": "no-store"},
    )


@require_GET
def rich_consent(request: HttpRequest, consent_id: str) -> JsonResponse:
    """`GET /rich-consents/{id}`: what is asked, for the device of the person asked."""
    consent = get_object_or_404(Consent, pk=consent_id)
    if not who_may_answer.holds(request, consent.sub):
        raise OAuthError(401, "unauthorized", "This device does not belong to the person asked")
    requested = {
        "audience": consent.audience,
        "scope": consent.scope.split(),
        "binding_message": consent.binding_message,
        "authorization_details": consent.authorization_details,
    }
    return JsonResponse(
        {
            "id": consent.id,
            "requested_details": requested,
            "created_at": int(consent.created_at.timestamp()),
            "expires_at": int(consent.expires_at.timestamp()),
        },
        headers={"Cache-Control": "no-store"},
    )
