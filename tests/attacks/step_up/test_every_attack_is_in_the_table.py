"""`docs/attacks.md` names every attack of this folder, and none that is not there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TABLE = HERE.parents[2] / "docs" / "attacks.md"


@pytest.fixture(autouse=True)
def _every_attack_is_on_the_trail_and_the_ledger_holds() -> None:
    """Nothing is attacked here."""


def test_every_attack_is_named_and_every_name_is_an_attack() -> None:
    named = set(re.findall(r"`(test_\w+\.py::test_\w+)`", TABLE.read_text()))
    there = {
        f"{path.name}::{node.name}"
        for path in HERE.glob("test_*.py")
        if path != Path(__file__).resolve()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert named == there
    assert len(there) >= 30
