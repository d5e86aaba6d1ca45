"""Pages of people need a database of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from audit.evidence import storage


@pytest.fixture
def house(db: None, settings: Any, tmp_path: Path) -> None:
    """An empty house: no row, no file, nothing remembered."""
    settings.VAR_DIR = tmp_path
    storage._kept.cache_clear()
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    cache.clear()
