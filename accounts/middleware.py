"""A session that was ended elsewhere ends here too, on every method, for pages and fragments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.contrib import auth
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.break_glass.allowed_requests import hold_to_limits
from accounts.recent_sign_in import saved_forms
from accounts.recent_sign_in.requirement import (
    answer_form_of_nobody,
    page_behind,
    page_to_sign_in_again,
)
from accounts.sessions import service
from accounts.verified_caller_queue_priority import vouch_for


class PagesNeedSignIn(LoginRequiredMiddleware):
    """Every page needs a sign-in unless it opts out; `/v1` has bearer tokens and no cookies."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        """Lead people who are not signed in to the sign-in, and back to what they asked for."""
        if request.path.startswith("/v1/"):
            return None
        answer = super().process_view(request, view_func, view_args, view_kwargs)
        if answer is None:
            return None
        if request.headers.get("HX-Request"):
            return _htmx_sign_in(request)
        if request.method != "POST":
            return answer
        # The address of a form shows nothing: lead back to what was posted, or to its page.
        page = saved_forms.page_it_came_from(request)
        return answer_form_of_nobody(request) or redirect(sign_in_url(page))


class SessionAssuranceMiddleware:
    """Puts the `SignedInSession` on the request, or signs the browser out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.META["ATA_SESSION"] = None
        if _bears_token(request):
            request.user = AnonymousUser()
        elif request.user.is_authenticated:
            session = service.current(request)
            if session is None:
                ours = saved_forms.sent_by_a_page_of_ours(request)  # its token is not checked yet
                kept = saved_forms.keep(request) if ours else ""
                auth.logout(request)
                return self._ended(request, kept)
            request.META["ATA_SESSION"] = session
            vouch_for(request)
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> None:
        """Hold a break-glass session to what it may do, before any view runs."""
        if (session := request.META["ATA_SESSION"]) is not None:
            hold_to_limits(request, session)

    @staticmethod
    def _ended(request: HttpRequest, kept: str) -> HttpResponse:
        if request.headers.get("HX-Request"):
            return _htmx_sign_in(request)
        if kept and "text/html" in request.headers.get("Accept", ""):
            return page_to_sign_in_again(request, "Your session has ended.", kept)
        if request.method not in {"GET", "HEAD"}:
            return JsonResponse(
                {
                    "type": "about:blank",
                    "title": "Your session has ended",
                    "status": 401,
                    "code": "session_ended",
                    "detail": f"Sign in again at {reverse('oidc_authentication_init')}.",
                },
                status=401,
                content_type="application/problem+json",
            )
        return redirect(sign_in_url(request.get_full_path()))


def _bears_token(request: HttpRequest) -> bool:
    """Whether the token of a `/v1` request decides; its cookie counts for nothing then."""
    return request.path.startswith("/v1/") and "Authorization" in request.headers


def _htmx_sign_in(request: HttpRequest) -> HttpResponse:
    """A script would follow a redirect to the issuer's other origin, and show nothing."""
    return HttpResponse(status=401, headers={"HX-Redirect": sign_in_url(page_behind(request))})


def sign_in_url(back: str) -> str:
    """Where to sign in, returning to `back` afterwards."""
    return f"{reverse('oidc_authentication_init')}?next={quote(back, safe='')}"
