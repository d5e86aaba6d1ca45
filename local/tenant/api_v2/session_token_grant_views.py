"""``/sessions``, ``/refresh-tokens`` and ``/grants``: what lets a person or an app in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse

from local.tenant import clock
from local.tenant.api_v2 import shapes
from local.tenant.api_v2.errors_and_rate_limits import ManagementError, not_found
from local.tenant.api_v2.paging import pages
from local.tenant.api_v2.users import revoke_refresh_tokens
from local.tenant.directory import sign_in_sessions
from local.tenant.models import ConsentGrant, LoginSession, RefreshToken
from local.tenant.oauth import refresh_tokens


def session(request: HttpRequest, session_id: str) -> HttpResponse:
    """``GET /sessions/{id}``."""
    return JsonResponse(shapes.session(_session(session_id)))


def end_session(request: HttpRequest, session_id: str) -> HttpResponse:
    """``DELETE /sessions/{id}``: 202."""
    sign_in_sessions.end(_session(session_id))
    return HttpResponse(status=202)


def revoke_session(request: HttpRequest, session_id: str) -> HttpResponse:
    """``POST /sessions/{id}/revoke``: the session and its refresh tokens; 202."""
    row = _session(session_id)
    revoke_refresh_tokens(RefreshToken.objects.filter(session=row, revoked_at=None))
    sign_in_sessions.end(row)
    return HttpResponse(status=202)


def refresh_token(request: HttpRequest, token_id: str) -> HttpResponse:
    """``GET /refresh-tokens/{id}``."""
    return JsonResponse(shapes.refresh_token(_refresh_token(token_id)))


def revoke_refresh_token(request: HttpRequest, token_id: str) -> HttpResponse:
    """``DELETE /refresh-tokens/{id}``: 202."""
    refresh_tokens.revoke_family(_refresh_token(token_id))
    return HttpResponse(status=202)


def grants(request: HttpRequest) -> HttpResponse:
    """``GET /grants?user_id=&client_id=&audience=``."""
    rows = ConsentGrant.objects.select_related("person").order_by("pk")
    lookups = {"user_id": "person__sub", "client_id": "client_id", "audience": "audience"}
    given = {field: request.GET[name] for name, field in lookups.items() if name in request.GET}
    return pages(request, rows.filter(**given), "grants", shapes.consent_grant)


def delete_grant(request: HttpRequest, grant_id: str) -> HttpResponse:
    """``DELETE /grants/{id}``: 204; the application's refresh tokens go with it."""
    row = ConsentGrant.objects.filter(pk=grant_id).first()
    if row is not None:
        _delete_grant(row)
    return HttpResponse(status=204)


def delete_grants_of_user(request: HttpRequest) -> HttpResponse:
    """``DELETE /grants?user_id=``: 204."""
    user_id = request.GET.get("user_id", "")
    if not user_id:
        raise ManagementError(400, "Query parameter user_id is required", "invalid_query_string")
    for row in ConsentGrant.objects.filter(person__sub=user_id):
        _delete_grant(row)
    return HttpResponse(status=204)


def _delete_grant(row: ConsentGrant) -> None:
    revoke_refresh_tokens(
        RefreshToken.objects.filter(
            person=row.person, client=row.client, audience=row.audience, revoked_at=None
        )
    )
    row.delete()


def _session(session_id: str) -> LoginSession:
    row = LoginSession.objects.select_related("person").filter(sid=session_id).first()
    if row is None or not row.is_live(clock.now()):
        raise not_found("session", "inexistent_session")
    return row


def _refresh_token(token_id: str) -> RefreshToken:
    row = RefreshToken.objects.filter(pk=token_id, revoked_at=None).first()
    if row is None:
        raise not_found("refresh token", "inexistent_refresh_token")
    return row
