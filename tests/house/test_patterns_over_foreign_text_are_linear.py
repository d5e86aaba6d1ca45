"""Every regular expression of the product takes time linear in what it reads.

`re` holds the interpreter for the whole of one call: a quadratic pattern over somebody else's text
stops the process. All patterns are found in the code and pumped with strings of their own parts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

from accounts.views import browser_names
from audit.importing import secret_masking
from tests.support import pumping

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
_READING: Final = frozenset({"search", "match", "fullmatch", "findall", "finditer", "sub", "subn"})
_CALLS: Final = frozenset({*_READING, "compile", "split"})

# Places whose pattern is not written where it is used: what they use, or why it is no matter.
ELSEWHERE: Final[dict[tuple[str, str], Callable[[], list[re.Pattern[str]]]]] = {
    ("audit/importing/secret_masking.py", "pattern"): lambda: [
        s.pattern for s in secret_masking._SHAPES
    ],
    ("accounts/views/browser_names.py", "pattern"): lambda: [
        re.compile(pattern) for _, pattern in browser_names._BROWSERS
    ],
}
# Made of values of our own, each escaped, with no repetition or with one between fixed texts.
ESCAPED: Final = frozenset(
    {
        (
            "audit/erasure/subject_and_store_registry.py",
            "f'(?<!\\\\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\\\\w)'",
        ),
        ("portal/ops/auth0_checks/applications.py", "re.escape(url).replace('\\\\*', '[^./:]+')"),
    }
)


class Place:
    """One use of a pattern: where it stands, the pattern, and how it reads."""

    def __init__(self, where: str, pattern: re.Pattern[str], method: str) -> None:
        self.where, self.pattern, self.method = where, pattern, method


def _files() -> Iterator[Path]:
    for package in PRODUCT:
        yield from sorted((ROOT / package).rglob("*.py"))


def _methods(tree: ast.Module) -> dict[str, set[str]]:
    """How each name is read with: `_FORM.fullmatch(…)` is `{"_FORM": {"fullmatch"}}`."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.setdefault(node.value.id, set()).add(node.attr)
    return found


def _names(tree: ast.Module) -> dict[ast.AST, str]:
    """The name that each expression is given."""
    found: dict[ast.AST, str] = {}
    for node in ast.walk(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        target = node.target if isinstance(node, ast.AnnAssign) else target
        if isinstance(target, ast.Name) and node.value is not None:  # type: ignore[attr-defined]
            found[node.value] = target.id  # type: ignore[attr-defined]
    return found


@cache
def _all() -> tuple[list[Place], list[str]]:
    places: list[Place] = []
    unknown: list[str] = []
    for path in _files():
        source = path.read_text()
        if "re." not in source:
            continue
        tree, relative = ast.parse(source), str(path.relative_to(ROOT))
        for call in ast.walk(tree):
            if _is_of_re(call):
                assert isinstance(call, ast.Call)
                _add(call, tree, relative, places, unknown)
    return places, unknown


def _is_of_re(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in _CALLS
    )


def _add(
    call: ast.Call, tree: ast.Module, path: str, places: list[Place], unknown: list[str]
) -> None:
    assert isinstance(call.func, ast.Attribute)
    where = f"{path}:{call.lineno}"
    module = import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    try:
        pattern, flags = _evaluated(call, vars(module))
    except NameError:
        written = ast.unparse(call.args[0])
        if (path, written) in ELSEWHERE:
            places.extend(Place(where, one, "search") for one in ELSEWHERE[path, written]())
        elif (path, written) not in ESCAPED:
            unknown.append(f"{where}: {written}")
        return
    if isinstance(pattern, bytes):
        pattern = pattern.decode("latin-1")
    method = call.func.attr
    if method == "compile":
        used = _methods(tree).get(_names(tree).get(call, ""), set()) & _READING
        anchored = used and used <= {"match", "fullmatch"}
        method = ("match" if "match" in used else "fullmatch") if anchored else "search"
    elif method not in {"match", "fullmatch"}:
        method = "search"
    places.append(Place(where, re.compile(pattern, flags), method))


def _evaluated(call: ast.Call, names: dict[str, object]) -> tuple[str | bytes, int]:
    def value(node: ast.expr) -> object:
        return eval(compile(ast.Expression(node), "<pattern>", "eval"), dict(names))

    pattern = value(call.args[0])
    assert isinstance(call.func, ast.Attribute)
    flags = [k.value for k in call.keywords if k.arg == "flags"]
    at = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(call.func.attr, 2)
    flags += call.args[at : at + 1]
    assert isinstance(pattern, str | bytes)
    return pattern, int(value(flags[0])) if flags else 0  # type: ignore[call-overload]


def test_every_pattern_is_found() -> None:
    places, unknown = _all()
    assert len(places) > 120
    assert unknown == []


@pytest.mark.parametrize("package", PRODUCT)
def test_each_pattern_reads_in_linear_time(package: str) -> None:
    slow = {
        f"{place.where} {place.pattern.pattern[:60]}": found
        for place in _all()[0]
        if place.where.startswith(f"{package}/")
        and (found := pumping.slowest(place.pattern, place.method))
    }
    assert slow == {}


@pytest.mark.parametrize(
    "pattern", [r"\beyJ[\w-]{6,}\.[\w-]{2,}", r"\\+u00(?!22)([2-7][0-9A-Fa-f])", r"[a-z_]+:[a-z]+"]
)
def test_a_quadratic_pattern_is_found(pattern: str) -> None:
    assert pumping.slowest(re.compile(pattern), "search")
