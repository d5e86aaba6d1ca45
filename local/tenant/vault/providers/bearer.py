"""Reading a provider token off a request and checking what it may do."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Concatenate, Protocol

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from local.tenant import clock
from local.tenant.vault.models import ProviderToken
from local.tenant.vault.providers import token_issuing
from local.tenant.vault.providers.catalog import Provider


class Dialect(Protocol):
    """How a provider words the refusals every one of its calls can answer with."""

    def unauthenticated(self, why: str) -> HttpResponse: ...

    def out_of_scope(self, needed: Collection[str], held: Collection[str]) -> HttpResponse: ...


type Call[**P] = Callable[Concatenate[HttpRequest, ProviderToken, P], HttpResponse]


def endpoint[**P](
    provider: Provider, dialect: Dialect, **scopes_by_method: Collection[str]
) -> Callable[[Call[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """An API call that only takes tokens this provider issued.

    Args:
        scopes_by_method: method name to the scopes of which one must be held; an empty
            collection needs a valid token only. Other methods answer 405.
    """

    def decorate(view: Call[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            needed = scopes_by_method.get(request.method or "")
            if needed is None:
                return HttpResponseNotAllowed(list(scopes_by_method))
            try:
                token = token_issuing.check(provider, _bearer(request), clock.now())
            except token_issuing.BadTokenError as bad:
                return dialect.unauthenticated(bad.why)
            if needed and not set(needed) & set(token.scopes):
                return dialect.out_of_scope(needed, token.scopes)
            return view(request, token, *args, **kwargs)

        return guarded

    return decorate


def body(request: HttpRequest) -> dict[str, Any]:
    """A request's JSON object or form fields; empty when it is neither."""
    if request.content_type == "application/json":
        try:
            read = json.loads(request.body)
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}
    return {name: str(value) for name, value in request.POST.items()}


def _bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in {"bearer", "token"} or not token:
        raise token_issuing.BadTokenError("missing")
    return token.strip()
