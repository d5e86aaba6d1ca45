"""``/oauth/device/code``: the start of the device authorization grant."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from local.tenant.applications import apis, clients
from local.tenant.oauth import device_grant, request_bodies
from local.tenant.oauth.engine import DEVICE_GRANT
from local.tenant.oauth.errors import OAuthError, invalid_request, unauthorized_client
from local.tenant.tenant_log import log_events


@csrf_exempt
@require_POST
def code(request: HttpRequest) -> JsonResponse:
    """Open a device authorization for a native client."""
    params = request_bodies.params(request)
    try:
        answer = _start(params)
    except OAuthError as error:
        log_events.write(
            "fdeaz", client_id=params.get("client_id", ""), description=error.description
        )
        raise
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


def _start(params: dict[str, str]) -> dict[str, object]:
    if not params.get("client_id"):
        raise invalid_request("Missing required parameter: client_id")
    client = clients.find(params["client_id"])
    if client is None:
        raise unauthorized_client("Unknown client")
    if not clients.is_public(client):
        raise unauthorized_client("Confidential clients cannot use the device flow")
    clients.require_grant(client, DEVICE_GRANT)
    audience = params.get("audience") or params.get("resource", "")
    if audience:
        apis.require(audience)
    return device_grant.start(client, audience, params.get("scope", ""))
