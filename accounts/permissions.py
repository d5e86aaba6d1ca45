"""The actor of a web request, and decorators that ask for a role."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from accounts.models import SignedInSession, User
from accounts.sessions import service
from approvals import people_and_roles
from audit.recording.actors import Actor

_KNOWN: Final = "ATA_ACTOR"


def actor(request: HttpRequest) -> Actor:
    """Who acts in this request, with the roles that are in force: those of the sign-in, without
    what the directory lists no longer.

    Raises:
        PermissionDenied: nobody is signed in.
    """
    known: Actor | None = request.META.get(_KNOWN)
    if known is not None:
        return known
    if not isinstance(request.user, User):
        raise PermissionDenied("Sign in first.")
    session: SignedInSession | None = request.META.get("ATA_SESSION")
    found = people_and_roles.with_current_roles(service.actor_of(request, request.user, session))
    request.META[_KNOWN] = found
    return found


def needs_role[**P](
    *roles: str,
) -> Callable[
    [Callable[Concatenate[HttpRequest, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Decorator: 403 unless the person has one of `roles`; the page says whom to ask."""

    def wrap(
        view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not actor(request).roles & set(roles):
                *others, last = (f"{role}s" for role in roles)
                named = f"{', '.join(others)} and {last}" if others else last
                raise PermissionDenied(
                    f"This page is for {named}. Ask an admin for the role if you need it."
                )
            return view(request, *args, **kwargs)

        return checked

    return wrap
