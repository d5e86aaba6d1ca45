"""What every test of the portal may use: the cast, and a real local tenant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest
from django.conf import settings
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from respx.mocks import HTTPCoreMocker

from tests.support.tenant import LocalTenant, Secrets

if TYPE_CHECKING:
    from xdist.remote import Producer

    from tests.support.together import Together

pytest_plugins = ["tests.support.running_house"]

# Pretended answers stand where httpcore's pool stands, and that is where our own lines do.
HTTPCoreMocker.add_targets("http_client.connection_pool.Lines")

# No tenant fails that a loaded machine lets answer after httpx's five seconds. This is only
# what a test waits for that says nothing else: the product always says how long it waits.
for _what in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, _what, 60.0)

# A loaded machine is no failure of a property.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    """Give the tests of a file, or of a folder that shares a tenant, to one worker."""
    from tests.support.together import Together

    return Together(config, log)


@pytest.fixture(scope="session")
def portal_tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTenant]:
    """The local tenant that `portal.settings` points at, in its own process over real HTTP."""
    env = settings.ENV
    tenant = LocalTenant(
        tmp_path_factory.mktemp("portal-tenant"),
        portal_url=env.portal_url,
        port=env.TENANT_PORT,
        secrets=Secrets(
            web=env.AUTH0_CLIENT_SECRET,
            vault=env.AUTH0_VAULT_CLIENT_SECRET,
            mgmt=env.AUTH0_MGMT_CLIENT_SECRET,
        ),
        extra_env={"TENANT_PUSHES_PER_MINUTE": "100000"},
    )
    try:
        yield tenant.start()
    finally:
        tenant.stop()
