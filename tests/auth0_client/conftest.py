"""Keys and the pretended tenant, for every test of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import respx
from joserfc.jwk import RSAKey
from pretended_tenant import World


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
