"""Put a question to a person: from a well-formed start request to a recorded one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from allauth.idp.oidc.models import Client

from local.tenant import clock
from local.tenant.applications import apis
from local.tenant.applications.clients import is_public, settings_of
from local.tenant.ciba import limits, rar, start_request_parsing, tenant_log_events
from local.tenant.ciba.models import Consent, PushEnrolment
from local.tenant.directory import people_and_claims
from local.tenant.env import env
from local.tenant.models import Person
from local.tenant.oauth.errors import OAuthError, invalid_request, unauthorized_client

_MINUTE = timedelta(minutes=1)


def ask(client: Client, params: Mapping[str, str]) -> tuple[Consent, str]:
    """Ask the person named by `login_hint` on their phone or by e-mail.

    Args:
        client: authenticated, and holding the CIBA grant.

    Returns:
        The recorded question and its `auth_req_id`.

    Raises:
        OAuthError: 400 for what is wrong in the request, 403 for a client or API that may not
            be used, 429 `too_many_requests` over a limit (retry after 60 s).
    """
    _check_client(client)
    start = start_request_parsing.read(params, env().issuer)
    person = people_and_claims.by_sub(start.sub)
    if person is None:
        raise invalid_request('login_hint parameter validation failed: "sub" is not a known user')
    details = _details(start)
    scope = apis.user_scope(client, person, start.audience, start.scopes)
    channel = _channel(client, person, start.channel)
    now = clock.now()
    _check_limits(person, now)
    consent, auth_req_id = Consent.begin(
        replace(start, scopes=tuple(scope.split())),
        client_id=client.id,
        client_name=client.name,
        details=details,
        channel=channel,
        now=now,
    )
    tenant_log_events.asked(consent)
    return consent, auth_req_id


def _check_client(client: Client) -> None:
    settings = settings_of(client)
    if is_public(client) or not settings.first_party:
        raise unauthorized_client("CIBA needs a first-party, confidential client")


def _details(start: start_request_parsing.Start) -> list[dict[str, Any]]:
    if not start.audience:
        if start.authorization_details:
            raise invalid_request("authorization_details needs the audience that registers them")
        return []
    api = apis.require(start.audience)
    if not start.authorization_details:
        return []
    return rar.parse(start.authorization_details, api.authorization_details_types)


def _channel(client: Client, person: Person, wanted: str) -> str:
    enabled = settings_of(client).approval_channels
    enrolled = PushEnrolment.objects.filter(sub=person.sub).exists()
    if wanted == start_request_parsing.PUSH and start_request_parsing.PUSH in enabled and enrolled:
        return start_request_parsing.PUSH
    if start_request_parsing.EMAIL not in enabled:
        if wanted == start_request_parsing.EMAIL:
            raise invalid_request("The email notification channel is not enabled for the client")
        raise invalid_request("User does not have push notifications enrolled")
    if not person.email_verified:
        raise invalid_request("The user's e-mail address is not verified")
    return start_request_parsing.EMAIL


def _check_limits(person: Person, now: datetime) -> None:
    recent = Consent.objects.since(now - _MINUTE)
    if recent.filter(sub=person.sub).count() >= limits.notifications_per_minute():
        raise _too_many("Too many notifications sent to this user")
    if recent.count() >= limits.REQUESTS_PER_MINUTE:
        raise _too_many("Too many authentication requests")
    if Consent.objects.open(now).count() >= limits.PENDING_MAX:
        raise _too_many("Too many pending authentication requests")


def _too_many(description: str) -> OAuthError:
    return OAuthError(429, "too_many_requests", description, {"Retry-After": "60"})
