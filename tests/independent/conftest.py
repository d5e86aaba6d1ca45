"""Programs that nobody here wrote; where one is not installed, its tests say so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.audit.conftest import var_dir

__all__ = ["var_dir"]

_GO = "go install filippo.io/torchwood/cmd/{}@v0.6.1"
_INSTALL = {
    "sigsum-witness": "apt-get install sigsum-go",
    "spicy-litetlog": "apt-get install litetlog",
    "openssl": "apt-get install openssl",
    "litewitness": f"{_GO.format('litewitness')} && {_GO.format('witnessctl')}",
    "spicy": _GO.format("spicy"),
}

_BESIDE = {"litewitness": "witnessctl"}
"""What a program is told its log with."""


@pytest.fixture
def program(request: pytest.FixtureRequest) -> str:
    """Path of the first installed program that the test's `uses` mark names."""
    mark = request.node.get_closest_marker("uses")
    assert mark is not None
    names: tuple[str, ...] = mark.args
    for name in names:
        found = shutil.which(name)
        beside = Path(found).with_name(_BESIDE[name]) if found and name in _BESIDE else None
        if found and (beside is None or beside.exists()):
            return found
    words = " or ".join(f"{name} ({_INSTALL[name]})" for name in names)
    assert not os.environ.get("INDEPENDENT"), f"not installed: {words}"
    pytest.skip(f"not installed: {words}")
