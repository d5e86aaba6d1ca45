"""Away until a day: an approver sets it for themselves, and that they are back."""

from __future__ import annotations

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.permissions import actor, needs_role
from accounts.views import account
from approvals.absence import set_absence
from approvals.absence.absence_in_words import day
from approvals.errors import Refused
from ui.refused_request_audit_flag import tell


@require_POST
@never_cache
@needs_role("operator", "admin")
def away(request: HttpRequest) -> HttpResponseBase:
    """Set the last day, or with `back` that the person is back. What was typed stays."""
    me = actor(request)
    if request.POST.get("back"):
        last_day = set_absence.until(me)
        try:
            is_cleared = set_absence.clear(me)
        except Refused as refused:
            tell(request, refused.code)
            return _refused(request, refused.detail, "")
        if is_cleared and last_day:
            messages.success(request, f"You ended your absence, set through {day(last_day)}.")
        return redirect("account")
    typed = request.POST.get("until", "").strip()[:40]
    try:
        last_day = date.fromisoformat(typed)
    except ValueError:
        return _refused(request, "Use a date such as 2026-12-12.", typed)
    try:
        set_absence.set_away(me, last_day)
    except Refused as refused:
        tell(request, refused.code)
        return _refused(request, refused.detail, typed)
    messages.success(request, f"You set {day(last_day)} as the last day of your absence.")
    return redirect("account")


def _refused(request: HttpRequest, why: str, typed: str) -> HttpResponse:
    return account.page(request, problem=why, typed=typed, status=422)
