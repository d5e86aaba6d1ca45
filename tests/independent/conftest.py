"""Programs that nobody here wrote; where one is not installed, its tests say so."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.audit.conftest import var_dir

__all__ = ["var_dir"]

_PACKAGES = {"sigsum-witness": "sigsum-go", "spicy-litetlog": "litetlog", "openssl": "openssl"}


@pytest.fixture
def program(request: pytest.FixtureRequest) -> str:
    """Path of the program that the test's `uses` mark names."""
    mark = request.node.get_closest_marker("uses")
    assert mark is not None
    name: str = mark.args[0]
    found = shutil.which(name)
    if found is None:
        words = f"{name} is not installed: apt-get install {_PACKAGES[name]}"
        assert not os.environ.get("INDEPENDENT"), words
        pytest.skip(words)
    return found
