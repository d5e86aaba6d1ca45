"""The demo processes' own fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.gateway_client import Running, running


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    """A running demo gateway with an empty database."""
    with running(tmp_path / "edge-1") as made:
        yield made
