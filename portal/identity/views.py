"""Sign-in, callback, sign-out and back-channel logout (OpenID Connect Core, RP-Initiated and
Back-Channel Logout 1.0), under the library's URL names."""

from __future__ import annotations

import logging
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from mozilla_django_oidc.views import (
    OIDCAuthenticationCallbackView,
    OIDCAuthenticationRequestView,
    OIDCLogoutView,
)

from approvals import issuer
from audit.actor import Actor
from audit.record import record
from auth0_client.errors import Auth0Error, TokenRefused
from connections import pending
from outbound.errors import OutboundError
from portal.identity import sessions
from portal.identity.backend import SignInRefused, callback_url
from portal.identity.models import SeenLogoutToken
from portal.ops.request_id import request_id

log = logging.getLogger("portal.identity")

_MULTI_FACTOR = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"


@method_decorator([login_not_required, never_cache], name="dispatch")
class SignIn(OIDCAuthenticationRequestView):  # type: ignore[misc]
    """Send the browser to the issuer. `?fresh=1` asks for a new sign-in with a second factor."""

    def __init__(self, **kwargs: Any) -> None:
        super(OIDCAuthenticationRequestView, self).__init__(**kwargs)
        self.OIDC_RP_CLIENT_ID = settings.ENV.AUTH0_CLIENT_ID

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """302 to the authorization endpoint, or a page that says the issuer is away."""
        home = urlsplit(settings.PORTAL_URL).netloc
        if request.get_host() != home:  # the session cookie must live on the host of the callback
            return redirect(settings.PORTAL_URL + request.get_full_path())
        try:
            self.OIDC_OP_AUTH_ENDPOINT = issuer.auth0().discovery.document().authorization_endpoint
        except (Auth0Error, OutboundError):
            return failed(request, "issuer_unreachable", "The issuer could not be reached.", 503)
        answer: HttpResponseBase = super().get(request)
        return answer

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        """The redirect URI from PORTAL_URL; `max_age=0` and MFA when a fresh sign-in is asked."""
        extra = {"redirect_uri": callback_url()}
        if request.GET.get("fresh"):
            extra |= {"max_age": "0", "acr_values": _MULTI_FACTOR, "prompt": "login"}
        if hint := request.GET.get("login_hint"):
            extra["login_hint"] = hint[:200]
        return extra


@method_decorator([login_not_required, never_cache], name="dispatch")
class Callback(OIDCAuthenticationCallbackView):  # type: ignore[misc]
    """The issuer's answer. Lost or replayed state restarts the sign-in once, then says so."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Begin a session, or show why not; never a 500."""
        if request.GET.get("error"):
            return self._refused(request)
        try:
            answer: HttpResponseBase = super().get(request)
        except SuspiciousOperation:
            return self._lost_state(request)
        except SignInRefused as refused:
            log.warning("sign-in refused: %s", refused.code)
            return failed(request, refused.code, refused.words)
        return answer

    def login_success(self) -> HttpResponseBase:
        """A fresh session key, a row in the session list, and on to where the person was going."""
        following = self.success_url
        session = sessions.begin(self.request, self.user, self.request.META["ATA_SIGN_IN"])
        self.request.session.pop("sign_in_restarted", None)
        if pending.has_pending(session.user.iss, session.user.sub):
            return redirect("connections:finish")  # a revocation waits for its owner's own token
        return redirect(following if is_ours(following) else settings.LOGIN_REDIRECT_URL)

    def login_failure(self) -> HttpResponseBase:
        """No code, no state or no session to hold them."""
        return self._lost_state(self.request)

    def _refused(self, request: HttpRequest) -> HttpResponseBase:
        """`error=…`, believed only as the answer to a sign-in that this browser began: a link to
        here from elsewhere must neither sign anybody out nor fill the trail."""
        states = request.session.get("oidc_states", {})
        if states.pop(request.GET.get("state", ""), None) is None:
            return self._lost_state(request)
        request.session["oidc_states"] = states
        error = request.GET.get("error", "")[:60]
        return failed(request, "issuer_said_no", f"The issuer refused: {error}.")

    def _lost_state(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(settings.LOGIN_REDIRECT_URL)
        if request.session.get("sign_in_restarted"):
            del request.session["sign_in_restarted"]
            return failed(
                request, "state_lost", "This sign-in was started in another tab or too long ago."
            )
        request.session["sign_in_restarted"] = True
        return redirect("oidc_authentication_init")


@method_decorator([login_not_required, never_cache], name="dispatch")
class SignOut(OIDCLogoutView):  # type: ignore[misc]
    """End the session here, then at the issuer (RP-Initiated Logout 1.0)."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Sign out; without an end_session_endpoint the sign-out is local."""
        session = sessions.current(request) if request.user.is_authenticated else None
        if session is None:
            auth.logout(request)
            return redirect("/")
        record(sessions.actor_of(request, session.user, session), "operator.signed_out")
        sid = session.sid
        sessions.end(session)
        auth.logout(request)
        return redirect(_issuer_logout(sid) or "/")


def _issuer_logout(sid: str) -> str:
    try:
        return (
            issuer.auth0().oauth.end_session_url(settings.PORTAL_URL + "/", sid=sid or None) or ""
        )
    except (Auth0Error, OutboundError):
        return ""


@login_not_required
@csrf_exempt
@require_POST
def backchannel_logout(request: HttpRequest) -> HttpResponse:
    """The issuer ends sessions here: 200 when done, 400 with a reason otherwise."""
    try:
        token = issuer.auth0().verify_logout_token(request.POST.get("logout_token", ""))
        with transaction.atomic():
            SeenLogoutToken.objects.create(
                jti=token.jti, expires=datetime.fromtimestamp(token.expires_at, UTC)
            )
    except TokenRefused as error:
        return JsonResponse(
            {"error": "invalid_request", "error_description": error.code}, status=400
        )
    except IntegrityError:
        return JsonResponse(
            {"error": "invalid_request", "error_description": "replayed"}, status=400
        )
    except (Auth0Error, OutboundError):
        return JsonResponse({"error": "temporarily_unavailable"}, status=503)
    ended = sessions.end_matching(sid=token.sid or "", iss=token.issuer, sub=token.subject or "")
    record(
        Actor(iss=token.issuer, sub=token.subject or "", via="tenant", request=request_id(request)),
        "session.revoked",
        source="auth0",
        data={"ended": ended, "by": "back-channel logout"},
    )
    answer = HttpResponse(status=200)
    answer["Cache-Control"] = "no-store"
    return answer


def failed(request: HttpRequest, code: str, words: str, status: int = 403) -> HttpResponse:
    """The one sign-in-failed page, with a reference id that the trail repeats."""
    reference = secrets.token_hex(6)
    record(
        Actor(iss="", sub="", via="web", request=request_id(request)),
        "operator.sign_in_failed",
        outcome="failure",
        severity="MEDIUM",
        data={"code": code, "reference": reference},
        private={"ip": request.META.get("REMOTE_ADDR", "")},
    )
    return render(
        request,
        "errors/signin_failed.html",
        {"code": code, "detail": words, "reference": reference},
        status=status,
    )


def is_ours(url: str) -> bool:
    """Whether a redirect target stays in the portal."""
    return url_has_allowed_host_and_scheme(
        url,
        allowed_hosts={urlsplit(settings.PORTAL_URL).netloc},
        require_https=settings.PORTAL_URL.startswith("https:"),
    )
