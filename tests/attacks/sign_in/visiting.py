"""A browser between the portal (in this process) and the hostile provider (over HTTP)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.test import Client

from accounts.models import SignedInSession, User
from audit.models import EventRow
from audit.search.event_search import publics

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

type Answer = _MonkeyPatchedWSGIResponse
HOST = urlsplit(settings.PORTAL_URL).netloc
START = "/oidc/authenticate/"
_wire = httpx.Client(timeout=60)


@dataclass
class Browser:
    """Cookies of one browser; follows what it is told to and nothing else."""

    client: Client = field(default_factory=Client)

    def get(self, path: str, **headers: Any) -> Answer:
        """A page of the portal, without following."""
        return self.client.get(path.removeprefix(settings.PORTAL_URL), HTTP_HOST=HOST, **headers)

    def post(self, path: str, data: Any = None, **headers: Any) -> Answer:
        """A form of the portal, without following."""
        return self.client.post(path, data or {}, HTTP_HOST=HOST, **headers)

    def begin(self, query: str = "") -> str:
        """Start a sign-in; where the provider is."""
        answer = self.get(START + query)
        assert answer.status_code == 302, answer.content
        return answer["Location"]

    def sign_in(self, query: str = "") -> Answer:
        """The whole way: portal, provider, callback."""
        return self.get(at_the_provider(self.begin(query)))

    @property
    def signed_in(self) -> bool:
        """Whether the portal knows this browser."""
        return self.get("/account/").status_code == 200


def at_the_provider(url: str) -> str:
    """Where the provider sends the browser back to."""
    answer = _wire.get(url)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def events(action: str = "") -> list[dict[str, Any]]:
    """Public events, oldest first; of one action or of all."""
    rows = EventRow.objects.order_by("event")
    return publics(list(rows.filter(action=action) if action else rows))


def assert_refused(browser: Browser, page: Answer, expected: str, *secrets: str) -> None:
    """The page names a reference that one event repeats; no session, no account, no secret."""
    text = page.content.decode()
    assert page.status_code in {403, 503}
    assert "Sign-in failed" in text
    assert 'href="/oidc/authenticate/"' in text, "the way to start again"
    [event] = events("operator.sign_in_failed")
    assert event["outcome"] == "failure"
    assert event["data"]["code"] == expected
    reference = event["data"]["reference"]
    assert re.fullmatch(r"[0-9a-f]{12}", reference) and reference in text
    assert events("operator.signed_in") == []
    assert not SignedInSession.objects.exists()
    assert not User.objects.exists()
    assert not browser.signed_in
    kept = json.dumps([event, dict(browser.client.session)], default=str) + text
    assert all(secret not in kept for secret in secrets if secret)
