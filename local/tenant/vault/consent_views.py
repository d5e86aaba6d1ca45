"""The provider's consent page, reached with a connect ticket."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from local.tenant import clock
from local.tenant.applications import clients
from local.tenant.ciba.phone import who_may_answer
from local.tenant.directory import people_and_claims, sign_in_sessions
from local.tenant.pages import request_waiting_for_sign_in
from local.tenant.pages.errors import error_page
from local.tenant.pages.request_waiting_for_sign_in import Pending
from local.tenant.vault import connecting, tenant_log_events
from local.tenant.vault.models import ConnectAttempt
from local.tenant.vault.providers.catalog import PROVIDERS, Provider

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}\Z")
_STALE: Final = "This link was already used or is older than 5 minutes. Start connecting again."


@who_may_answer.form_or_control
@never_cache
@require_http_methods(["GET", "POST"])
def consent(request: HttpRequest) -> HttpResponse:
    """Show what is asked and take Allow or Cancel; then back to the application.

    Only the person who started connecting may answer, signed in to the tenant: otherwise one
    person's link would attach another person's account.
    """
    ticket = request.POST.get("ticket") or request.GET.get("ticket", "")
    now = clock.now()
    attempt = connecting.by_ticket(ticket, now)
    if attempt is None:
        return error_page(request, 400, _STALE)
    refused = _check_person(request, attempt, ticket)
    if refused is not None:
        return refused
    provider = PROVIDERS[attempt.connection]
    if request.method == "GET":
        return _page(request, attempt, provider, ticket)
    try:
        return _answer(request, attempt, provider, ticket)
    except connecting.BadAttemptError:
        return error_page(request, 400, _STALE)


def _answer(
    request: HttpRequest, attempt: ConnectAttempt, provider: Provider, ticket: str
) -> HttpResponse:
    now = clock.now()
    if request.POST.get("answer") == "cancel":
        back = connecting.cancel(attempt, now)
        tenant_log_events.connect_failed(attempt, f"The user cancelled at {provider.title}")
        return _redirect(back)
    login = (request.POST.get("other") or request.POST.get("login", "")).strip()
    if not _LOGIN.match(login):
        problem = "Choose an account, or type its name: letters, digits and . _ @ + -"
        return _page(request, attempt, provider, ticket, problem=problem)
    return _redirect(connecting.allow(attempt, login, now))


def _check_person(
    request: HttpRequest, attempt: ConnectAttempt, ticket: str
) -> HttpResponse | None:
    session = sign_in_sessions.current(request)
    if who_may_answer.controlled(request) or (session and session.person.sub == attempt.sub):
        return None
    if session is None:
        here = f"{reverse('connect-consent')}?{urlencode({'ticket': ticket})}"
        state = request_waiting_for_sign_in.sign(
            Pending({"client_id": attempt.client_id}, clock.epoch(), here)
        )
        return _redirect(f"{reverse('login')}?{urlencode({'state': state})}")
    return error_page(
        request,
        403,
        f"You are signed in as {session.person.email}, but another person started connecting. "
        "Sign in as that person, or start again from the application.",
    )


def _page(
    request: HttpRequest,
    attempt: ConnectAttempt,
    provider: Provider,
    ticket: str,
    problem: str = "",
) -> HttpResponse:
    client = clients.find(attempt.client_id)
    person = people_and_claims.by_sub(attempt.sub)
    offered = provider.accounts_of(person.given_name, person.family_name) if person else []
    if attempt.login_hint:
        offered = [attempt.login_hint, *(o for o in offered if o != attempt.login_hint)]
    context = {
        "provider": provider,
        "application": client.name if client else attempt.client_id,
        "scopes": provider.words(attempt.scopes),
        "people": offered,
        "chosen": request.POST.get("login") or next(iter(offered), ""),
        "other": request.POST.get("other", ""),
        "ticket": ticket,
        "problem": problem,
    }
    return render(request, "tenant_vault/consent.html", context, status=400 if problem else 200)


def _redirect(url: str) -> HttpResponse:
    # Not HttpResponseRedirect: it refuses the private schemes of native clients.
    return HttpResponse(status=302, headers={"Location": url, "Cache-Control": "no-store"})
