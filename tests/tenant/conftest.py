"""The tenant over real HTTP: one process for the whole session, one browser per test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.receiver import Receiver
from tests.support.tenant import Browser, LocalTenant

STREAM_TOKEN = "Bearer stream-token-of-the-tests"


@dataclass(frozen=True, slots=True)
class Observed:
    """A tenant whose portal is a receiver of the tests, log stream included."""

    tenant: LocalTenant
    portal: Receiver


@pytest.fixture(scope="session")
def tenant_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTenant]:
    """A seeded tenant in its own process."""
    tenant = LocalTenant(tmp_path_factory.mktemp("tenant"))
    try:
        yield tenant.start()
    finally:
        tenant.stop()


@pytest.fixture(scope="session")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """A tenant that sends its logs and logout tokens to us."""
    portal = Receiver().start()
    tenant = LocalTenant(
        tmp_path_factory.mktemp("observed"),
        portal_url=portal.url,
        extra_env={"AUTH0_LOG_STREAM_TOKEN": STREAM_TOKEN},
    )
    try:
        yield Observed(tenant.start(), portal)
    finally:
        tenant.stop()
        portal.stop()


@pytest.fixture
def browser(tenant_server: LocalTenant) -> Iterator[Browser]:
    """A fresh browser on the tenant."""
    fresh = tenant_server.browser()
    yield fresh
    fresh.http.close()
