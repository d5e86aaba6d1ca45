"""Slack's Web API, as far as an agent of the demonstration needs it.

Slack answers 200 with `ok: false` where others answer 401 or 403 (docs.slack.dev/reference).
"""

from __future__ import annotations

from collections.abc import Collection

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from local.tenant import clock
from local.tenant.vault.models import ProviderGrant, ProviderItem, ProviderToken
from local.tenant.vault.providers import token_issuing
from local.tenant.vault.providers.bearer import body, endpoint
from local.tenant.vault.providers.catalog import SLACK

CHANNELS = {"C0GENERAL1": "general", "C0FLEETOPS": "fleet-ops", "C0SECURITY": "security"}
MESSAGE_MAX = 4000

_REASONS = {
    "missing": "not_authed",
    "unknown": "invalid_auth",
    "expired": "token_expired",
    "revoked": "token_revoked",
}


class _Dialect:
    def unauthenticated(self, why: str) -> HttpResponse:
        return _failed(_REASONS[why])

    def out_of_scope(self, needed: Collection[str], held: Collection[str]) -> HttpResponse:
        return _failed("missing_scope", needed=",".join(needed), provided=",".join(held))


_SLACK = _Dialect()


@endpoint(SLACK, _SLACK, GET=(), POST=())
def auth_test(request: HttpRequest, token: ProviderToken) -> HttpResponse:
    """`auth.test`: who the token speaks for."""
    name, _, team = token.grant.login.partition("@")
    return _ok(
        url=f"https://{team or 'acme'}.slack.example/",
        team=team or "acme",
        user=name,
        team_id="T0ACME0001",
        user_id=token.grant.user_id,
        is_enterprise_install=False,
    )


@endpoint(SLACK, _SLACK, GET=(), POST=())
def auth_revoke(request: HttpRequest, token: ProviderToken) -> HttpResponse:
    """`auth.revoke`: end the grant behind this token at Slack."""
    grant = ProviderGrant.objects.get(pk=token.grant_id)
    token_issuing.revoke(grant, clock.now())
    return _ok(revoked=True)


@endpoint(SLACK, _SLACK, GET=("channels:read",), POST=("channels:read",))
def conversations_list(request: HttpRequest, token: ProviderToken) -> HttpResponse:
    """`conversations.list`: the public channels."""
    channels = [
        {"id": identifier, "name": name, "is_channel": True, "is_private": False}
        for identifier, name in CHANNELS.items()
    ]
    return _ok(channels=channels, response_metadata={"next_cursor": ""})


@endpoint(SLACK, _SLACK, GET=("channels:history",), POST=("channels:history",))
def conversations_history(request: HttpRequest, token: ProviderToken) -> HttpResponse:
    """`conversations.history`: messages of a channel, newest first."""
    channel = _channel(request.GET.get("channel") or body(request).get("channel"))
    if channel is None:
        return _failed("channel_not_found")
    items = ProviderItem.objects.filter(provider=SLACK.name, place=channel).order_by("-id")
    return _ok(messages=[item.body for item in items[:100]], has_more=False)


@endpoint(SLACK, _SLACK, POST=("chat:write",))
def post_message(request: HttpRequest, token: ProviderToken) -> HttpResponse:
    """`chat.postMessage`."""
    asked = body(request)
    channel = _channel(asked.get("channel"))
    text = asked.get("text")
    if channel is None:
        return _failed("channel_not_found")
    if not isinstance(text, str) or not text:
        return _failed("no_text")
    if len(text) > MESSAGE_MAX:
        return _failed("msg_too_long")
    now = clock.now()
    message = {
        "type": "message",
        "user": token.grant.user_id,
        "text": text,
        "ts": f"{now.timestamp():.6f}",
    }
    ProviderItem.objects.create(provider=SLACK.name, place=channel, body=message, created_at=now)
    return _ok(channel=channel, ts=message["ts"], message=message)


def _channel(asked: object) -> str | None:
    by_name = {name: identifier for identifier, name in CHANNELS.items()}
    name = str(asked or "").removeprefix("#")
    return name if name in CHANNELS else by_name.get(name)


def _ok(**fields: object) -> HttpResponse:
    return JsonResponse({"ok": True, **fields})


def _failed(error: str, **fields: object) -> HttpResponse:
    return JsonResponse({"ok": False, "error": error, **fields})


urlpatterns = [
    path("api/auth.test", auth_test),
    path("api/auth.revoke", auth_revoke),
    path("api/conversations.list", conversations_list),
    path("api/conversations.history", conversations_history),
    path("api/chat.postMessage", post_message),
]
