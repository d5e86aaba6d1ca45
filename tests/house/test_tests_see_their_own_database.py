"""Views of a PostgreSQL server have every database: a test that counts in them means its own."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).resolve().parents[1]
VIEWS: Final = re.compile(r"\b(?:FROM|JOIN) (?:pg_locks|pg_stat_activity)\b")
OWN: Final = re.compile(r"\bdatname = |\bpid = ANY\(")


def test_a_view_of_the_whole_server_is_narrowed_to_one_database() -> None:
    """Another worker's tests hold locks on the same server at the same time."""
    found = [
        f"{path.relative_to(TESTS)}:{node.lineno}"
        for path in sorted(TESTS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if VIEWS.search(node.value) and not OWN.search(node.value)
    ]
    assert found == []
