"""The My Account API's connected accounts: what a person does with their own token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Final

from allauth.idp.oidc.models import Client
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from local.tenant import clock
from local.tenant.applications import apis, clients
from local.tenant.directory import people_and_claims
from local.tenant.env import env
from local.tenant.models import Connection
from local.tenant.oauth import token_formats
from local.tenant.vault import (
    accounts,
    connected_accounts_request_parsing,
    connecting,
    tenant_log_events,
)
from local.tenant.vault.models import ConnectedAccount
from local.tenant.vault.problems import Problem, answers_problems, field, query
from local.tenant.vault.providers.catalog import PROVIDERS

CREATE: Final = "create:me:connected_accounts"
READ: Final = "read:me:connected_accounts"
DELETE: Final = "delete:me:connected_accounts"


@dataclass(frozen=True, slots=True)
class Caller:
    """The person whose token it is and the application that holds it."""

    sub: str
    client: Client


type View[**P] = Callable[Concatenate[HttpRequest, Caller, P], HttpResponse]


def _endpoint[**P](
    method: str, scope: str
) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    def decorate(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @csrf_exempt
        @answers_problems
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method != method:
                raise Problem(405, f"Use {method} here")
            response = view(request, _caller(request, scope), *args, **kwargs)
            response["Cache-Control"] = "no-store"
            return response

        return guarded

    return decorate


@_endpoint("POST", CREATE)
def connect(request: HttpRequest, caller: Caller) -> HttpResponse:
    """`POST /me/v1/connected-accounts/connect`: 201 with the session and the browser's ticket."""
    wanted = connected_accounts_request_parsing.connect(request)
    if wanted.redirect_uri not in caller.client.get_redirect_uris():
        raise field("redirect_uri", "is not an allowed callback URL of the application")
    if accounts.connection(wanted.connection, caller.client.id) is None:
        known = Connection.objects.filter(name=wanted.connection).exists()
        why = "is not enabled for connected accounts" if known else "does not exist"
        raise Problem(400 if known else 404, f"The connection {wanted.connection!r} {why}")
    unknown = PROVIDERS[wanted.connection].unknown(wanted.scopes)
    if unknown:
        raise field("scopes", f"the provider does not know {', '.join(unknown)}")
    now = clock.now()
    started = connecting.begin(caller.sub, caller.client.id, wanted, now)
    answer = {
        "auth_session": started.auth_session,
        "connect_uri": f"{env().issuer}connected-accounts/connect",
        "connect_params": {"ticket": started.ticket},
        "expires_in": connecting.TICKET_LIFETIME_S,
    }
    return JsonResponse(answer, status=201)


@_endpoint("POST", CREATE)
def complete(request: HttpRequest, caller: Caller) -> HttpResponse:
    """`POST /me/v1/connected-accounts/complete`: 201 with the account, 409 when it is there."""
    done = connected_accounts_request_parsing.complete(request)
    try:
        account = connecting.complete(
            done.auth_session,
            sub=caller.sub,
            client_id=caller.client.id,
            connect_code=done.connect_code,
            redirect_uri=done.redirect_uri,
            code_verifier=done.code_verifier,
            now=clock.now(),
        )
    except connecting.BadAttemptError as bad:
        tenant_log_events.complete_failed(request, caller.client, caller.sub, str(bad))
        raise Problem(400, f"Cannot complete: {bad}") from None
    except accounts.AlreadyConnectedError:
        why = "This account is already connected; delete it first to connect it again"
        tenant_log_events.complete_failed(request, caller.client, caller.sub, why)
        raise Problem(409, why) from None
    tenant_log_events.connected(request, caller.client, account)
    return JsonResponse(accounts.facts(account), status=201)


@_endpoint("GET", READ)
def list_accounts(request: HttpRequest, caller: Caller) -> HttpResponse:
    """`GET /me/v1/connected-accounts/accounts?connection=&from=&take=`."""
    mine = accounts.of(caller.sub, connected_accounts_request_parsing.names(request))
    try:
        page = accounts.page(
            mine, request.GET.get("from", ""), connected_accounts_request_parsing.take(request)
        )
    except accounts.UnknownCursorError:
        raise query("from", "is not a cursor of this list") from None
    return _page("accounts", [accounts.facts(account) for account in page.accounts], page.next)


@_endpoint("GET", READ)
def list_connections(request: HttpRequest, caller: Caller) -> HttpResponse:
    """`GET /me/v1/connected-accounts/connections`: what can be connected, not what is."""
    found = accounts.connections(caller.client.id)
    start, take = request.GET.get("from", ""), connected_accounts_request_parsing.take(request)
    later = [connection for connection in found if connection.name > start]
    shown = [
        {
            "name": one.name,
            "strategy": one.strategy,
            "scopes": list(PROVIDERS[one.name].default_scopes),
        }
        for one in later[:take]
    ]
    return _page("connections", shown, later[take - 1].name if len(later) > take else "")


@_endpoint("DELETE", DELETE)
def delete(request: HttpRequest, caller: Caller, account_id: str) -> HttpResponse:
    """`DELETE /me/v1/connected-accounts/accounts/{id}`: 204.

    Removes the vault's tokens only; what the provider issued lives on until revoked there.
    """
    account = ConnectedAccount.objects.filter(pk=account_id, sub=caller.sub).first()
    if account is None:
        tenant_log_events.delete_failed(request, caller.client, caller.sub, account_id)
        raise Problem(404, "There is no such connected account")
    ConnectedAccount.objects.filter(pk=account.pk).delete()
    tenant_log_events.deleted(request, caller.client, account)
    return HttpResponse(status=204)


def _caller(request: HttpRequest, scope: str) -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem(
            401,
            "An access token for the My Account API is required, as Bearer: this tenant binds no "
            "token to a DPoP key",
        )
    try:
        claims = token_formats.verify_access_token(
            token.strip(), audience=apis.my_account_audience()
        )
    except token_formats.TokenRefused as refused:
        raise Problem(401, f"Invalid token: {refused}") from None
    person = people_and_claims.by_sub(str(claims["sub"]))
    client = clients.find(str(claims["azp"]))
    if person is None or client is None:
        raise Problem(401, "Invalid token: its person or application does not exist any more")
    if scope not in str(claims.get("scope", "")).split():
        raise Problem(403, f"Insufficient scope, expected: {scope}")
    return Caller(person.sub, client)


def _page(name: str, items: list[dict[str, Any]], cursor: str) -> HttpResponse:
    body: dict[str, Any] = {name: items}
    if cursor:
        body["next"] = cursor
    return JsonResponse(body)
