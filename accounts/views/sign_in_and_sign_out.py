"""Sign-in, callback and sign-out (OpenID Connect Core, RP-Initiated Logout 1.0), under the
library's URL names."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from mozilla_django_oidc.views import (
    OIDCAuthenticationCallbackView,
    OIDCAuthenticationRequestView,
    OIDCLogoutView,
)

from accounts.oidc_backend import callback_url
from accounts.recent_sign_in.requirement import ANY_FACTOR
from accounts.sessions import service
from accounts.sign_in_errors import SignInRefused, because_of, failed
from approvals import auth0_clients
from audit.recording.record import record
from auth0_client.errors import Auth0Error, IssuerMismatch
from auth0_client.grants.authorization_code_and_refresh import with_query
from connections.revocation import deletion_step
from connections.sync import auth0_reachability
from http_client.errors import BadAnswer, HttpClientError
from http_client.redaction import printable
from ui import outage_banners

log = logging.getLogger("accounts")

_LONGEST_NEXT = 2000
_MULTI_FACTOR = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"


@method_decorator([login_not_required, never_cache], name="dispatch")
class SignIn(OIDCAuthenticationRequestView):  # type: ignore[misc]  # untyped
    """Send the browser to the issuer. `?fresh=1` asks for a new sign-in with a second factor."""

    def __init__(self, **kwargs: Any) -> None:
        super(OIDCAuthenticationRequestView, self).__init__(**kwargs)
        self.OIDC_RP_CLIENT_ID = settings.ENV.AUTH0_CLIENT_ID

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """302 to the authorization endpoint, or a page that says the issuer is away."""
        home = urlsplit(settings.PORTAL_URL).netloc
        if request.get_host() != home:  # the session cookie must live on the host of the callback
            return redirect(settings.PORTAL_URL + request.get_full_path())
        if request.GET.get("again") and settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return failed(request, SignInRefused("cookies_blocked"))
        try:
            endpoint = auth0_clients.auth0().discovery.document().authorization_endpoint
        except (Auth0Error, HttpClientError) as error:
            return failed(request, _unavailable(error))
        if outage_banners.health().tenant and not auth0_reachability.answers_now():
            return failed(request, _away())  # what is in memory would lead to a dead address
        self.OIDC_OP_AUTH_ENDPOINT = ""
        answer: HttpResponseBase = super().get(request)
        asked = parse_qsl(answer["Location"].removeprefix("?"))
        answer["Location"] = with_query(endpoint, asked)
        _remember(request, dict(asked)["state"])
        return answer

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        """The redirect URI from PORTAL_URL; `max_age=0` and MFA when a fresh sign-in is asked.

        Else the longest that a session lasts: an issuer that is asked for `max_age` says
        `auth_time`.
        """
        extra = {"redirect_uri": callback_url(), "max_age": str(settings.SESSION_COOKIE_AGE)}
        if fresh := request.GET.get("fresh"):
            extra |= {"max_age": "0", "prompt": "login"}
            if fresh != ANY_FACTOR:
                extra["acr_values"] = _MULTI_FACTOR
        if hint := request.GET.get("login_hint"):
            extra["login_hint"] = hint[:200]
        return extra


def _remember(request: HttpRequest, state: str) -> None:
    """Keep with nonce and verifier where this tab is going, and whether it has to be fresh."""
    following = request.session.pop("oidc_login_next", None) or ""
    begun = request.session["oidc_states"][state]
    begun["next"] = following if len(following) <= _LONGEST_NEXT else ""
    begun["fresh"] = request.GET.get("fresh", "")[:10]
    request.session.modified = True


def _unavailable(error: Auth0Error | HttpClientError) -> SignInRefused:
    """Discovery failed: nothing was asked yet."""
    if isinstance(error, IssuerMismatch):
        words = "The issuer describes itself as another one. Tell your admin."
        return SignInRefused(error.code, words, 503)
    if isinstance(error, BadAnswer):
        return SignInRefused("bad_answer", because_of(error).words, 503)
    return _away()


def _away() -> SignInRefused:
    return SignInRefused("issuer_unreachable", outage_banners.sign_in_words(), 503)


@method_decorator([login_not_required, never_cache], name="dispatch")
class Callback(OIDCAuthenticationCallbackView):  # type: ignore[misc]  # untyped
    """The issuer's answer. Lost or replayed state restarts the sign-in once, then says so."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Begin a session, or show why not; never a 500."""
        if request.GET.get("error"):
            return self._refused(request)
        states = request.session.get("oidc_states", {})
        self.begun = states.get(request.GET.get("state", ""), {})
        fresh = self.begun.get("fresh")
        request.META["ATA_MAX_AGE"] = 0.0 if fresh else None
        request.META["ATA_SECOND_FACTOR"] = bool(fresh) and fresh != ANY_FACTOR
        try:
            answer: HttpResponseBase = super().get(request)
        except SuspiciousOperation:
            return self._lost_state(request)
        except SignInRefused as refused:
            log.warning("sign-in refused: %s", refused.code)
            return failed(request, refused)
        return answer

    def login_success(self) -> HttpResponseBase:
        """A fresh session key, a row in the session list, and on to where the person was going."""
        following = self.begun.get("next") or settings.LOGIN_REDIRECT_URL
        session = service.begin(self.request, self.user, self.request.META["ATA_SIGN_IN"])
        self.request.session.pop("sign_in_restarted", None)
        if deletion_step.has_pending(session.user.iss, session.user.sub):
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
        error = printable(request.GET.get("error", ""), 60)
        return failed(request, SignInRefused("issuer_said_no", f"The issuer refused: {error}."))

    def _lost_state(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(settings.LOGIN_REDIRECT_URL)
        if request.session.get("sign_in_restarted"):
            del request.session["sign_in_restarted"]
            return failed(request, SignInRefused("state_lost"))
        request.session["sign_in_restarted"] = True
        # `again`: by then the browser shows this session's cookie, or it keeps none.
        return redirect(f"{reverse('oidc_authentication_init')}?again=1")


@method_decorator([login_not_required, never_cache], name="dispatch")
class SignOut(OIDCLogoutView):  # type: ignore[misc]  # untyped
    """End the session here, then at the issuer (RP-Initiated Logout 1.0)."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Sign out; without an end_session_endpoint the sign-out is local."""
        session = service.current(request) if request.user.is_authenticated else None
        if session is None:
            auth.logout(request)
            return redirect("/")
        record(service.actor_of(request, session.user, session), "operator.signed_out")
        sid, local = session.sid, session.ends_at is not None
        service.end(session)
        auth.logout(request)
        if local:  # the issuer knows nothing of it, and may be away
            return redirect("/")
        return redirect(_issuer_logout(sid) or "/")


def _issuer_logout(sid: str) -> str:
    try:
        return (
            auth0_clients.auth0().oauth.end_session_url(settings.PORTAL_URL + "/", sid=sid or None)
            or ""
        )
    except (Auth0Error, HttpClientError):
        return ""


def is_ours(url: str) -> bool:
    """Whether a redirect target stays in the portal."""
    return url_has_allowed_host_and_scheme(
        url,
        allowed_hosts={urlsplit(settings.PORTAL_URL).netloc},
        require_https=settings.PORTAL_URL.startswith("https:"),
    )
