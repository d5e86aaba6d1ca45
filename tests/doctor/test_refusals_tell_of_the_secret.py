"""Which refusal proves a client secret right, wrong, or neither."""

from __future__ import annotations

import httpx
import pytest

from auth0_client.oauth_form_post import Reply
from http_client.response import Answer
from portal.ops.auth0_checks.check_result import Status
from portal.ops.auth0_checks.client_secrets import judge


@pytest.mark.parametrize(
    ("status", "error", "words", "verdict", "fix"),
    [
        (403, "invalid_grant", "Invalid authorization code", Status.OK, ""),
        (401, "invalid_token", "Malformed subject token", Status.OK, ""),
        (401, "invalid_client", "Unknown client", Status.BAD, "credentials"),
        (401, "access_denied", "Unauthorized", Status.BAD, "credentials"),
        (403, "unauthorized_client", "Grant type not allowed", Status.BAD, "grants"),
        (400, "invalid_request", "Missing a parameter", Status.WARN, "credentials"),
        (429, "access_denied", "Too many requests", Status.NOT_CHECKED, "Run it again shortly"),
        (503, "http_503", "", Status.NOT_CHECKED, "Run it again shortly"),
    ],
)
def test_only_a_refused_code_or_token_proves_the_secret(
    status: int, error: str, words: str, verdict: Status, fix: str
) -> None:
    answer = Answer("doctor.credentials", "tenant.example", status, httpx.Headers(), b"{}")
    found = judge("Portal credentials", Reply(answer, (), error, words), "credentials", "grants")
    assert (found.status, found.fix) == (verdict, fix)
