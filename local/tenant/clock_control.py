"""``/__control/``: moving the clock, for tests. Absent unless TENANT_CONTROL is set."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from local.tenant import clock
from local.tenant.oauth import request_bodies
from local.tenant.oauth.errors import invalid_request


@csrf_exempt
@require_POST
def move_clock(request: HttpRequest) -> JsonResponse:
    """Move this process's clock forward by ``advance`` seconds; answers the new time."""
    try:
        seconds = float(request_bodies.params(request)["advance"])
    except (KeyError, ValueError) as error:
        raise invalid_request("Give advance, a number of seconds") from error
    if seconds < 0:
        raise invalid_request("The clock only moves forward")
    return JsonResponse({"now": clock.advance(seconds).isoformat()})
