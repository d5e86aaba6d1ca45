"""Home by role, and the style guide."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import actor
from audit.recording.actors import Actor
from portal.home import page as homes
from portal.home.panel_types import Home
from ui import local_tenant
from ui.styleguide import styleguide as show_styleguide


@login_not_required
@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """What matters to this person now; a short welcome for people who are not signed in."""
    if not request.user.is_authenticated:
        return render(request, "home/welcome.html", {"local": local_tenant.is_local()})
    me = actor(request)
    if not request.headers.get("HX-Request"):
        answer = render(request, "home/home.html", _context(homes.home(me), me))
    elif request.headers.get("HX-Target") == "home-now":
        context = _context(homes.home(me), me) | {"moved": True}
        answer = render(request, "home/home.html#now", context)
    elif request.headers.get("HX-Target") == "counts":
        seen = request.GET.get("seen", "")
        answer = render(request, "components/counts.html", {"seen": seen})
    else:
        answer = render(request, "home/home.html#waiting", _context(homes.waiting(me), me))
    patch_vary_headers(answer, ["HX-Request", "HX-Target"])
    return answer


def _context(home: Home, me: Actor) -> dict[str, Any]:
    return {"home": home, "may_decide": "operator" in me.roles}


@login_not_required
@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component in every state (embedded mode only)."""
    return show_styleguide(request)
