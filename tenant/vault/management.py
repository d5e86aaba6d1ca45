"""The Management API's view of connected accounts: read only, as at Auth0."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from tenant import apis, people, tokens
from tenant.models import Connection
from tenant.vault import accounts, payloads
from tenant.vault.problems import Problem

SCOPE: Final = "read:users"


@csrf_exempt
def connected_accounts(request: HttpRequest, user_id: str) -> HttpResponse:
    """`GET /api/v2/users/{id}/connected-accounts?from=&take=`; needs `read:users`."""
    if request.method != "GET":
        return _error(404, "Not Found", "Not Found")
    refused = _refused(request)
    if refused is not None:
        return refused
    person = people.by_sub(user_id)
    if person is None:
        return _error(404, "Not Found", "The user does not exist.", "inexistent_user")
    try:
        take = payloads.take(request)
        page = accounts.page(accounts.of(person.sub), request.GET.get("from", ""), take)
    except Problem as problem:
        return _error(
            400,
            "Bad Request",
            f"Query validation error: {problem.invalid[0].detail}",
            "invalid_query_string",
        )
    except accounts.UnknownCursorError:
        return _error(
            400, "Bad Request", "from is not a cursor of this list", "invalid_query_string"
        )
    known = {connection.name: connection for connection in Connection.objects.all()}
    body: dict[str, Any] = {
        "connected_accounts": [
            accounts.facts(account) | _where(known.get(account.connection))
            for account in page.accounts
        ]
    }
    if page.next:
        body["next"] = page.next
    return JsonResponse(body)


def _where(connection: Connection | None) -> dict[str, str]:
    if connection is None:
        return {}
    return {"connection_id": connection.id, "strategy": connection.strategy}


def _refused(request: HttpRequest) -> HttpResponse | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return _error(401, "Unauthorized", "Missing authentication")
    try:
        claims = tokens.verify_access_token(token.strip(), audience=apis.management_audience())
    except tokens.TokenRefused as refused:
        return _error(401, "Unauthorized", str(refused))
    if SCOPE not in str(claims.get("scope", "")).split():
        return _error(
            403, "Forbidden", f"Insufficient scope, expected any of: {SCOPE}", "insufficient_scope"
        )
    return None


def _error(status: int, error: str, message: str, code: str = "") -> HttpResponse:
    body: dict[str, Any] = {"statusCode": status, "error": error, "message": message}
    if code:
        body["errorCode"] = code
    return JsonResponse(body, status=status)
