"""The portal in this process, the issuer as a real local tenant over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from accounts.break_glass import accounts
from accounts.break_glass.accounts import Handed
from approvals import clock
from audit.evidence import storage
from tests.accounts.break_glass import Hands, opened
from tests.connections.visitor import Visitor
from tests.support.tenant import LocalTenant


@pytest.fixture(autouse=True)
def _own_ground(db: None, settings: Any, tmp_path: Path) -> None:
    """An empty database and evidence folder."""
    settings.VAR_DIR = tmp_path
    storage._kept.cache_clear()
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    cache.clear()


@pytest.fixture
def visitor(portal_tenant: LocalTenant) -> Iterator[Callable[[str], Visitor]]:
    """A person in a browser, not signed in yet."""
    made: list[Visitor] = []

    def of(who: str) -> Visitor:
        made.append(Visitor(portal_tenant, who))
        return made[-1]

    yield of
    for one in made:
        one.browser.http.close()


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The portal's clock."""
    made = Hands()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made


@pytest.fixture
def open_door(settings: Any, hands: Hands) -> None:
    """BREAKGLASS_UNTIL is four hours ahead."""
    opened(settings, hands.now + timedelta(hours=4))


@pytest.fixture
def night(open_door: None) -> Handed:
    """An account and everything that was handed out with it."""
    return accounts.create("night-shift")
