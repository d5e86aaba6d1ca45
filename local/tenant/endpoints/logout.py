"""``/oidc/logout`` (RP-initiated logout) and ``/v2/logout`` (Auth0's older one)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, QueryDict
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods
from joserfc import jwt
from joserfc.errors import JoseError

from local.tenant.applications import clients
from local.tenant.directory import sign_in_sessions
from local.tenant.env import env
from local.tenant.models import LoginSession
from local.tenant.oauth import signing_keys
from local.tenant.pages.errors import error_page
from local.tenant.tenant_log import log_events


class InconsistentLogout(ValueError):
    """A logout request whose hint, session, client or address do not fit together."""


@dataclass(frozen=True, slots=True)
class LogoutAsk:
    """A checked RP-initiated logout request."""

    client_id: str
    return_to: str
    sid: str


@csrf_exempt
@require_http_methods(["GET", "POST"])
def oidc_logout(request: HttpRequest) -> HttpResponse:
    """End the session; ask first when nothing ties the request to it (OIDC RP-Initiated 1.0)."""
    params = request.GET if request.method == "GET" else request.POST
    session = sign_in_sessions.current(request)
    try:
        ask = _read(params, session)
    except InconsistentLogout as problem:
        log_events.write("flo", description=str(problem))
        return error_page(request, 400, str(problem))
    if session is not None and ask.sid != session.sid:
        answered = request.method == "POST" and "action" in params
        if not answered or not _csrf_ok(request):
            return render(request, "tenant/logout.html", {"params": params.items()})
        if params["action"] == "stay":
            return _leave(request, ask.return_to, params.get("state", ""))
    sign_in_sessions.sign_out(request)
    return _leave(request, ask.return_to, params.get("state", ""))


@require_GET
def v2_logout(request: HttpRequest) -> HttpResponse:
    """End the session and go to ``returnTo`` if it is allowed."""
    return_to = request.GET.get("returnTo", "")
    client_id = request.GET.get("client_id", "")
    try:
        _check_address(client_id, return_to)
    except InconsistentLogout as problem:
        log_events.write("flo", description=str(problem))
        return error_page(request, 400, str(problem))
    sign_in_sessions.sign_out(request)
    return _leave(request, return_to, "")


def _read(params: QueryDict, session: LoginSession | None) -> LogoutAsk:
    hint = _hint_claims(params.get("id_token_hint", ""))
    client_id = params.get("client_id", "") or str(hint.get("aud", ""))
    if hint and client_id != hint.get("aud"):
        raise InconsistentLogout("client_id is not the audience of id_token_hint.")
    if hint and session is not None and hint.get("sub") != session.person.sub:
        raise InconsistentLogout("id_token_hint belongs to another person than is signed in here.")
    return_to = params.get("post_logout_redirect_uri", "")
    _check_address(client_id, return_to)
    return LogoutAsk(client_id, return_to, str(hint.get("sid") or params.get("logout_hint", "")))


def _hint_claims(hint: str) -> dict[str, Any]:
    if not hint:
        return {}
    try:
        claims = jwt.decode(hint, signing_keys.verification_keys(), algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        raise InconsistentLogout("id_token_hint is not an ID token of this tenant.") from error
    if claims.get("iss") != env().issuer or not isinstance(claims.get("aud"), str):
        raise InconsistentLogout("id_token_hint is not an ID token of this tenant.")
    return dict(claims)


def _check_address(client_id: str, return_to: str) -> None:
    if not return_to:
        return
    client = clients.find(client_id) if client_id else None
    if client_id and client is None:
        raise InconsistentLogout(f"Unknown client: {client_id}")
    allowed = client.get_post_logout_redirect_uris() if client else [env().portal]
    if return_to not in allowed:
        raise InconsistentLogout(
            f"{return_to} is not in the list of allowed logout URLs. Add it there exactly as sent."
        )


def _csrf_ok(request: HttpRequest) -> bool:
    check = CsrfViewMiddleware(lambda _: HttpResponse())
    return check.process_view(request, lambda _: HttpResponse(), (), {}) is None


def _leave(request: HttpRequest, return_to: str, state: str) -> HttpResponse:
    if not return_to:
        return render(request, "tenant/logged_out.html")
    if state:
        separator = "&" if urlsplit(return_to).query else "?"
        return_to += f"{separator}{urlencode({'state': state})}"
    return HttpResponse(status=302, headers={"Location": return_to})
