"""The pipeline on a room of lamps; people are asked through a real local tenant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache

from approvals import auth0_clients
from audit.evidence import storage
from audit.recording.actors import Actor
from tests.approvals.lamps import Lamps, furnish
from tests.approvals.people_of import CONTROL, Phones, acting
from tests.approvals.working import Work, travel, work
from tests.support.tenant import LocalTenant, Secrets

__all__ = ["Work", "travel", "work"]


@pytest.fixture(autouse=True)
def _own_ground(db: None, settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    storage._kept.cache_clear()
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    cache.clear()


@pytest.fixture
def lamps(monkeypatch: pytest.MonkeyPatch) -> Lamps:
    """The room."""
    return furnish(monkeypatch)


@pytest.fixture(scope="session")
def answering_tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTenant]:
    """A tenant that may be polled each second and whose phones the tests hold."""
    env = django_settings.ENV
    tenant = LocalTenant(
        tmp_path_factory.mktemp("answering-tenant"),
        secrets=Secrets(
            web=env.AUTH0_CLIENT_SECRET,
            vault=env.AUTH0_VAULT_CLIENT_SECRET,
            mgmt=env.AUTH0_MGMT_CLIENT_SECRET,
        ),
        extra_env={
            "TENANT_CIBA_INTERVAL_S": "1",
            "TENANT_PUSHES_PER_MINUTE": "100000",
            "TENANT_CONTROL_TOKEN": CONTROL,
        },
    )
    try:
        yield tenant.start()
    finally:
        tenant.stop()


@pytest.fixture
def phones(answering_tenant: LocalTenant, settings: Any) -> Iterator[Phones]:
    """The tenant that people are asked through, for one test."""
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_ISSUER": answering_tenant.issuer})
    forget_issuer()
    yield Phones(answering_tenant)
    forget_issuer()


def forget_issuer() -> None:
    """Make the next call speak to the issuer that the settings name now."""
    auth0_clients.auth0.cache_clear()
    auth0_clients.outbound.cache_clear()


@pytest.fixture
def olu(phones: Phones) -> Actor:
    """The operator who asks."""
    return acting("operator", "operator")


@pytest.fixture
def oona(phones: Phones) -> Actor:
    """The operator who is asked."""
    return acting("operator2", "operator")
