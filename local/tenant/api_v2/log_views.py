"""``/logs``: by checkpoint or by search (facts auth0-wire section 6.4)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse

from local.tenant.api_v2.errors_and_rate_limits import ManagementError, not_found
from local.tenant.api_v2.paging import PER_PAGE_MAX, number
from local.tenant.api_v2.users import find
from local.tenant.env import env
from local.tenant.models import LogEvent
from local.tenant.tenant_log import log_events

QUERY_MAX = 2000


def index(request: HttpRequest) -> HttpResponse:
    """``GET /logs``: ``from`` and ``take`` win over everything else."""
    if "from" in request.GET:
        return _checkpoint(request, request.GET["from"])
    return _search(request, "")


def of_user(request: HttpRequest, user_id: str) -> HttpResponse:
    """``GET /users/{id}/logs``."""
    return _search(request, find(user_id).sub)


def show(request: HttpRequest, log_id: str) -> HttpResponse:
    """``GET /logs/{id}``."""
    event = LogEvent.objects.filter(log_id=log_id).first()
    if event is None:
        raise not_found("log", "inexistent_log")
    return JsonResponse(event.as_json())


def _checkpoint(request: HttpRequest, start: str) -> HttpResponse:
    take = number(request, "take", 50, PER_PAGE_MAX) or 50
    try:
        events = log_events.after(start, take)
    except log_events.BadQuery as problem:
        raise ManagementError(400, str(problem), "invalid_query_string") from problem
    last = events[-1].log_id if events else start
    # An empty page repeats its own address: that is how a poller waits.
    following = f"{env().issuer}api/v2/logs?{urlencode({'from': last, 'take': take})}"
    return JsonResponse(
        [event.as_json() for event in events],
        safe=False,
        headers={"Link": f'<{following}>; rel="next"'},
    )


def _search(request: HttpRequest, sub: str) -> HttpResponse:
    query = request.GET.get("q", "")
    if len(query) > QUERY_MAX:
        raise ManagementError(414, "The query is too long", "query_too_long")
    per_page = number(request, "per_page", 50, PER_PAGE_MAX) or 50
    start = number(request, "page", 0, 1_000_000) * per_page
    if start + per_page > log_events.SEARCH_LIMIT:
        raise ManagementError(
            400,
            f"Search reaches {log_events.SEARCH_LIMIT} results; use from and take for more.",
            "invalid_paging",
        )
    try:
        rows = log_events.search(query, sub=sub, newest_first=request.GET.get("sort") != "date:1")
    except log_events.BadQuery as problem:
        raise ManagementError(400, str(problem), "invalid_query_string") from problem
    items = [_fields(request, event.as_json()) for event in rows[start : start + per_page]]
    if request.GET.get("include_totals") != "true":
        return JsonResponse(items, safe=False)
    totals = {"start": start, "limit": per_page, "length": len(items), "total": rows.count()}
    return JsonResponse({**totals, "logs": items})


def _fields(request: HttpRequest, event: dict[str, Any]) -> dict[str, Any]:
    named = set(filter(None, request.GET.get("fields", "").split(",")))
    if not named:
        return event
    keep = request.GET.get("include_fields", "true") != "false"
    return {name: value for name, value in event.items() if (name in named) == keep}
