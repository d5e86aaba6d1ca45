"""Saving a whole row undoes what others wrote since it was read: `save` names its columns.

The exceptions are listed with the reason why nobody else can write the row meanwhile.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("accounts", "api", "approvals", "audit", "connections", "enforcement", "portal", "ui")
_NAMES = {"update_fields", "force_insert"}
_NO_MODEL = {("approved_scope", "save"), ("session", "save")}

WHOLE = {
    ("approvals/pipeline/deny_expire_cancel.py", "approval"): (
        2,
        "under `locking.locked`, which every answer takes",
    ),
    ("audit/verification/requested_runs.py", "run"): (
        2,
        "the one process that verifies; readers write nothing",
    ),
    ("connections/access_reviews/open_decide_close.py", "review"): (
        2,
        "under select_for_update and its lease",
    ),
    ("connections/access_reviews/open_decide_close.py", "item"): (
        1,
        "under select_for_update of review and item",
    ),
    ("connections/tenant_log/reader.py", "row"): (2, "under `feeds.locked`"),
    ("connections/tenant_log/record_entries.py", "row"): (1, "under `feeds.locked`"),
}
"""File and variable of each whole save: how many there are, and why that is safe."""


def saves(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Calls of `save` with the name of what is saved."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr == "save":
            yield ast.unparse(node.func.value).rpartition(".")[2], node


def whole(tree: ast.AST) -> Iterator[str]:
    """Those that name no columns."""
    for name, call in saves(tree):
        given = {keyword.arg for keyword in call.keywords}
        if not given & _NAMES and (name, "save") not in _NO_MODEL:
            yield name


def test_every_whole_save_is_listed_with_its_reason() -> None:
    found: Counter[tuple[str, str]] = Counter()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            where = str(path.relative_to(ROOT))
            found.update((where, name) for name in whole(ast.parse(path.read_text())))
    assert found == {key: number for key, (number, _) in WHOLE.items()}


def test_a_whole_save_is_seen() -> None:
    assert list(whole(ast.parse("account.save()\nother.row.save(using='x')"))) == ["account", "row"]
    calls = "row.save(update_fields=['state'])\napproved_scope.save(row, [])"
    assert not list(whole(ast.parse(calls)))
