"""Claims about a signed-in subject, for issuers whose ID tokens carry none (OIDC Core 5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from auth0_client.discovery import Discovery
from auth0_client.error_mapping import call, failure_of
from http_client.client import HttpClient
from http_client.redaction import printable


@dataclass(frozen=True, slots=True)
class UserInfo:
    """What is shown of a person. The caller compares ``subject`` with the ID token's."""

    subject: str
    name: str | None = field(repr=False)
    email: str | None = field(repr=False)


def fetch(discovery: Discovery, outbound: HttpClient, access_token: str) -> UserInfo:
    """Ask the userinfo endpoint as the person whose access token this is.

    Raises:
        NotOffered: discovery names no such endpoint. Auth0Error, HttpClientError: as everywhere.
    """
    url = discovery.document().endpoint("userinfo_endpoint")
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
    answer = call("userinfo", lambda: outbound.get(url, operation="userinfo", headers=headers))
    if not answer.ok:
        raise failure_of(answer, [access_token])
    found = answer.fields()
    return UserInfo(
        subject=found.text("sub", limit=255),
        name=_shown(found.optional_text("name")),
        email=_shown(found.optional_text("email")),
    )


def _shown(text: str | None) -> str | None:
    return None if text is None else printable(text)
