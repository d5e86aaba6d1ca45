"""Who may answer from a person's phone.

Three ways, as on a real device or in front of one: this browser picked the phone up (a signed
cookie, the stand-in for the key an enrolled phone holds), it is signed in to the tenant as that
person, or the caller holds the loopback control token of tests and the first-start demonstration.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from local.tenant.directory import sign_in_sessions

COOKIE: Final = "tenant_phones"
COOKIE_AGE_S: Final = 30 * 24 * 3600
HEADER: Final = "Tenant-Control-Token"
_SALT: Final = "tenant.ciba.phone"


def controlled(request: HttpRequest) -> bool:
    """True when the request carries `TENANT_CONTROL_TOKEN` in the `Tenant-Control-Token` header.

    Without that variable in the environment no token is ever right.
    """
    expected = os.environ.get("TENANT_CONTROL_TOKEN", "")
    given = request.headers.get(HEADER, "")
    return bool(expected) and hmac.compare_digest(expected.encode(), given.encode())


def picked_up(request: HttpRequest) -> list[str]:
    """Subjects whose phones this browser picked up."""
    signed = request.get_signed_cookie(COOKIE, default="", salt=_SALT, max_age=COOKIE_AGE_S)
    return signed.split(" ") if signed else []


def holds(request: HttpRequest, sub: str) -> bool:
    """True when this request may answer for `sub`."""
    return signed_in(request) == sub or sub in picked_up(request) or controlled(request)


def signed_in(request: HttpRequest) -> str:
    """Subject of the person signed in to the tenant in this browser, empty for nobody."""
    session = sign_in_sessions.current(request)
    return session.person.sub if session else ""


def pick_up(request: HttpRequest, response: HttpResponse, sub: str) -> None:
    """Remember on this browser that it holds the phone of `sub`."""
    held = sorted({*picked_up(request), sub})
    _store(response, held)


def put_down(request: HttpRequest, response: HttpResponse, sub: str) -> None:
    """Forget the phone of `sub` on this browser."""
    _store(response, [held for held in picked_up(request) if held != sub])


def form_or_control[**P](
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Accept a form with its CSRF token, or a call with the control token and none."""
    protected = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if controlled(request):
            return view(request, *args, **kwargs)
        return protected(request, *args, **kwargs)

    return guarded


def _store(response: HttpResponse, subs: list[str]) -> None:
    response.set_signed_cookie(
        COOKIE,
        " ".join(subs),
        salt=_SALT,
        max_age=COOKIE_AGE_S,
        path="/",
        httponly=True,
        samesite="Strict",
    )
