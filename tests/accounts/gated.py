"""The portal's routes and two more: one needs a fresh sign-in, one a young one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path

from accounts.recent_sign_in.requirement import needs_fresh_sign_in

done: list[str] = []
"""What was posted and let through."""


@needs_fresh_sign_in()
def form(request: HttpRequest, name: str) -> HttpResponse:
    """A form page that takes its own post."""
    if request.method == "POST":
        done.append(request.POST["words"])
    return HttpResponse(f"form of {name} {get_token(request)}")


@needs_fresh_sign_in(within_s=60, mfa=False)
def any_factor(request: HttpRequest) -> HttpResponse:
    """Only the age counts."""
    return HttpResponse("let in")


urlpatterns = [
    path("gated/<str:name>/", form),
    path("gated-by-age/", any_factor),
    path("", include("portal.urls")),
]
handler403 = "portal.pages.errors.forbidden"
