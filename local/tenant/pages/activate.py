"""``/activate``: confirming the code a device shows."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from local.tenant import clock
from local.tenant.applications import apis
from local.tenant.directory import consents, sign_in_sessions
from local.tenant.models import DeviceCode, LoginSession
from local.tenant.oauth import device_grant
from local.tenant.oauth.errors import OAuthError
from local.tenant.pages import request_waiting_for_sign_in
from local.tenant.pages.request_waiting_for_sign_in import Pending
from local.tenant.tenant_log import log_events

UNKNOWN = "That code is wrong, already answered or expired. Check the device and type it again."


@require_http_methods(["GET", "POST"])
@never_cache
def activate(request: HttpRequest) -> HttpResponse:
    """Ask for the code, then for the person, then for the confirmation."""
    user_code = (request.POST.get("user_code") or request.GET.get("user_code", "")).strip()
    if not user_code:
        return render(request, "tenant/activate.html", {})
    row = device_grant.waiting(user_code)
    if row is None:
        log_events.write("fdeac", description="Unknown user code")
        context = {"problem": UNKNOWN, "user_code": user_code}
        return render(request, "tenant/activate.html", context, status=400)
    session = sign_in_sessions.current(request)
    if session is None:
        here = f"/activate?{urlencode({'user_code': row.user_code})}"
        state = request_waiting_for_sign_in.sign(
            Pending({"client_id": row.client_id}, clock.epoch(), here)
        )
        return HttpResponseRedirect(f"/u/login?{urlencode({'state': state})}")
    if request.method == "POST" and "action" in request.POST:
        return _answer(request, row, session)
    return _ask(request, row, session)


def _ask(request: HttpRequest, row: DeviceCode, session: LoginSession) -> HttpResponse:
    try:
        scope = apis.user_scope(row.client, session.person, row.audience, row.scope.split())
    except OAuthError as error:
        context = {"problem": error.description, "user_code": row.user_code}
        return render(request, "tenant/activate.html", context, status=403)
    words = [(name, consents.WORDS.get(name, name)) for name in scope.split()]
    return render(request, "tenant/activate_confirm.html", {"device": row, "scopes": words})


def _answer(request: HttpRequest, row: DeviceCode, session: LoginSession) -> HttpResponse:
    approve = request.POST["action"] == "confirm"
    if not device_grant.answer(row, session.person, approve=approve):
        context = {"problem": UNKNOWN, "user_code": row.user_code}
        return render(request, "tenant/activate.html", context, status=400)
    if approve:
        consents.record(session.person, row.client, row.audience, row.scope)
    else:
        log_events.write("fdecc", client=row.client, person=session.person)
    return render(request, "tenant/activate_done.html", {"device": row, "approved": approve})
