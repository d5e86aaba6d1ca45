"""The break-glass page: 404 while it is off, one form while it is open."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.anonymous_events import record_anonymous
from accounts.break_glass import credential_check, sessions
from accounts.break_glass.open_until import open_until
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from ui.request_id import request_id

_NOT_ACCEPTED = (
    "Not accepted. Check the name, the secret and the code, and that the clocks of your phone and "
    "of this server agree; each code counts once. After five failures an account rests for fifteen "
    "minutes; `manage.py breakglass unlock` on the portal's machine ends that."
)
_TOO_OFTEN = f"Too many tries failed within this minute. {_NOT_ACCEPTED}"


class BreakGlassForm(forms.Form):
    """Name, secret and code; nothing of it is echoed but the name."""

    name = forms.CharField(max_length=60)
    secret = forms.CharField(max_length=200)
    code = forms.CharField(max_length=60)


@login_not_required
@never_cache
@sensitive_post_parameters("secret", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def break_glass(request: HttpRequest) -> HttpResponse:
    """Let a break-glass account in, or say that this was not accepted; each try is on record."""
    if open_until() is None:
        raise Http404
    if request.method != "POST":
        return _page(request)
    form = BreakGlassForm(request.POST)
    given = form.cleaned_data if form.is_valid() else {}
    name, secret, code = (str(given.get(field, "")) for field in ("name", "secret", "code"))
    with transaction.atomic():  # what counts against an account is recorded, or does not count
        tried = credential_check.attempt(request.META.get("REMOTE_ADDR", ""), name, secret, code)
        if tried.account is None:
            _record_failure(request, name, tried)
    if tried.account is None:
        if not tried.too_many:
            return _page(request, error=_NOT_ACCEPTED, name=name, status=403)
        answer = _page(request, error=_TOO_OFTEN, name=name, status=429)
        answer["Retry-After"] = "60"
        return answer
    sessions.begin(request, tried.account, tried.factor)
    return redirect("home")


def _page(
    request: HttpRequest, *, error: str = "", name: str = "", status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {
        "error": error,
        "name": name,
        "until": open_until(),
        "lasts": int(sessions.LASTS.total_seconds() // 60),
    }
    return render(request, "accounts/break_glass.html", context, status=status)


def _record_failure(request: HttpRequest, name: str, tried: credential_check.Tried) -> None:
    record_anonymous(
        Actor(iss="", sub="", via="web", request=request_id(request)),
        "breakglass.used",
        outcome="failure",
        target=Target(sessions.KIND, safe_display.visible(name)[:60] or "not named"),
        data={"code": tried.code},
        private={"ip": request.META.get("REMOTE_ADDR", "")},
        always=tried.counted,
    )
