"""Ground for tests of passkeys: the lamps of the pipeline's tests, devices in software."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from audit.evidence import storage
from audit.recording.actors import Actor
from tests.approvals.lamps import Lamps, furnish
from tests.approvals.people_of import acting


@pytest.fixture(autouse=True)
def _own_ground(db: None, settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    storage._kept.cache_clear()
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    cache.clear()


@pytest.fixture
def lamps(monkeypatch: pytest.MonkeyPatch) -> Lamps:
    """Something to decide about."""
    return furnish(monkeypatch)


@pytest.fixture
def olu() -> Actor:
    """The operator who asks."""
    return acting("operator", "operator")


@pytest.fixture
def oona(olu: Actor) -> Actor:
    """The operator who is asked; known after the one who asks."""
    return acting("operator2", "operator")
