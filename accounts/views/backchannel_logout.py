"""The issuer ends sessions here (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.models import SeenLogoutToken
from accounts.sessions import service
from approvals import auth0_clients
from audit.recording.actors import Actor
from audit.recording.record import record
from auth0_client.errors import Auth0Error, TokenRefused
from auth0_client.tokens.logout_token import LogoutClaims
from http_client.errors import HttpClientError
from ui.refused_request_audit_flag import mark
from ui.request_id import request_id


@login_not_required
@csrf_exempt
@require_POST
def backchannel_logout(request: HttpRequest) -> HttpResponse:
    """200 when the sessions are ended, 400 with a reason otherwise, 503 to be sent again."""
    try:
        token = auth0_clients.auth0().verify_logout_token(request.POST.get("logout_token", ""))
        _end(request, token)
    except TokenRefused as error:
        mark(request, "logout_token_refused", error.code, certain=True)
        return _answer(400, {"error": "invalid_request", "error_description": error.code})
    except (Auth0Error, HttpClientError):
        return _answer(503, {"error": "temporarily_unavailable"})
    return _answer(200)


def _end(request: HttpRequest, token: LogoutClaims) -> None:
    """All or nothing: a token counts as used only when what it ends is ended."""
    with transaction.atomic():
        _spend(token)
        ended = service.end_matching(iss=token.issuer, sid=token.sid or "", sub=token.subject or "")
        record(
            Actor(
                iss=token.issuer,
                sub=token.subject or "",
                via="tenant",
                request=request_id(request),
            ),
            "session.revoked",
            source="auth0",
            data={"ended": ended, "by": "back-channel logout"},
        )


def _spend(token: LogoutClaims) -> None:
    expires = datetime.fromtimestamp(token.expires_at, UTC)
    try:
        with transaction.atomic():
            SeenLogoutToken.objects.create(jti=token.jti, expires=expires)
    except IntegrityError:
        raise TokenRefused("replayed", "this logout token was used before") from None


def _answer(status: int, body: dict[str, str] | None = None) -> HttpResponse:
    answer = JsonResponse(body, status=status) if body else HttpResponse(status=status)
    answer["Cache-Control"] = "no-store"
    return answer
