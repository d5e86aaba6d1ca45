"""Fixtures of the enforcement room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings, settings

from approvals import auth0_clients, clock
from approvals.models import Approval, Effect
from audit.recording.actors import Actor
from enforcement.audit_database import periodic_scan_import
from enforcement.models import Watch
from tests.enforcement.gateways import Edge, Town, known, town_in
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant, Secrets


@pytest.fixture(scope="session", autouse=True)
def collected() -> None:
    """Static files are served from a folder that `collectstatic` makes; here it is empty."""
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)


@pytest.fixture
def town(tmp_path: Path, settings: LazySettings) -> Iterator[Town]:
    """edge-1 and edge-2."""
    settings.VAR_DIR = tmp_path
    with town_in(tmp_path, "edge-1", "edge-2") as made:
        yield made


@pytest.fixture
def edge(town: Town) -> Edge:
    """edge-1."""
    return town.edges["edge-1"]


@pytest.fixture
def olu(db: None) -> Actor:
    """An operator, with a colleague who can approve."""
    known("operator2", "operator", name="Oona Operator")
    return known("operator", "operator", name="Olu Operator").as_actor(via="web")


@pytest.fixture
def do_due() -> Callable[[], None]:
    """Do all due work now, also what waits for its back-off."""

    def work(rounds: int = 4) -> None:
        for _ in range(rounds):
            for waiting in (Effect, Approval):  # asks keep the pace that the issuer sets
                waiting.objects.filter(due__isnull=False).update(due=clock.now())
            if not sweep():
                return

    return work


@pytest.fixture
def look(town: Town, db: None) -> Callable[[], int]:
    """Watch the gateways once, as if everything were due; the first look starts from now."""

    def poll() -> int:
        Watch.objects.update(due=clock.now(), probe_due=clock.now())
        return periodic_scan_import.poll_due()

    poll()
    return poll


@pytest.fixture(scope="session")
def quick_tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTenant]:
    """A local tenant that may be polled every second and notifies without a limit."""
    env = settings.ENV
    tenant = LocalTenant(
        tmp_path_factory.mktemp("quick-tenant"),
        secrets=Secrets(
            web=env.AUTH0_CLIENT_SECRET,
            vault=env.AUTH0_VAULT_CLIENT_SECRET,
            mgmt=env.AUTH0_MGMT_CLIENT_SECRET,
        ),
        extra_env={"TENANT_CIBA_INTERVAL_S": "1", "TENANT_PUSHES_PER_MINUTE": "1000"},
    )
    try:
        yield tenant.start()
    finally:
        tenant.stop()


@pytest.fixture
def asked_at(quick_tenant: LocalTenant, settings: LazySettings) -> Iterator[LocalTenant]:
    """The tenant that the portal asks people through, for the length of one test."""
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_ISSUER": quick_tenant.issuer})
    for cached in (auth0_clients.auth0, auth0_clients.outbound):
        cached.cache_clear()
    yield quick_tenant
    for cached in (auth0_clients.auth0, auth0_clients.outbound):
        cached.cache_clear()


@pytest.fixture
def oona() -> Actor:
    """A second operator."""
    return known("operator2", "operator", name="Oona Operator").as_actor(via="web")
