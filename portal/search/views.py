"""`/search/`: a page, and the list below the field in the strip."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import actor
from portal.search import results

_LONGEST = 300
"""Characters of a name, as many as the name of a component has at most."""


@require_safe
@never_cache
def search(request: HttpRequest) -> HttpResponse:
    """What this person may see whose name contains `q`."""
    me, text = actor(request), request.GET.get("q", "").strip()
    too_long = len(text) > _LONGEST
    context = {
        "q": text,
        "groups": [] if too_long else results.find(me, text),
        "too_long": len(text) if too_long else 0,
        "longest": _LONGEST,
        "too_short": 0 < len(text) < results.SHORTEST,
        "may_decide": "operator" in me.roles,
        "searching": True,
    }
    part = "search/_results.html" if request.headers.get("HX-Request") else "search/search.html"
    status = 422 if too_long and not request.headers.get("HX-Request") else 200
    answer = render(request, part, context, status=status)
    patch_vary_headers(answer, ["HX-Request"])
    return answer
