"""Command-line sessions: asked for at Auth0 when they are listed, and ended by their owner."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.core.cache import cache

from approvals import auth0_clients
from connections.application_grants import consent_and_token_search, consent_and_token_sync
from connections.models import AppAccess
from tests.connections.visitor import Gateway, device_token, know, subject
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant

type Gateways = Callable[[str], Gateway]

pytestmark = pytest.mark.django_db


def test_a_session_of_a_moment_ago_is_listed_and_can_be_ended(
    portal_tenant: LocalTenant, gateway: Gateways
) -> None:
    know("member2")
    management = auth0_clients.management()
    assert management is not None
    for old in management.refresh_tokens(subject("member2")):
        management.delete_refresh_token(old.id)
    consent_and_token_sync.read_person(management, settings.ENV.issuer, subject("member2"))
    cache.clear()
    device_token(portal_tenant, "member2")  # after the last sync
    milo = gateway("member2")
    before = milo.call("GET", "/v1/session/command-line").json()
    assert before["read_now"] and before["items"]
    one = before["items"][0]
    assert one["state"] == "live" and one["created_at"]
    ended = milo.call(
        "POST",
        "/v1/decisions",
        {"verb": "access.revoke", "target": {"kind": "refresh_token", "name": one["id"]}},
    )
    assert ended.status_code == 201, ended.content
    sweep()
    cache.clear()  # as 15 seconds later
    after = milo.call("GET", "/v1/session/command-line").json()
    assert one["id"] not in [item["id"] for item in after["items"]]


def test_what_cannot_be_asked_for_is_said_to_be_of_the_last_sync(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache.clear()
    monkeypatch.setattr(auth0_clients, "management", lambda: None)  # no client is configured
    found = consent_and_token_search.sessions_of("https://issuer.test/", "auth0|nobody")
    assert not found.read_now and found.rows == ()
    assert not AppAccess.objects.exists()
