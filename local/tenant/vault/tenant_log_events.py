"""The tenant-log events of the vault.

Type codes and fields: Auth0 docs, "Log event type codes"; no event carries a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from allauth.idp.oidc.models import Client
from django.http import HttpRequest

from local.tenant.models import Connection, Person
from local.tenant.oauth.errors import OAuthError
from local.tenant.tenant_log import log_events
from local.tenant.vault.models import ConnectAttempt, ConnectedAccount

_ISSUED_TYPE: Final = "http://auth0.com/oauth/token-type/federated-connection-access-token"


def exchanged(
    client: Client,
    person: Person,
    connection: Connection,
    *,
    subject_token_type: str,
    scope: str,
    expires_at: str,
    thumbprint: str,
) -> None:
    """`seta`: a provider token was handed out. `thumbprint` is its SHA-256, hex."""
    log_events.write(
        "seta",
        client=client,
        person=person,
        **about(connection),
        details={
            "subject_token_type": subject_token_type,
            "issued_token_type": _ISSUED_TYPE,
            "scope": scope,
            "expires_at": expires_at,
            "is_privileged_worker": False,
            "token_thumbprint": thumbprint,
        },
    )


def exchange_failed(client: Client, params: Mapping[str, str], error: OAuthError) -> None:
    """`feta`: an exchange was refused."""
    found = Connection.objects.filter(name=params.get("connection", "")).first()
    log_events.write(
        "feta",
        client=client,
        **(about(found) if found else {}),
        description=error.description,
        details={
            "failure_reason": error.error,
            "is_privileged_worker": False,
            "subject_token_type": params.get("subject_token_type", ""),
        },
    )


def connected(request: HttpRequest, client: Client, account: ConnectedAccount) -> None:
    """`connected_accounts_connection_succeeded`: the one place that names the provider's id."""
    fields = _account_fields(request, client, account)
    fields["details"]["connected_account"]["idp_user_id"] = account.idp_user_id
    log_events.write("connected_accounts_connection_succeeded", **fields)


def connect_failed(attempt: ConnectAttempt, why: str) -> None:
    """`connected_accounts_connection_failed`."""
    log_events.write(
        "connected_accounts_connection_failed",
        client_id=attempt.client_id,
        user_id=attempt.sub,
        connection=attempt.connection,
        description=why,
        details={"error": {"message": why}},
    )


def complete_failed(request: HttpRequest, client: Client, sub: str, why: str) -> None:
    """`connected_accounts_connection_failed`, where the attempt is not known."""
    log_events.write(
        "connected_accounts_connection_failed",
        client=client,
        user_id=sub,
        description=why,
        details={"error": {"message": why}, "request": _request(request)},
    )


def deleted(request: HttpRequest, client: Client, account: ConnectedAccount) -> None:
    """`connected_accounts_delete_succeeded`."""
    log_events.write(
        "connected_accounts_delete_succeeded", **_account_fields(request, client, account)
    )


def delete_failed(request: HttpRequest, client: Client, sub: str, account_id: str) -> None:
    """`connected_accounts_delete_failed`."""
    log_events.write(
        "connected_accounts_delete_failed",
        client=client,
        user_id=sub,
        description="Connected account not found",
        details={"connected_account": {"id": account_id}, "request": _request(request)},
    )


def about(connection: Connection) -> dict[str, Any]:
    """The members every event of one connection carries."""
    return {
        "connection": connection.name,
        "connection_id": connection.id,
        "strategy": connection.strategy,
        "strategy_type": "social",
    }


def _account_fields(
    request: HttpRequest, client: Client, account: ConnectedAccount
) -> dict[str, Any]:
    found = Connection.objects.filter(name=account.connection).first()
    return {
        "client": client,
        "user_id": account.sub,
        **(about(found) if found else {"connection": account.connection}),
        "details": {
            "connected_account": {"id": account.id},
            "request": _request(request),
        },
    }


def _request(request: HttpRequest) -> dict[str, str]:
    return {"method": request.method or "", "path": request.path}
