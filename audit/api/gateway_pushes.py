"""What DefenseClaw gateways push: `/services/collector/event` (HEC) and `/v1/ingest/defenseclaw`.

The answer waits for the spool on disk and for nothing else. A gateway takes every other answer than
200 for a loss or sends again, and while it waits it may stall its agents.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from ninja import Router, Schema

from accounts.verified_caller_queue_priority import vouch_for
from api import openapi
from api.problems import Problem
from audit.ingest.pushes import ingest_tokens, spool
from audit.ingest.pushes.spool import SpoolFull

router = Router(tags=["Ingest"])

_SUCCESS: Final = {"text": "Success", "code": 0}
_RETRY_S: Final = "5"


class Taken(Schema):
    """What was stored of one push."""

    stored_bytes: int


_LINES: dict[str, Any] = {
    "required": True,
    "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
}


@router.post(
    "/defenseclaw/{instance}",
    operation_id="portal_api_ingest_defenseclaw",
    auth=None,
    response=Taken,
    summary="Records that a DefenseClaw gateway pushes",
    openapi_extra=openapi.PUBLIC | openapi.may(401, 503) | {"requestBody": _LINES},
)
def jsonl(request: HttpRequest, instance: str) -> JsonResponse:
    """JSON lines of an `http_jsonl` destination; the bearer is the instance's ingest token.

    They are stored on disk and become events soon after; what is no event is set aside then. 503
    says that the spool of this gateway is full.
    """
    if _sender(request, "bearer") != instance:
        raise Problem(
            401,
            "token_refused",
            "The bearer is not the ingest token of this instance (ingest_token_file).",
            headers={"WWW-Authenticate": 'Bearer realm="auth0-ata"'},
        )
    vouch_for(request)
    try:
        body = _body(request)
        _keep(instance, spool.JSONL, body)
    except UnreadablePostError:
        raise Problem(400, "invalid_json", "The body ended before its time.") from None
    except SpoolFull:
        detail = "The spool of this gateway is full; the portal's worker may not run."
        raise Problem(503, "spool_full", detail, headers={"Retry-After": _RETRY_S}) from None
    return JsonResponse({"stored_bytes": len(body)})


@csrf_exempt
@login_not_required
def hec(request: HttpRequest) -> HttpResponse:
    """Splunk's HTTP Event Collector, as far as DefenseClaw uses it; the token names the gateway."""
    if request.method != "POST":
        return JsonResponse(
            {"text": "Method not allowed", "code": 404}, status=405, headers={"Allow": "POST"}
        )
    if not request.headers.get("Authorization"):
        return _hec(401, "Token is required", 2)
    instance = _sender(request, "splunk")
    if not instance:
        return _hec(403, "Invalid token", 4)
    vouch_for(request)
    try:
        _keep(instance, spool.HEC, _body(request))
    except UnreadablePostError:
        return _hec(400, "Incomplete body", 6)
    except SpoolFull:
        answer = _hec(503, "Server is busy", 9)
        answer["Retry-After"] = _RETRY_S
        return answer
    return JsonResponse(_SUCCESS)


def _hec(status: int, text: str, code: int) -> JsonResponse:
    return JsonResponse({"text": text, "code": code}, status=status)


def _sender(request: HttpRequest, scheme: str) -> str:
    """The gateway whose token the request has; empty where it has none."""
    given, _, token = request.headers.get("Authorization", "").partition(" ")
    return ingest_tokens.sender(token.strip()) if given.lower() == scheme else ""


def _body(request: HttpRequest) -> bytes:
    """The whole body; its headers were checked first (`portal.ops.request_body_limits`)."""
    body: bytes = request.read()
    return body


def _keep(instance: str, rail: str, body: bytes) -> None:
    if body.strip():
        spool.keep(instance, rail, body)
