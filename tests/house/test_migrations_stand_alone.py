"""A migration does tomorrow what it did when it was written, so it imports no product function."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "approvals.models.person": "class of a column",
    "audit.evidence.row_seals": "seals rows with the installation's key, as readers want them",
    "audit.clock": "default of a column",
    "audit.models.exact_json_field": "class of a column",
    "connections.models.fields_computed_on_save": "classes of columns",
    "local.tenant.models": "defaults of columns",
}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _of_product(name: str) -> bool:
    top = name.split(".")[0]
    return (ROOT / top).is_dir() and top not in sys.stdlib_module_names


def test_migrations_import_only_columns_and_their_own_frozen_code() -> None:
    found = {
        name
        for path in ROOT.glob("*/**/migrations/*.py")
        if ".venv" not in path.parts
        for name in _imported(path)
        if _of_product(name) and ".migrations" not in name
    }
    assert found == set(ALLOWED)
