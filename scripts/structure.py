"""Print the measures of the repository's structure, and list what exceeds them: `make structure`.

Exit status 1 if a measure is exceeded. `--counts` prints the numbers only.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
APPS = (
    "portal", "accounts", "api", "ui", "audit", "approvals", "connections", "enforcement",
    "auth0_client", "http_client", "ata", "serving", "torture", "scripts",
    "local", "demo",
)  # fmt: skip
LOCAL = ("local", "demo")  # plays the world: imports are checked, sizes are not
NOT_COUNTED = {"migrations", "management", "templatetags"}
MOST_MODULES, MOST_PACKAGES, MOST_DEPTH, MOST_LINES, MOST_SAME_NAME = 15, 24, 3, 400, 3
NAMES_OF_MANY = {
    "__init__", "__main__", "admin", "api", "apps", "conftest", "decisions", "errors", "events",
    "factories", "forms", "managers", "middleware", "models", "permissions", "queries",
    "registry", "report", "schemas", "serializers", "service", "settings", "signals", "tasks",
    "types", "urls", "views",
}  # fmt: skip
STATEMENTS_OF = (
    "audit", "approvals", "connections", "enforcement", "portal", "accounts", "api", "ui",
)  # fmt: skip
TIERS = {
    "views": "views", "api": "views", "urls": "views", "tasks": "views", "admin": "views",
    "management": "views", "templatetags": "views", "models": "models", "ledger": "ledger",
}  # fmt: skip


def product_files(root: Path = ROOT) -> list[Path]:
    """Every Python file of the product, relative to the root."""
    return sorted(p.relative_to(root) for app in APPS for p in (root / app).rglob("*.py"))


def sized(path: Path) -> bool:
    """Whether the limits of size count this file."""
    return path.parts[0] not in LOCAL and not NOT_COUNTED & set(path.parts)


def length_problems(files: list[Path], root: Path = ROOT) -> Iterator[str]:
    """Modules with too many lines."""
    for path in filter(sized, files):
        lines = (root / path).read_text().count("\n")
        if path.name != "__init__.py" and lines > MOST_LINES:
            yield f"{path}: {lines} lines, at most {MOST_LINES}"


def level_problems(files: list[Path]) -> Iterator[str]:
    """Levels with too many modules or packages, levels too deep, packages of one module."""
    modules: Counter[Path] = Counter()
    packages: dict[Path, set[Path]] = defaultdict(set)
    for path in filter(sized, files):
        modules[path.parent] += path.name != "__init__.py"
        for child, parent in pairwise(path.parents):
            packages[parent].add(child)
    for level in sorted(modules):
        depth = len(level.parts) - 1
        if modules[level] > MOST_MODULES:
            yield f"{level}/: {modules[level]} modules, at most {MOST_MODULES}"
        if len(packages[level]) > MOST_PACKAGES:
            yield f"{level}/: {len(packages[level])} packages, at most {MOST_PACKAGES}"
        if depth > MOST_DEPTH:
            yield f"{level}/: {depth} levels below its app, at most {MOST_DEPTH}"
        if depth and modules[level] + len(packages[level]) == 1:
            yield f"{level}/: a package of one module"


def name_problems(files: list[Path]) -> Iterator[str]:
    """Module names that stand more often than three times and are not conventional."""
    names = Counter(p.stem for p in files if sized(p) and p.stem not in NAMES_OF_MANY)
    for name, number in names.most_common():
        if number > MOST_SAME_NAME:
            yield f"{name}.py: {number} modules of this name, at most {MOST_SAME_NAME}"


def tier_of(module: str) -> str:
    """The app and tier of a module: `audit.models.tree_and_checkpoints` is `audit models`."""
    app, _, rest = module.partition(".")
    parts = rest.split(".")
    return f"{app} {next((TIERS[p] for p in parts[:1] if p in TIERS), 'domain')}"


def components(edges: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components with more than one member (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return [each for each in found if len(each) > 1]


def cycle_problems(files: list[Path]) -> Iterator[str]:
    """Cycles of modules and of (app, tier); an import inside a function counts."""
    sys.setrecursionlimit(10_000)
    roots = sorted({p.parts[0] for p in files if len(p.parts) > 1})
    graph = grimp.build_graph(*roots, cache_dir=None, exclude_type_checking_imports=True)
    modules: dict[str, set[str]] = {}
    tiers: dict[str, set[str]] = defaultdict(set)
    for module in graph.modules:
        modules[module] = set(graph.find_modules_directly_imported_by(module))
        for other in modules[module]:
            if tier_of(module) != tier_of(other):
                tiers[tier_of(module)].add(tier_of(other))
    for cycle in components(modules):
        yield f"modules import each other: {', '.join(cycle)}"
    for cycle in components(tiers):
        yield f"(app, tier) import each other: {', '.join(cycle)}"


def contract_problems() -> Iterator[str]:
    """Import contracts that ignore an import."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    for contract in contracts["contracts"]:
        if contract.get("ignore_imports"):
            yield f"contract {contract['name']!r}: ignore_imports"


def statements(files: list[Path]) -> int:
    """Statements (AST nodes) of the five apps of the first layout, without migrations."""
    return sum(
        isinstance(node, ast.stmt)
        for path in files
        if path.parts[0] in STATEMENTS_OF and "migrations" not in path.parts
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
    )


def counts(files: list[Path]) -> dict[str, int]:
    """What is only counted, by what it is."""
    text = "".join((ROOT / p).read_text() for p in files)
    return {
        "modules": len(files),
        "lines": text.count("\n"),
        "statements of audit, approvals, connections, enforcement, portal": statements(files),
        "type: ignore": len(re.findall(r"#\s*type: ignore", text)),
        "noqa": len(re.findall(r"#\s*noqa", text)),
    }


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--counts", action="store_true", help="numbers only")
    asked = arguments.parse_args()
    files = product_files()
    kinds = {
        "size": [*length_problems(files), *level_problems(files)],
        "names": list(name_problems(files)),
        "cycles": list(cycle_problems(files)),
        "contracts": list(contract_problems()),
    }
    report = [f"{number:>8,}  {what}" for what, number in counts(files).items()]
    for kind, problems in kinds.items():
        report.append(f"{len(problems):>8,}  exceeded: {kind}")
        if not asked.counts:
            report += [f"          {problem}" for problem in problems]
    sys.stdout.write("\n".join([*report, ""]))
    return 1 if any(kinds.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
