"""Members of a real local tenant, a manifest, and a clock that travels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.cache import cache

from approvals import clock
from audit.evidence import storage
from connections.component_manifests import enforcement_decision_hook, manifest_store
from connections.component_manifests.manifest_store import Declaration
from portal import hooks_between_apps
from tests.connections.api_house import NOTHING, ApiHouse, api_house
from tests.connections.visitor import Gateway, Visitor, device_token, know
from tests.support.tenant import LocalTenant

type Travel = Callable[[float], None]

_tokens: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _own_ground(
    db: None, portal_tenant: LocalTenant, settings: object, tmp_path: Path
) -> Iterator[None]:
    """A fresh database and evidence folder; the tenant is shared by the session."""
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]
    storage._kept.cache_clear()
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)  # type: ignore[attr-defined]
    cache.clear()
    enforcement_decision_hook.answer_with(
        lambda several: dict.fromkeys(several, enforcement_decision_hook.ALLOW)
    )
    yield
    enforcement_decision_hook.answer_with(hooks_between_apps.decisions_of)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHouse]:
    """A running portal, in which everybody has signed in once."""
    with api_house(tmp_path_factory.mktemp("house")) as started:
        yield started


@pytest.fixture
def place(house: ApiHouse, request: pytest.FixtureRequest) -> ApiHouse:
    """The same with nothing in it but events, and what the program `ANEW` of the module makes."""
    house.runs(NOTHING + getattr(request.module, "ANEW", ""))
    return house


@pytest.fixture
def github_mcp() -> manifest_store.Declaration:
    """The manifest of github-mcp, in force."""
    declared = Declaration.model_validate(
        {
            "connections": [{"connection": "github", "scopes": ["read:user", "repo"]}],
            "env": {"github": "GITHUB_TOKEN"},
        }
    )
    manifest_store.declare_shipped("mcp", "github-mcp", declared)
    return declared


@pytest.fixture
def travel(monkeypatch: pytest.MonkeyPatch) -> Travel:
    """Move the portal's clock forward by seconds; the tenant's stays."""
    offset = timedelta(0)

    def forward(seconds: float) -> None:
        nonlocal offset
        offset += timedelta(seconds=seconds)

    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + offset)
    return forward


@pytest.fixture
def gateway(portal_tenant: LocalTenant) -> Callable[[str], Gateway]:
    """The command line of a person; its token is kept for the session, as a person's would be."""

    def of(who: str) -> Gateway:
        if who not in _tokens:
            _tokens[who] = device_token(portal_tenant, who)
        know(who)
        return Gateway(_tokens[who])

    return of


@pytest.fixture
def visitor(portal_tenant: LocalTenant) -> Iterator[Callable[[str], Visitor]]:
    """A signed-in person in a browser."""
    made: list[Visitor] = []

    def of(who: str) -> Visitor:
        made.append(Visitor(portal_tenant, who).sign_in())
        return made[-1]

    yield of
    for one in made:
        one.browser.http.close()
