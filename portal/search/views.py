"""`/search/`: a page, and the list below the field in the strip."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import actor
from portal.search import results

_LONGEST = 200


@require_safe
@never_cache
def search(request: HttpRequest) -> HttpResponse:
    """What this person may see whose name contains `q`."""
    me, text = actor(request), request.GET.get("q", "").strip()[:_LONGEST]
    context = {
        "q": text,
        "groups": results.find(me, text),
        "too_short": 0 < len(text) < results.SHORTEST,
        "may_decide": "operator" in me.roles,
        "searching": True,
    }
    part = "search/_results.html" if request.headers.get("HX-Request") else "search/search.html"
    answer = render(request, part, context)
    patch_vary_headers(answer, ["HX-Request"])
    return answer
