"""Keys and the pretended tenant, for every test of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import respx
from joserfc.jwk import RSAKey

from tests.auth0_client.pretended_tenant import World
from tests.auth0_client.town import PORTAL, Town
from tests.support.tenant import Browser, LocalTenant


@pytest.fixture(scope="session")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "key-1", "use": "sig", "alg": "RS256"})


@pytest.fixture(scope="session")
def other_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "key-2", "use": "sig", "alg": "RS256"})


@pytest.fixture
def world(key: RSAKey) -> Iterator[World]:
    with respx.mock(assert_all_called=False) as routes:
        yield World(routes, key)


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    tenant = LocalTenant(tmp_path_factory.mktemp("town"), portal_url=PORTAL)
    try:
        running = Town(tenant.start())
        yield running
        running.outbound.close()
    finally:
        tenant.stop()


@pytest.fixture
def browser(town: Town) -> Iterator[Browser]:
    fresh = town.tenant.browser()
    yield fresh
    fresh.http.close()
