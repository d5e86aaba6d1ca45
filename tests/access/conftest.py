"""One world for all that is examined."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState

from tests.access.world import World, prepare
from tests.stories.house import House
from tests.support.stack import Stack


@pytest.fixture(scope="session")
def world(stack: Stack, engine: Browser, homes: Path, cookies: dict[str, StorageState]) -> World:
    """Something in each state."""
    house = House(stack, engine, homes, cookies)
    made = prepare(house)
    assert house.leave() == []
    return made
