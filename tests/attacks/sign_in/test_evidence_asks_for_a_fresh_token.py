"""A body of evidence over the API: only for a token that says how fresh its sign-in is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audit.evidence import storage
from audit.recording.actors import Subject
from tests.accounts.trail import events
from tests.attacks.sign_in.provider import ROLES, SUB, Provider
from tests.attacks.sign_in.test_hostile_bearer_tokens_open_no_api import good
from tests.attacks.sign_in.visiting import HOST

NAMESPACE = ROLES.rpartition("/")[0]
type Members = Callable[[int], dict[str, Any]]

FRESH: dict[str, Members] = {
    "as RFC 9068 names it": lambda now: {"auth_time": now - 590, "amr": ["pwd", "mfa"]},
    "as an Action names it": lambda now: {
        f"{NAMESPACE}/auth_time": now - 5,
        f"{NAMESPACE}/amr": ["mfa"],
    },
    "a clock that is a little ahead": lambda now: {"auth_time": now + 30, "amr": ["mfa"]},
}
STALE: dict[str, Members] = {
    "says nothing": lambda now: {},
    "is eleven minutes old": lambda now: {"auth_time": now - 660, "amr": ["mfa"]},
    "has no second factor": lambda now: {"auth_time": now, "amr": ["pwd"]},
    "does not say how": lambda now: {"auth_time": now},
    "says it as text": lambda now: {"auth_time": str(now), "amr": ["mfa"]},
    "says true": lambda now: {"auth_time": True, "amr": ["mfa"]},
    "says one factor as a word": lambda now: {"auth_time": now, "amr": "mfa"},
    "says it of tomorrow": lambda now: {"auth_time": now + 86_400, "amr": ["mfa"]},
    "is old by its own name and new by another": lambda now: {
        "auth_time": now - 660,
        f"{NAMESPACE}/auth_time": now,
        "amr": ["mfa"],
    },
    "says it in a namespace of somebody else": lambda now: {
        "https://evil.example/auth_time": now,
        "https://evil.example/amr": ["mfa"],
    },
}


def read(provider: Provider, members: Members, roles: list[str], sub: str = SUB) -> Any:
    """Ask for a body about the person of the provider."""
    person = Subject(provider.issuer, SUB)
    kept = storage.put("assertion", b'{"about":"me"}', subject_key=person.key)
    forge = good(provider)
    forge.claims |= {ROLES: roles, "sub": sub} | members(int(time.time()))
    return Client().get(
        f"/v1/audit/evidence/{kept.digest}",
        HTTP_HOST=HOST,
        HTTP_AUTHORIZATION=f"Bearer {forge.token()}",
    )


@pytest.mark.parametrize("roles", [[], ["auditor"]], ids=["the person", "an auditor"])
@pytest.mark.parametrize("what", FRESH)
def test_a_fresh_token_reads_it(provider: Provider, what: str, roles: list[str]) -> None:
    answer = read(provider, FRESH[what], roles, SUB if not roles else "auth0|ada")
    assert (answer.status_code, answer.content) == (200, b'{"about":"me"}')
    assert [event["action"] for event in events()] == ["evidence.read"]


@pytest.mark.parametrize("what", STALE)
def test_any_other_token_is_told_how_to_sign_in(provider: Provider, what: str) -> None:
    answer = read(provider, STALE[what], ["auditor"])
    assert answer.status_code == 401, answer.content
    said = answer.json()
    assert (said["code"], said["max_age"]) == ("fresh_sign_in_required", 600)
    assert "/audit/evidence/" in said["detail"] and "ata login" in said["detail"]
    challenge = answer["WWW-Authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge and 'max_age="600"' in challenge
    [event] = events()
    assert (event["action"], event["data"]["code"]) == ("access.refused", "fresh_sign_in_required")
    assert event["target"]["name"] == "GET /v1/audit/evidence/<digest>"


def test_whose_it_is_not_learns_nothing_by_a_stale_token(provider: Provider) -> None:
    answer = read(provider, STALE["says nothing"], [], "auth0|mallory")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert [event["data"]["code"] for event in events()] == ["not_yours"]
