"""The order of the stories; what they run on is in tests/support/running_house.py."""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The canary looks at what the stories left behind, in whatever order those were told."""
    items.sort(key=lambda item: "no_secret_is_kept" in item.name)
