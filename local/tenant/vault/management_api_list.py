"""The Management API's view of connected accounts: read only, as at Auth0."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from local.tenant.api_v2.errors_and_rate_limits import ManagementError, not_found
from local.tenant.directory import people_and_claims
from local.tenant.models import Connection
from local.tenant.vault import accounts, connected_accounts_request_parsing
from local.tenant.vault.problems import Problem


def connected_accounts(request: HttpRequest, user_id: str) -> HttpResponse:
    """``GET /users/{id}/connected-accounts?from=&take=``: at most 20 a page."""
    person = people_and_claims.by_sub(user_id)
    if person is None:
        raise not_found("user", "inexistent_user")
    page = _page(request, person.sub)
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


def _page(request: HttpRequest, sub: str) -> accounts.Page:
    try:
        take = connected_accounts_request_parsing.take(request)
        return accounts.page(accounts.of(sub), request.GET.get("from", ""), take)
    except Problem as problem:
        why = f"take {problem.invalid[0].detail}"
    except accounts.UnknownCursorError:
        why = "from is not a cursor of this list"
    raise ManagementError(400, f"Query validation error: {why}", "invalid_query_string")


def _where(connection: Connection | None) -> dict[str, str]:
    if connection is None:
        return {}
    return {"connection_id": connection.id, "strategy": connection.strategy}
