"""`/v1/ingest`: what other systems send by themselves (DESIGN 2.5)."""

from __future__ import annotations

import hmac
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse, UnreadablePostError
from ninja import Field, Router, Schema

from accounts.verified_caller_queue_priority import vouch_for
from api import openapi
from api.problems import Problem
from connections.models import Feed
from connections.tenant_log import entry_parsing, record_entries

router = Router(tags=["Ingest"])


class Delivered(Schema):
    """What became of one delivery of a log stream."""

    received: int
    recorded: int
    duplicates: int
    ignored: int = Field(description="Entries of kinds that tell the inventory nothing")
    quarantined: int = Field(description="Items that are no log entry: set aside, and recorded")


_LINES: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    {"type": "array", "items": {}, "maxItems": entry_parsing.MOST},
                    {"type": "object"},
                ]
            }
        },
        "application/x-ndjson": {"schema": {"type": "string"}},
    },
}


@router.post(
    "/auth0-logs",
    operation_id="portal_api_ingest_auth0_logs",
    auth=None,
    response=Delivered,
    summary="Deliveries of an Auth0 log stream",
    openapi_extra=openapi.PUBLIC | openapi.may(401, 404) | {"requestBody": _LINES},
)
def auth0_logs(request: HttpRequest) -> JsonResponse:
    """A JSON array, one object, or JSON lines; `Authorization` is exactly AUTH0_LOG_STREAM_TOKEN.

    At least once and in any order: each entry counts once by its `log_id`. What is no entry is set
    aside and answered with 200, since a refusal would make Auth0 send it again for days.
    """
    _authorise(request)
    try:
        body = request.body
    except UnreadablePostError:
        raise Problem(400, "invalid_json", "The body ended before its time.") from None
    try:
        found = entry_parsing.of_body(body)
    except entry_parsing.TooMany as error:
        raise Problem(413, "too_many", f"{error}.", limit=entry_parsing.MOST) from None
    taken = record_entries.take(Feed.STREAM, found)
    return JsonResponse(
        {
            "received": taken.received,
            "recorded": taken.recorded,
            "duplicates": taken.duplicates,
            "ignored": taken.ignored,
            "quarantined": taken.quarantined,
        }
    )


def _authorise(request: HttpRequest) -> None:
    """Let Auth0 in, by the static value that it was given (it signs nothing).

    Raises:
        Problem: 404 `not_found` where no log stream is configured, else 401 `token_refused`.
    """
    expected = settings.ENV.secret("AUTH0_LOG_STREAM_TOKEN")
    if not expected:
        raise Problem(404, "not_found", "No log stream is configured (AUTH0_LOG_STREAM_TOKEN).")
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise Problem(
            401,
            "token_refused",
            "Authorization is not the value of AUTH0_LOG_STREAM_TOKEN.",
            headers={"WWW-Authenticate": 'Bearer realm="auth0-ata"'},
        )
    vouch_for(request)
