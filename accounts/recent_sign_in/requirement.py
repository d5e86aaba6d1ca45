"""What matters most needs a sign-in that is minutes old and had a second factor.

Both are the issuer's words: `auth_time` where the issuer said it (OpenID Connect Core 1.0
section 2), and `mfa` in `amr` (RFC 8176). A time that we only assumed proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Concatenate
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.models import SignedInSession
from accounts.recent_sign_in import saved_forms
from approvals import clock
from approvals.errors import FRESH_FOR_S, FRESH_SIGN_IN
from auth0_client.tokens.access_and_approval_tokens import AccessClaims
from auth0_client.tokens.id_token import LEEWAY_S
from ui import refused_request_audit_flag
from ui.request_id import request_id

WITH_MFA = "1"
ANY_FACTOR = "age"
_BREAK_GLASS = "This needs a sign-in at the issuer, and waits until it answers again."
_SAFE = frozenset({"GET", "HEAD"})

type View[**P] = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def needs_fresh_sign_in[**P](
    within_s: int = FRESH_FOR_S, mfa: bool = True
) -> Callable[[View[P]], View[P]]:
    """Decorator: the person signed in within the last `within_s` seconds, with a second factor.

    Who asks for a page is sent to sign in and comes back to it. Any other method changes nothing
    and gets 401: `HX-Redirect` for htmx, a page for a browser, problem+json for everything else.
    A break-glass session gets 403: the issuer did not vouch for it.
    """

    def wrap(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            session: SignedInSession | None = request.META.get("ATA_SESSION")
            why = what_is_missing(session, within_s, mfa)
            if why == _BREAK_GLASS:
                raise PermissionDenied(why)
            return _ask(request, why, mfa) if why else view(request, *args, **kwargs)

        return checked

    return wrap


def is_fresh(
    session: SignedInSession | None, within_s: int = FRESH_FOR_S, mfa: bool = True
) -> bool:
    """Whether the sign-in of this session is new and strong enough."""
    return not what_is_missing(session, within_s, mfa)


def what_is_missing(session: SignedInSession | None, within_s: int, mfa: bool) -> str:
    """Why the sign-in is not enough, as a sentence; empty when it is."""
    if session is None:
        return "You are not signed in."
    if session.ends_at is not None:
        return _BREAK_GLASS
    age = clock.now() - session.auth_time
    if not session.auth_time_said:
        return "The issuer did not say when you signed in."
    if age > timedelta(seconds=within_s):
        return f"You signed in more than {_minutes(within_s)} ago."
    if age < -timedelta(seconds=LEEWAY_S):
        return "Your sign-in lies in the future: a clock is wrong."
    if mfa and "mfa" not in session.amr:
        return "You signed in without a second factor."
    return ""


def what_a_token_lacks(claims: AccessClaims) -> str:
    """Why an access token proves no fresh sign-in, as a sentence; empty when it does."""
    if claims.auth_time is None:
        return "This token does not say when you signed in."
    age = clock.now() - datetime.fromtimestamp(claims.auth_time, UTC)
    if age > timedelta(seconds=FRESH_FOR_S):
        return f"You signed in more than {FRESH_FOR_S // 60} minutes ago."
    if age < -timedelta(seconds=LEEWAY_S):
        return "Your sign-in lies in the future: a clock is wrong."
    return "" if "mfa" in claims.amr else "You signed in without a second factor."


def fresh_sign_in_url(back: str, mfa: bool = True) -> str:
    """Where to sign in afresh, returning to `back` afterwards."""
    query = {"fresh": WITH_MFA if mfa else ANY_FACTOR, "next": back}
    return f"{reverse('oidc_authentication_init')}?{urlencode(query)}"


def page_behind(request: HttpRequest) -> str:
    """The page that the person looks at: of an htmx request, the one it was sent from."""
    if request.headers.get("HX-Request"):
        return saved_forms.path_of(request.headers.get("HX-Current-URL", "/"))
    return request.get_full_path()


def _ask(request: HttpRequest, why: str, mfa: bool) -> HttpResponseBase:
    refused_request_audit_flag.mark(request, FRESH_SIGN_IN)
    answer = _answer(request, why, mfa)
    answer["Cache-Control"] = "no-store"
    return answer


def _answer(request: HttpRequest, why: str, mfa: bool) -> HttpResponse:
    if request.headers.get("HX-Request"):
        answer = HttpResponse(status=401)
        answer["HX-Redirect"] = fresh_sign_in_url(page_behind(request), mfa)
        return answer
    if request.method in _SAFE:
        return redirect(fresh_sign_in_url(page_behind(request), mfa))
    if "text/html" in request.headers.get("Accept", ""):
        return page_to_sign_in_again(request, why, saved_forms.keep(request), mfa)
    url = fresh_sign_in_url(saved_forms.page_it_came_from(request), mfa)
    return JsonResponse(
        {
            "type": "about:blank",
            "title": "Sign in again to do this",
            "status": 401,
            "code": FRESH_SIGN_IN,
            "detail": f"{why} Nothing was changed. Sign in at {url} and send this again.",
            "sign_in": url,
            "request_id": request_id(request),
        },
        status=401,
        content_type="application/problem+json",
    )


def page_to_sign_in_again(
    request: HttpRequest, why: str, handle: str, mfa: bool = True
) -> HttpResponse:
    """The page that a refused form gets: it leads to the sign-in and, by the `handle` of the kept
    form, back to what was sent."""
    back = reverse("resume", args=[handle]) if handle else saved_forms.page_it_came_from(request)
    words = {
        "detail": f"{why} What you sent is kept for a quarter of an hour." if handle else why,
        "url": fresh_sign_in_url(back, mfa),
        "reference": request_id(request),
    }
    return render(request, "errors/fresh.html", words, status=401)


def answer_form_of_nobody(request: HttpRequest) -> HttpResponse | None:
    """What a form gets that a browser posted when nobody is signed in: the page that leads to the
    sign-in and back to what was sent. None for any other request, or where no form is kept."""
    if request.headers.get("HX-Request") or "text/html" not in request.headers.get("Accept", ""):
        return None
    if not (handle := saved_forms.keep_for_browser(request)):
        return None
    answer = page_to_sign_in_again(request, "You are not signed in.", handle)
    answer["Cache-Control"] = "no-store"
    return answer


def _minutes(seconds: int) -> str:
    minutes = max(1, round(seconds / 60))
    return "a minute" if minutes == 1 else f"{minutes} minutes"
