"""The tenant-log events of a question's life, tied together by `transaction_linking_id`.

Type codes and fields: Auth0 docs, "Log event type codes". `gd_auth_rejected` is the only trace
outside the phone that tells a denial from an expiry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.idp.oidc.models import Client

from local.tenant.ciba.models import Consent, State
from local.tenant.oauth.errors import OAuthError
from local.tenant.tenant_log import log_events

_LOGGED_PARAMETERS = ("audience", "login_hint", "scope", "requested_expiry")


def asked(consent: Consent) -> None:
    """The question was recorded and sent."""
    log_events.write(
        "ciba_start_succeeded",
        **_about(consent),
        notification_channel=consent.channel,
        details={
            "body": {
                "audience": consent.audience,
                "scope": consent.scope,
                "login_hint": consent.sub,
            }
        },
    )
    if consent.by_push:
        log_events.write("gd_send_pn", **_about(consent), details={"provider": "local"})


def start_refused(client: Client, params: Mapping[str, str], error: OAuthError) -> None:
    """A start request was turned down."""
    body = {name: params[name] for name in _LOGGED_PARAMETERS if name in params}
    log_events.write(
        "ciba_start_failed",
        client=client,
        description=error.description,
        details={"body": body, "error": {"message": error.description, "type": error.error}},
    )


def answered(consent: Consent) -> None:
    """The person approved or denied."""
    code = "gd_auth_succeed" if consent.state == State.APPROVED else "gd_auth_rejected"
    details: dict[str, Any] = {"channel": consent.channel}
    if consent.reason:
        details["reason"] = consent.reason
    log_events.write(code, **_about(consent), details=details)


def exchanged(consent: Consent) -> None:
    """The client collected the tokens."""
    log_events.write(
        "ciba_exchange_succeeded",
        **_about(consent),
        details={"audience": consent.audience, "scope": consent.scope},
    )


def exchange_failed(consent: Consent, message: str) -> None:
    """The client got the answer that it gets no tokens."""
    log_events.write(
        "ciba_exchange_failed",
        **_about(consent),
        description=message,
        details={"error": {"message": message}},
    )


def _about(consent: Consent) -> dict[str, Any]:
    return {
        "client_id": consent.client_id,
        "client_name": consent.client_name,
        "user_id": consent.sub,
        "transaction_linking_id": consent.id,
    }
