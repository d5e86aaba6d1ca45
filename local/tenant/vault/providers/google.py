"""Google's Calendar and userinfo APIs, as far as an agent of the demonstration needs them.

Error bodies follow google.aip.dev/193.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from local.tenant import clock
from local.tenant.vault.models import ProviderItem, ProviderToken
from local.tenant.vault.providers.bearer import body, endpoint
from local.tenant.vault.providers.catalog import GOOGLE

_AUTH = "https://www.googleapis.com/auth/"
_READ = (_AUTH + "calendar.readonly", _AUTH + "calendar")
_READ_EVENTS = (*_READ, _AUTH + "calendar.events")
_WRITE_EVENTS = (_AUTH + "calendar", _AUTH + "calendar.events")


class _Dialect:
    def unauthenticated(self, why: str) -> HttpResponse:
        response = _error(
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token.",
        )
        response["WWW-Authenticate"] = 'Bearer realm="https://accounts.google.com/"'
        return response

    def out_of_scope(self, needed: Collection[str], held: Collection[str]) -> HttpResponse:
        return _error(
            403,
            "PERMISSION_DENIED",
            "Request had insufficient authentication scopes.",
            reason="ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        )


_GOOGLE = _Dialect()


@endpoint(GOOGLE, _GOOGLE, GET=("openid", "email", "profile"))
def userinfo(request: HttpRequest, token: ProviderToken) -> HttpResponse:
    """`GET /oauth2/v3/userinfo`."""
    info: dict[str, object] = {"sub": token.grant.user_id}
    if "email" in token.scopes:
        info |= {"email": token.grant.login, "email_verified": True}
    return JsonResponse(info)


@endpoint(GOOGLE, _GOOGLE, GET=_READ)
def calendars(request: HttpRequest, token: ProviderToken) -> HttpResponse:
    """`GET /calendar/v3/users/me/calendarList`."""
    items = [
        {
            "kind": "calendar#calendarListEntry",
            "id": token.grant.login,
            "summary": token.grant.login,
            "primary": True,
            "accessRole": "owner",
        },
        {
            "kind": "calendar#calendarListEntry",
            "id": "on-call@acme.example",
            "summary": "On call",
            "accessRole": "reader",
        },
    ]
    return JsonResponse({"kind": "calendar#calendarList", "items": items})


@endpoint(GOOGLE, _GOOGLE, GET=_READ_EVENTS, POST=_WRITE_EVENTS)
def events(request: HttpRequest, token: ProviderToken) -> HttpResponse:
    """`GET` and `POST /calendar/v3/calendars/primary/events`."""
    place = f"{token.grant.user_id}/events"
    now = clock.now()
    if request.method == "GET":
        items = ProviderItem.objects.filter(provider=GOOGLE.name, place=place).order_by("id")
        return JsonResponse({"kind": "calendar#events", "items": [item.body for item in items]})
    asked = body(request)
    item = ProviderItem.objects.create(provider=GOOGLE.name, place=place, body={}, created_at=now)
    item.body = {
        "kind": "calendar#event",
        "id": f"evt{item.pk}",
        "status": "confirmed",
        "summary": str(asked.get("summary", "(No title)")),
        "start": asked.get("start", {"dateTime": now.isoformat()}),
        "end": asked.get("end", {"dateTime": (now + timedelta(hours=1)).isoformat()}),
        "creator": {"email": token.grant.login, "self": True},
    }
    item.save()
    return JsonResponse(item.body)


def _error(code: int, status: str, message: str, reason: str = "") -> HttpResponse:
    error: dict[str, object] = {"code": code, "message": message, "status": status}
    if reason:
        error["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": "googleapis.com",
            }
        ]
    return JsonResponse({"error": error}, status=code)


urlpatterns = [
    path("oauth2/v3/userinfo", userinfo),
    path("calendar/v3/users/me/calendarList", calendars),
    path("calendar/v3/calendars/primary/events", events),
]
