"""Names functions, classes and methods of the product that no code of the product uses.

Tests and benchmarks are not counted as users: what only they call is dead. Templates are, and so
are migrations and dotted names in strings, such as the settings have them. Names are compared, not
objects, so something unused can hide behind a namesake. `[tool.vulture]` in pyproject.toml says
where to look and what only frameworks call. Exits 1 where anything is found.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from vulture import Vulture
from vulture.config import make_config

KINDS: Final = frozenset({"class", "function", "method", "property"})
_TAG: Final = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_WORD: Final = re.compile(r"[^\W\d]\w*")
_DOTTED: Final = re.compile(r"(\w+)\.(?:\w+\.)*(\w+)")


def unused(top: Path) -> list[str]:
    """What nobody uses in the checkout at `top`: `file:line: unused function 'name'`."""
    config = make_config(["--config", str(top / "pyproject.toml")])
    packages = config["paths"]
    code = Vulture(
        ignore_names=config["ignore_names"], ignore_decorators=config["ignore_decorators"]
    )
    code.scavenge([top / package for package in packages])
    code.used_names.update(_in_templates(top / "templates"), _in_strings(top, packages))
    return [
        f"{item.filename.relative_to(top)}:{item.first_lineno}: unused {item.typ} '{item.name}'"
        for item in code.get_unused_code()
        if item.typ in KINDS and "migrations" not in item.filename.parts
    ]


def _in_templates(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.html"):
        for tag in _TAG.findall(path.read_text()):
            yield from _WORD.findall(tag)


def _in_strings(top: Path, packages: Collection[str]) -> Iterator[str]:
    for path in (path for package in packages for path in (top / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                dotted = _DOTTED.fullmatch(node.value)
                if dotted and dotted[1] in packages:
                    yield dotted[2]


def main() -> None:
    """Print what is unused."""
    found = unused(Path.cwd())
    print("\n".join(found), end="\n" * bool(found))  # noqa: T201
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
