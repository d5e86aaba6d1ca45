"""Auth0's two ways of paging lists: by page number and by checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest, JsonResponse

from local.tenant.api_v2.errors_and_rate_limits import ManagementError

PER_PAGE_MAX = 100
TAKE_DEFAULT = 50


def number(request: HttpRequest, name: str, default: int, most: int) -> int:
    """A query parameter between 0 and ``most``; raises 400 for anything else."""
    text = request.GET.get(name, "")
    if not text:
        return default
    if not text.isdigit() or int(text) > most:
        raise ManagementError(
            400,
            f"Query validation error: '{text}' on property {name} (must be 0 to {most}).",
            "invalid_query_string",
        )
    return int(text)


def pages[Row: Model](
    request: HttpRequest,
    rows: QuerySet[Row],
    key: str,
    shape: Callable[[Row], dict[str, Any]],
    most: int | None = None,
) -> JsonResponse:
    """``page``/``per_page``: a bare array, or an object with totals on ``include_totals``.

    Of a search nothing beyond its ``most`` results is given.
    """
    per_page = number(request, "per_page", 50, PER_PAGE_MAX)
    start = number(request, "page", 0, 1_000_000) * per_page
    if most is not None and start + per_page > most:
        raise ManagementError(
            400, f"You can only page through the first {most} records.", "invalid_paging"
        )
    items = [shape(row) for row in rows[start : start + per_page]]
    if request.GET.get("include_totals") != "true":
        return JsonResponse(items, safe=False)
    totals = {"start": start, "limit": per_page, "length": len(items), "total": rows.count()}
    return JsonResponse({**totals, key: items})


def checkpoint[Row: Model](
    request: HttpRequest, rows: QuerySet[Row], key: str, shape: Callable[[Row], dict[str, Any]]
) -> JsonResponse:
    """``from``/``take``: an object with ``next`` while there is more, ordered by primary key."""
    take = number(request, "take", TAKE_DEFAULT, PER_PAGE_MAX) or TAKE_DEFAULT
    start = request.GET.get("from", "")
    ordered = rows.order_by("pk")
    if start:
        ordered = ordered.filter(pk__gt=start)
    found = list(ordered[: take + 1])
    body: dict[str, Any] = {key: [shape(row) for row in found[:take]]}
    if len(found) > take:
        body["next"] = str(found[take - 1].pk)
    return JsonResponse(body)
