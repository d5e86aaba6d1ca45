"""A pytest plugin: one running stack and one Chromium for everything told in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, StorageState

    from tests.stories.house import House
    from tests.support.stack import Stack

# Imported by the fixtures only: the other rooms need neither Playwright nor a stack.
pytest.register_assert_rewrite("tests.stories", "tests.canary", "tests.stack", "tests.access")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What leaves an account suspended comes after the stories; what restarts the portal, last."""
    rooms = ("/tests/access/", "/tests/processes/")
    items.sort(key=lambda item: [room in item.path.as_posix() for room in reversed(rooms)])


@pytest.fixture(scope="session")
def engine() -> Iterator[Browser]:
    """Chromium; what needs it is skipped where there is none."""
    from tests.support.chrome import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def stack(engine: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`make up` on a fresh folder, its first start killed once; Ctrl-C in the end."""
    from tests.support.stack import FIRST_START_S, Stack, eventually

    # More is asked of one person here than five pushes a minute, and answers come sooner.
    hurried = {
        "TENANT_PUSHES_PER_MINUTE": "100000",
        "PUSHES_PER_MINUTE": "100000",
        "TENANT_CIBA_INTERVAL_S": "1",
    }
    running = Stack(tmp_path_factory.mktemp("stack") / "var", hurried)
    running.begin()
    eventually(lambda: "Sample history …" in running.output, "the first start at its import", 120)
    running.kill()
    running.start(FIRST_START_S)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home folders of the command lines, one a person, for the whole session."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(scope="session")
def cookies() -> dict[str, StorageState]:
    """What the browsers of the people remember from story to story."""
    return {}


@pytest.fixture
def house(
    stack: Stack, engine: Browser, homes: Path, cookies: dict[str, StorageState]
) -> Iterator[House]:
    """The house for one story; every page of it must have stayed without a complaint."""
    from tests.stories.house import House

    made = House(stack, engine, homes, cookies)
    yield made
    assert made.leave() == []
