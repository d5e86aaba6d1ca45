"""No loop asks a list that grows with the input whether it holds something: that is quadratic.

Found in the code: `x in some_list` and `some_list.count(x)` inside a loop or comprehension, where
the name is a list, a sequence or a tuple of any length. What stands below has a bound, named there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PRODUCT: Final = (
    "accounts",
    "api",
    "approvals",
    "ata",
    "audit",
    "auth0_client",
    "connections",
    "enforcement",
    "http_client",
    "portal",
    "serving",
    "ui",
)
_LOOPS: Final = (
    *(ast.For, ast.While, ast.AsyncFor),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
_LISTS: Final = ("list[", "Sequence[", "Iterable[", "Iterator[")
_MAKERS: Final = frozenset({"list", "sorted", "split", "splitlines", "tuple", "findall"})

BOUNDED: Final[dict[str, str]] = {
    "approvals/policy/policy_change.py:_locked_out:named": "a group has at most 100 people",
    "ata/verify/evidence_file_grouping.py:evidence_packs:packs": "files named on the command line",
    "ata/mcp_run/credentials.py:_chosen:names": "a manifest has at most 50 connections",
    "ata/mcp_run/credentials.py:_check_beyond:names": "a manifest has at most 50 connections",
    "ata/mcp_run/http_proxy.py:_pick:wanted": "headers that are passed on, a fixed tuple",
    "audit/keys/restored_database_adoption.py:problems:logged": "adoptions, each made by hand",
    "audit/keys/restored_database_adoption.py:problems:made": "adoptions, each made by hand",
    "audit/search/search_sql.py:_keys:wide": "groups of one query, whose terms have a limit",
    "connections/inventory/query_parameters.py:_judged:good": "at most MOST values of a key",
    "connections/inventory/page_assembly.py:_agents:wanted": "at most MOST values of a key",
    "connections/component_manifests/manifest_store.py:_consistent:names": "at most 50 connections",
    "approvals/views/inbox.py:inbox:for_me": "at most _MOST_PENDING requests",
    "approvals/views/inbox.py:inbox:by_me": "at most _MOST_PENDING requests",
    "approvals/views/request_steps.py:steps:held": "effects of one request",
    "approvals/views/request_steps.py:steps:ended": "effects of one request",
    "audit/views/log/ledger_page.py:_adoptions:waiting": "adoptions, each made by hand",
    "connections/views/my_connections.py:_ending:ending": "accounts of one person",
    "connections/views/inventory/filter_links.py:_facet:names": "names shown, at most SHOWN",
    "enforcement/views/finding_hold_and_decision_lists.py:read:wrong": "one of four filters each",
}


def _is_list(node: ast.expr | None) -> bool:
    if isinstance(node, ast.List | ast.ListComp):
        return True
    if isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return name in _MAKERS
    return False


def _is_typed(annotation: ast.expr | None) -> bool:
    if annotation is None:
        return False
    text = ast.unparse(annotation)
    return text.startswith(_LISTS) or (text.startswith("tuple[") and text.endswith("...]"))


def _lists(function: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.arg(arg=name, annotation=annotation) if _is_typed(annotation):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_list(value):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation) if _is_typed(
                annotation
            ):
                found.add(name)
    return found


def _questions(function: ast.AST) -> Iterator[tuple[str, int]]:
    lists = _lists(function)
    for loop in (node for node in ast.walk(function) if isinstance(node, _LOOPS)):
        for node in ast.walk(loop):
            match node:
                case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id=name)]):
                    if name in lists:
                        yield name, node.lineno
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="count")):
                    if name in lists and node.args:
                        yield name, node.lineno


def found() -> dict[str, int]:
    """Each such place as `file:function:list`, with its line."""
    places: dict[str, int] = {}
    for package in PRODUCT:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            for function in ast.walk(ast.parse(path.read_text())):
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    for name, line in _questions(function):
                        places[f"{path.relative_to(ROOT)}:{function.name}:{name}"] = line
    return places


def test_no_loop_searches_a_list_that_grows_with_the_input() -> None:
    assert set(found()) == set(BOUNDED)
