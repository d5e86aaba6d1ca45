"""``/authorize``: from a client's request to a code, by way of sign-in and consent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.idp.oidc.models import Client
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from local.tenant import clock
from local.tenant.applications import apis
from local.tenant.applications.clients import settings_of
from local.tenant.directory import consents, sign_in_sessions
from local.tenant.models import LoginSession
from local.tenant.oauth import engine
from local.tenant.oauth.engine import Approval, BadAuthorizationRequest, RedirectedError
from local.tenant.oauth.errors import OAuthError
from local.tenant.oauth.token_answers import MFA_ACR
from local.tenant.pages import request_waiting_for_sign_in
from local.tenant.pages.errors import error_page
from local.tenant.pages.request_waiting_for_sign_in import Pending
from local.tenant.tenant_log import log_events


@dataclass(frozen=True, slots=True)
class Ask:
    """A valid authorization request and when its browser first arrived with it."""

    client: Client
    scopes: tuple[str, ...]
    pending: Pending

    @property
    def prompts(self) -> frozenset[str]:
        """The ``prompt`` values."""
        return frozenset(self.pending.params.get("prompt", "").split())

    @property
    def audience(self) -> str:
        """The API asked for; empty for userinfo only."""
        return self.pending.params.get("audience") or self.pending.params.get("resource", "")

    @property
    def wants_mfa(self) -> bool:
        """Whether ``acr_values`` asks for a second factor."""
        return MFA_ACR in self.pending.params.get("acr_values", "").split()

    @property
    def max_age(self) -> int | None:
        """Seconds since sign-in that the client accepts, if it says."""
        text = self.pending.params.get("max_age", "")
        if text and not text.isdigit():
            raise RedirectedError("invalid_request", "max_age must be a number of seconds")
        return int(text) if text else None

    def is_fresh(self, session: LoginSession) -> bool:
        """Whether the person signed in during this very request."""
        return session.authenticated_at.timestamp() >= self.pending.since


@csrf_exempt
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Start an authorization request."""
    source = request.GET if request.method == "GET" else request.POST
    doubled = [name for name, values in source.lists() if len(values) > 1 and name != "resource"]
    if doubled:
        return error_page(request, 400, f"Parameter {doubled[0]} is given more than once.")
    params = {name: str(value) for name, value in source.items()}
    return _proceed(request, Pending(params, clock.now().timestamp()))


@require_GET
def resume(request: HttpRequest) -> HttpResponse:
    """Continue an authorization request after sign-in or consent."""
    pending = request_waiting_for_sign_in.read(request.GET.get("state", ""))
    if pending is None:
        return error_page(request, 400, "This sign-in took too long. Start again from the app.")
    return _proceed(request, pending)


@require_POST
def consent(request: HttpRequest) -> HttpResponse:
    """Take the person's answer from the consent page."""
    pending = request_waiting_for_sign_in.read(request.POST.get("state", ""))
    session = sign_in_sessions.current(request)
    if pending is None or session is None:
        return error_page(request, 400, "This sign-in took too long. Start again from the app.")
    if request.POST.get("action") != "accept":
        return _back(pending.params, "access_denied", "User did not authorize the request")
    return _proceed(request, pending.with_consent())


def _proceed(request: HttpRequest, pending: Pending) -> HttpResponse:
    try:
        client, scopes = engine.read_authorization(pending.params)
        return _decide(request, Ask(client, tuple(scopes), pending))
    except BadAuthorizationRequest as error:
        log_events.write("f", client_id=pending.params.get("client_id", ""), description=str(error))
        return error_page(request, 400, str(error))
    except RedirectedError as error:
        return _back(pending.params, error.error, error.description)
    except OAuthError as error:
        return _back(pending.params, error.error, error.description)


def _decide(request: HttpRequest, ask: Ask) -> HttpResponse:
    if ask.audience:
        apis.require(ask.audience)
    max_age = ask.max_age
    session = sign_in_sessions.current(request)
    if session is None or _must_sign_in(ask, session, max_age):
        if "none" in ask.prompts:
            _refuse_silent(ask, session)
        return _redirect(
            f"/u/login?{urlencode({'state': request_waiting_for_sign_in.sign(ask.pending)})}"
        )
    if ask.wants_mfa and not session.mfa:
        raise RedirectedError("access_denied", "Multi-factor authentication is required")
    scope = apis.user_scope(ask.client, session.person, ask.audience, ask.scopes)
    if _must_consent(ask, session, scope):
        if "none" in ask.prompts:
            raise RedirectedError("consent_required", "Consent required")
        return consents.page(request, ask.client, ask.audience, scope, ask.pending)
    return _issue(ask, session, scope)


def _must_sign_in(ask: Ask, session: LoginSession, max_age: int | None) -> bool:
    if ask.is_fresh(session):
        return False
    if ask.wants_mfa or ask.prompts & {"login", "select_account"}:
        return True
    age = (clock.now() - session.authenticated_at).total_seconds()
    return max_age is not None and age > max_age


def _refuse_silent(ask: Ask, session: LoginSession | None) -> None:
    log_events.write("fsa", client=ask.client, description="Login required")
    if session is not None and ask.wants_mfa:
        raise RedirectedError("mfa_required", "Multifactor authentication required")
    raise RedirectedError("login_required", "Login required")


def _must_consent(ask: Ask, session: LoginSession, scope: str) -> bool:
    if settings_of(ask.client).first_party and "consent" not in ask.prompts:
        return False
    if ask.pending.consented:
        return False
    held = consents.covers(session.person, ask.client, ask.audience, scope)
    return "consent" in ask.prompts or not held


def _issue(ask: Ask, session: LoginSession, scope: str) -> HttpResponse:
    fresh = ask.is_fresh(session)
    consents.record(session.person, ask.client, ask.audience, scope)
    approval = Approval(
        session=session,
        audience=ask.audience,
        scope=scope,
        auth_time=None if ask.max_age is None else int(session.authenticated_at.timestamp()),
        amr=("mfa",) if fresh and session.mfa else (),
    )
    log_events.write(
        "ssa" if "none" in ask.prompts else "s",
        client=ask.client,
        person=session.person,
        session_id=session.sid,
        audience=ask.audience,
        scope=scope,
    )
    return _redirect(engine.issue_code(ask.pending.params, approval))


def _back(params: Mapping[str, str], error: str, description: str) -> HttpResponse:
    answer: dict[str, Any] = {"error": error, "error_description": description}
    if params.get("state"):
        answer["state"] = params["state"]
    target = params["redirect_uri"]
    separator = "&" if urlsplit(target).query else "?"
    return _redirect(f"{target}{separator}{urlencode(answer)}")


def _redirect(url: str) -> HttpResponse:
    # Not HttpResponseRedirect: it refuses the private schemes of native clients.
    return HttpResponse(status=302, headers={"Location": url, "Cache-Control": "no-store"})
