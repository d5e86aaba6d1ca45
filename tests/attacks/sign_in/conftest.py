"""The portal in this process, its issuer a hostile provider over HTTP, the database real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from approvals import auth0_clients
from audit.evidence import storage
from http_client.address_guard import Guard
from http_client.client import HttpClient
from http_client.timeouts_and_retries import Retries, Timeouts
from tests.attacks.sign_in.provider import CLIENT, ROLES, SECRET, Page, Provider
from tests.attacks.sign_in.visiting import Browser


@pytest.fixture(scope="session")
def listening() -> Iterator[Provider]:
    """One provider for all tests of a process."""
    provider = Provider().start()
    yield provider
    provider.stop()


@pytest.fixture(scope="session")
def patient() -> Iterator[HttpClient]:
    """One connection pool that tries again at once instead of after a second."""
    with HttpClient(guard=Guard.only("http://localhost/"), retries=_AT_ONCE) as client:
        yield client


_AT_ONCE = Retries(attempts=2, first_wait=0.001, longest_wait=0.001)


@pytest.fixture
def provider(
    listening: Provider,
    patient: HttpClient,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    db: None,
) -> Iterator[Provider]:
    """The provider, honest until told otherwise, as the issuer of a portal with an empty past."""
    listening.reset()
    settings.VAR_DIR = tmp_path
    settings.ENV = settings.ENV.model_copy(
        update={
            "AUTH0_ISSUER": listening.issuer,
            "AUTH0_CLIENT_ID": CLIENT,
            "AUTH0_CLIENT_SECRET": SECRET,
            "AUTH0_ROLES_CLAIM": ROLES,
        }
    )
    storage._kept.cache_clear()
    cache.clear()
    monkeypatch.setattr(auth0_clients, "outbound", lambda: patient)
    auth0_clients.auth0.cache_clear()
    yield listening
    auth0_clients.auth0.cache_clear()


_BEFORE = {
    "/oauth/token": "/authorize",
    "/.well-known/jwks.json": "/oauth/token",
    "/userinfo": "/.well-known/jwks.json",
}
"""What a sign-in asks just before each path."""


@pytest.fixture
def slow(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Makes a path slow; the portal waits a quarter of a second for it, once.

    For what it asks before it has patience: a busy machine may take as long for any answer.
    """
    guard = Guard.only(provider.issuer)
    with HttpClient(guard=guard, retries=Retries(attempts=1)) as client:
        monkeypatch.setattr(auth0_clients, "outbound", lambda: client)
        auth0_clients.auth0.cache_clear()

        def hurried(honest: Page) -> Page:
            client._timeouts = Timeouts(connect=1, read=0.25, total=0.25)
            return honest

        def make(path: str) -> None:
            if path in _BEFORE:
                provider.lies[_BEFORE[path]] = hurried
            else:
                hurried(Page())
            provider.lies[path] = lambda honest: Page(honest.body, slowly=60)

        yield make


@pytest.fixture
def browser(provider: Provider) -> Browser:
    """A browser without cookies."""
    return Browser()
