"""The portal between a real tenant and a real gateway, each behind a wire with faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache

from approvals import auth0_clients
from audit.evidence import storage
from audit.recording.actors import Actor
from enforcement.gateways import client
from http_client.timeouts_and_retries import Retries, Timeouts
from tests.approvals.conftest import forget_issuer
from tests.approvals.people_of import CONTROL, Phones, acting
from tests.approvals.working import Work, work
from tests.enforcement.gateways import Edge, town_in
from tests.faults.fast import EVERY
from tests.faults.proxy import Wire, wire_to
from tests.support.tenant import LocalTenant, Secrets

__all__ = ["Work", "work"]

type Travel = Callable[[float], None]

HURRIED = Timeouts(connect=1.0, read=1.0, write=1.0, pool=1.0, total=1.5)
# Patience costs nothing where nothing hangs, and a busy machine answers late.
IMPATIENT = HURRIED if EVERY else Timeouts()


class WiredTenant(LocalTenant):
    """A tenant that is known to everybody by the address of the wire in front of it."""

    @property
    def url(self) -> str:
        """The wire's address, as the tenant's own pages and tokens name it."""
        return self.extra_env["AUTH0_ISSUER"].rstrip("/")


@pytest.fixture(scope="session")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WiredTenant, Wire]]:
    """One tenant and its wire for the session."""
    env = django_settings.ENV
    with wire_to(0) as wire:
        tenant = WiredTenant(
            tmp_path_factory.mktemp("wired-tenant"),
            portal_url=env.portal_url,
            secrets=Secrets(
                web=env.AUTH0_CLIENT_SECRET,
                vault=env.AUTH0_VAULT_CLIENT_SECRET,
                mgmt=env.AUTH0_MGMT_CLIENT_SECRET,
            ),
            extra_env={
                "AUTH0_ISSUER": f"{wire.url}/",
                "TENANT_CIBA_INTERVAL_S": "1",
                "TENANT_PUSHES_PER_MINUTE": "100000",
                "TENANT_CONTROL_TOKEN": CONTROL,
            },
        )
        wire.to_port = tenant.port
        try:
            tenant.start()
            yield tenant, wire
        finally:
            tenant.stop()


@pytest.fixture
def tenant(wired: tuple[WiredTenant, Wire]) -> WiredTenant:
    """The tenant itself."""
    return wired[0]


@pytest.fixture
def house(db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty portal with little patience."""
    settings.VAR_DIR = tmp_path
    storage._kept.cache_clear()
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    cache.clear()
    monkeypatch.setattr(auth0_clients, "TIMEOUTS", IMPATIENT)
    monkeypatch.setattr(
        auth0_clients, "RETRIES", Retries(attempts=2, first_wait=0.02, longest_wait=0.05)
    )
    monkeypatch.setattr(client, "TIMEOUTS", IMPATIENT)
    return tmp_path


@pytest.fixture
def wire(wired: tuple[WiredTenant, Wire], house: Path, settings: Any) -> Iterator[Wire]:
    """The only way from the portal to the tenant, for one test."""
    line = wired[1]
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_ISSUER": f"{line.url}/"})
    forget_issuer()
    line.forget()
    yield line
    line.mend()
    forget_issuer()


@pytest.fixture
def phones(wire: Wire, tenant: WiredTenant) -> Phones:
    """Everybody's phone."""
    return Phones(tenant)


@pytest.fixture
def edge(house: Path) -> Iterator[Edge]:
    """A DEMO gateway; the portal reaches it over `edge_wire` only."""
    with town_in(house, "edge-1") as town:
        yield town.edges["edge-1"]


@pytest.fixture
def edge_wire(edge: Edge, house: Path) -> Iterator[Wire]:
    """The only way from the portal to the gateway."""
    with wire_to(edge.port) as line:
        path = house / "demo" / "instances.toml"
        path.write_text(path.read_text().replace(str(edge.port), str(line.port)))
        client._http.cache_clear()
        yield line


@pytest.fixture
def olu(house: Path) -> Actor:
    """The operator who decides, with a colleague who can approve."""
    acting("operator2", "operator")
    return acting("operator", "operator")
