"""One running stack and one Chromium for all stories."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

pytest.register_assert_rewrite(
    *(
        f"tests.stories.{name}"
        for name in (
            "admin",
            "agent",
            "auditor",
            "command_line",
            "house",
            "member",
            "operator",
            "trail",
        )
    )
)

from tests.stories.house import House  # noqa: E402
from tests.support.chrome import chromium  # noqa: E402
from tests.support.stack import FIRST_START_S, Stack  # noqa: E402


@pytest.fixture(scope="session")
def engine() -> Iterator[Browser]:
    """Chromium; the stories are skipped where there is none."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def stack(engine: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`make up` on a fresh folder, its first start included; Ctrl-C in the end."""
    running = Stack(tmp_path_factory.mktemp("stack") / "var")
    running.start(FIRST_START_S)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Home folders of the command lines, one a person, for the whole session."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture
def house(stack: Stack, engine: Browser, homes: object) -> Iterator[House]:
    """The house for one story; every page of it must have stayed without a complaint."""
    made = House(stack, engine, homes)  # type: ignore[arg-type]
    yield made
    assert made.leave() == []
