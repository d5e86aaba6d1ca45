"""The portal's own code as data: who refers to what, and which rows each function writes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "accounts",
    "api",
    "approvals",
    "audit",
    "connections",
    "enforcement",
    "portal",
    "ui",
    "http_client",
    "auth0_client",
)
"""What runs in the portal and its worker; the command line and the local tenant are other
programs, which `lint-imports` holds apart."""

_WRITES = {
    "create",
    "acreate",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
    "save",
    "delete",
}
_MANAGERS = {"objects", "_default_manager", "_base_manager"}


@dataclass(frozen=True, slots=True)
class Place:
    """A function of a module; empty for code at the top of it."""

    module: str
    function: str

    def __str__(self) -> str:
        return f"{self.module}.{self.function}" if self.function else self.module


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the rooms by its dotted name, migrations left out."""
    found = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "migrations" not in parts:
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                found[name] = ast.parse(path.read_text())
    assert len(found) > 150
    return found


def walk(module: str) -> Iterator[tuple[Place, ast.AST]]:
    """Every node with the outermost function or class method it stands in."""
    todo = _parts(Place(module, ""), modules()[module])
    while todo:
        place, node = todo.pop()
        yield place, node
        todo += _parts(place, node)


def _parts(place: Place, node: ast.AST) -> list[tuple[Place, ast.AST]]:
    """The nodes in a node at `place`, the last one first."""
    found = [(_place_in(place, child), child) for child in ast.iter_child_nodes(node)]
    found.reverse()
    return found


def _place_in(place: Place, node: ast.AST) -> Place:
    """`node` itself where it is a function or class, else where it stands."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return place
    return Place(place.module, f"{place.function}.{node.name}".removeprefix("."))


@cache
def _names(module: str) -> dict[str, str]:
    """What each imported name of a module stands for, dotted."""
    found = {}
    package = module if _is_package(module) else module.rpartition(".")[0]
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                found[alias.asname or alias.name] = f"{base}.{alias.name}"
    for name, _ in _own(module):
        found.setdefault(name, f"{module}.{name}")
    return found


@cache
def _own(module: str) -> tuple[tuple[str, ast.stmt], ...]:
    """Functions, classes and values that a module defines at its top."""
    found: list[tuple[str, ast.stmt]] = []
    for node in modules()[module].body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append((node.name, node))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [(target.id, node) for target in targets if isinstance(target, ast.Name)]
    return tuple(found)


def _is_package(module: str) -> bool:
    return (ROOT / Path(*module.split(".")) / "__init__.py").exists()


def _dotted(node: ast.AST, module: str) -> str:
    """What an expression of names and dots stands for; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in _names(module):
        return ""
    return ".".join([_names(module)[node.id], *reversed(parts)])


@cache
def _references() -> dict[str, list[tuple[Place, ast.AST]]]:
    found: dict[str, list[tuple[Place, ast.AST]]] = {}
    for module in modules():
        for place, node in walk(module):
            read = isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load)
            if read and (name := _dotted(node, module)):
                found.setdefault(name, []).append((place, node))
    return found


def users(name: str) -> set[str]:
    """Modules, other than its own, that refer to a function by whatever import; also those that
    only hand it on."""
    home = name.rpartition(".")[0]
    assert name in _inside(), f"there is no {name}"
    return {place.module for place, _ in _references().get(name, [])} - {home}


def calls(name: str) -> list[tuple[Place, ast.Call]]:
    """Each call of a function, wherever it is."""
    return _calls().get(name, [])


@cache
def _calls() -> dict[str, list[tuple[Place, ast.Call]]]:
    found: dict[str, list[tuple[Place, ast.Call]]] = {}
    for module in modules():
        for place, node in walk(module):
            if isinstance(node, ast.Call) and (name := _dotted(node.func, module)):
                found.setdefault(name, []).append((place, node))
    return found


@cache
def _inside() -> dict[str, set[str]]:
    """What each function, class or value of ours refers to, dotted."""
    return {
        f"{module}.{name}": {
            dotted
            for node in ast.walk(statement)
            if isinstance(node, ast.Attribute | ast.Name) and (dotted := _dotted(node, module))
        }
        for module in modules()
        for name, statement in _own(module)
    }


def reach(start: str) -> set[str]:
    """Every function and class of ours that `start` may lead to by the names it uses.

    A verb's own functions are found through the registry, not by name: what reaches a decision
    reaches `approvals.pipeline.commit.commit_now`.
    """
    assert start in _inside(), f"there is no {start}"
    seen, todo = {start}, [start]
    while todo:
        for name in _inside().get(todo.pop(), ()):
            found = _home_of(name)
            if found and found not in seen:
                seen.add(found)
                todo.append(found)
    return seen


@cache
def _home_of(name: str) -> str:
    """The function or class that a dotted name leads to, through what packages hand on."""
    while name:
        if name in _inside():
            return name
        module, _, last = name.rpartition(".")
        if module in modules() and _names(module).get(last, name) != name:
            return _home_of(_names(module)[last])
        if module in _inside():  # a member of a class
            return module
        name = module if module.count(".") else ""
    return ""


def written(module: str) -> set[str]:
    """What a module writes: names of models whose manager it writes through, `instance` for rows
    it holds, `sql` for statements of its own."""
    found = set()
    for _, node in walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.add(_written(node, node.func))
    return found - {""}


def _written(call: ast.Call, func: ast.Attribute) -> str:
    name, root = func.attr, _model(func.value)
    if name in _WRITES and (root or name in {"save", "delete"}):
        return root or "instance"
    if name == "update" and not call.args and call.keywords:
        return root or "instance"
    if name in {"execute", "executemany", "executescript"}:
        return "sql"
    return ""


def _model(node: ast.AST) -> str:
    """The model at the root of `Model.objects.filter(…)`; empty where there is none."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        if isinstance(node, ast.Attribute) and node.attr in _MANAGERS:
            return node.value.id if isinstance(node.value, ast.Name) else "instance"
        node = node.func if isinstance(node, ast.Call) else node.value
    return ""
