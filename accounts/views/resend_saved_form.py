"""The page after a sign-in that shows the form sent before it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.recent_sign_in.requirement import needs_fresh_sign_in
from accounts.recent_sign_in.saved_forms import find, find_of_browser


@require_safe
@never_cache
@needs_fresh_sign_in()
def resume(request: HttpRequest, handle: str) -> HttpResponse:
    """Show what was sent before the sign-in, with one button that sends it now."""
    if not isinstance(request.user, User):
        raise Http404
    if form := find(request.user, handle):
        return render(request, "accounts/resume.html", {"form": form})
    if form := find_of_browser(request, handle):  # who sent it is not known: say whose name it gets
        return render(request, "accounts/resume.html", {"form": form, "now": request.user})
    raise Http404
