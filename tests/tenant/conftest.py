"""The tenant over real HTTP: one process for the whole session, one browser per test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.tenant import Browser, LocalTenant


@pytest.fixture(scope="session")
def tenant_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTenant]:
    """A seeded tenant in its own process."""
    tenant = LocalTenant(tmp_path_factory.mktemp("tenant"))
    try:
        yield tenant.start()
    finally:
        tenant.stop()


@pytest.fixture
def browser(tenant_server: LocalTenant) -> Iterator[Browser]:
    """A fresh browser on the tenant."""
    fresh = tenant_server.browser()
    yield fresh
    fresh.http.close()
