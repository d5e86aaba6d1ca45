"""The committed map of moves: its rows, and what they mean for the files that there are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROW: Final = re.compile(r"^\| `([\w.]+)` \| `([\w.]+)` \|", re.MULTILINE)


@dataclass(frozen=True)
class Moves:
    """What moves: `modules` with all that lie below a package, `names` by old module and name."""

    modules: Mapping[str, str]
    names: Mapping[str, str]
    roots: Mapping[str, str]  # the rows themselves: what is moved on the disk

    def new(self, old: str) -> str:
        """The new dotted path of a module, or of a name in one."""
        path, rest = old, ""
        while path:
            for known in (self.names, self.modules):
                if path in known:
                    return known[path] + rest
            path, _, last = path.rpartition(".")
            rest = f".{last}{rest}"
        return old


def read_map(text: str) -> list[tuple[str, str]]:
    """The rows of the map, in their order."""
    return [(found[1], found[2]) for found in _ROW.finditer(text)]


def module_of(path: str) -> str:
    """The dotted path of a file: `audit/models/__init__.py` is `audit.models`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def moves_of(rows: Iterable[tuple[str, str]], files: Mapping[str, str]) -> Moves:
    """The rows that apply to these files: text by path from the root, with `/`.

    A name that a package hands on from one of its modules is renamed there, too.
    """
    known = {module_of(path) for path in files if path.endswith(".py")}
    folders = {str(up).replace("/", ".") for path in files for up in Path(path).parents}
    modules, names, roots = {}, {}, {}
    for old, new in sorted(rows, key=lambda row: row[0].count(".")):
        if new in known and (new.startswith(f"{old}.") or old not in known):
            continue  # carried out before
        if old in known or old in folders:
            roots[old] = new
            below = (one for one in known | folders if one == old or one.startswith(f"{old}."))
            modules.update({one: new + one.removeprefix(old) for one in below})
        elif old.rpartition(".")[0] in known:
            names[old] = new
    moves = Moves(modules, names, roots)
    handed_on = {
        f"{module_of(path)}.{name}": f"{moves.new(module_of(path))}.{new.rpartition('.')[2]}"
        for path, text in files.items()
        if path.endswith("/__init__.py")
        for name, new in _imported_names(module_of(path), text, names)
    }
    return Moves(modules, {**names, **handed_on}, roots)


def _imported_names(package: str, text: str, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            base = f"{package}.{node.module}" if node.level else node.module
            for alias in node.names:
                if (new := names.get(f"{base}.{alias.name}")) and not alias.asname:
                    yield alias.name, new
