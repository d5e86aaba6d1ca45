"""Names, docstrings, messages and documents use the field's words, not a dialect of our own.

`scripts/` and the products' packages are read as code: names, docstrings, and the literals that a
`raise`, a log call, a command's help or its output carries. Documents are read as text without
code spans and link targets. Sentences on pages are pinned elsewhere (`effects_said.tsv`).
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "accounts",
    "api",
    "approvals",
    "ata",
    "audit",
    "auth0_client",
    "benchmarks",
    "connections",
    "demo",
    "enforcement",
    "http_client",
    "local",
    "portal",
    "scripts",
    "serving",
    "local",
    "torture",
    "ui",
)
UNREAD = {"docs/renames.md", "CHANGELOG.md", "README.md"}
"""A map of old names, and what a release said; the README is written with the pages' texts."""
_WORDS = (
    r"bent|told|anew|beside|whoever|stretch(?:es)?|by itself|of its own"
    r"|rooms?|houses?|doors?|the street|strangers?"
)
TEXT = re.compile(rf"\b(?:{_WORDS})\b", re.IGNORECASE)
NAME = re.compile(rf"(?:^|_)(?:{_WORDS.replace(' ', '_')})(?=_|$)", re.IGNORECASE)
_SPAN = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", re.DOTALL)
_SAYS = {"debug", "info", "warning", "error", "exception", "critical", "write", "usage_error"}
_TREE = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Everything that a module gives a name to, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias):
            yield node.lineno, node.asname or ""


def _literals(node: ast.AST) -> Iterator[tuple[int, str]]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.lineno, part.value


def sentences(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Docstrings, and literals of errors, log lines and commands, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, _TREE) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text
        elif isinstance(node, ast.Raise):
            yield from _literals(node)
        elif (isinstance(node, ast.keyword) and node.arg == "help") or (
            isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "help"
        ):
            yield from _literals(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            said = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if said in _SAYS:
                yield from _literals(node)


def dialect_of(source: str) -> list[str]:
    """`line: word` for each name and sentence of a module that needs other words."""
    tree = ast.parse(source)
    found = {(line, name) for line, name in names(tree) if NAME.search(name)}
    for line, text in sentences(tree):
        found |= {(line, word) for word in TEXT.findall(_SPAN.sub("", text))}
    return [f"{line}: {word}" for line, word in sorted(found)]


def prose(document: str) -> str:
    """A document without code spans, link targets and the table that tests make."""
    document = re.sub(
        r"^\| attack \| has \|.*?(?=^$)", "", document, flags=re.DOTALL | re.MULTILINE
    )
    return _SPAN.sub("", document)


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


@pytest.mark.parametrize("package", [name for name in PACKAGES if (ROOT / name).exists()])
def test_code_uses_the_words_of_the_field(package: str) -> None:
    wrong = []
    for name in tracked(f"{package}/*.py"):
        if "/migrations/" not in name:
            if any(NAME.search(part) for part in Path(name).with_suffix("").parts):
                wrong.append(name)
            wrong += [f"{name}:{found}" for found in dialect_of((ROOT / name).read_text())]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(set(tracked(":(glob)*.md", "docs/*.md")) - UNREAD))
def test_documents_use_the_words_of_the_field(name: str) -> None:
    text = (ROOT / name).read_text()
    found = TEXT.findall(prose(text))
    assert not found, f"{name}: {', '.join(found)}"


def test_contracts_of_imports_use_them_too() -> None:
    contracts = re.findall(r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert len(contracts) > 5
    assert not TEXT.findall(" ".join(contracts))


@pytest.mark.parametrize(
    "source",
    [
        "told = 1",
        "def whoever(): ...",
        "def f(bent): ...",
        "class Door: ...",
        "import x as beside",
        '"""Made anew."""',
        'def f():\n    """Asks by itself."""',
        'raise ValueError("the house is closed")',
        'log.error("a stretch of %s", n)',
        'parser.add_argument("--x", help="the file beside it")',
        'class Command:\n    help = "Told once."',
        "f.x.told_at = 1",
        '"""It has a folder\nof its own."""',
    ],
)
def test_each_way_to_say_it_is_found(source: str) -> None:
    assert dialect_of(source)


@pytest.mark.parametrize(
    "source",
    [
        "besides = rooming = untold = 1",
        '"""The filter `told` besides `tests/house/x.py`; households, stretching."""',
        'x = "whoever"',
    ],
)
def test_what_only_looks_like_it_is_left_alone(source: str) -> None:
    assert not dialect_of(source)


def test_code_and_links_of_a_document_are_no_prose() -> None:
    assert not TEXT.findall(prose("`told` [here](0029-a-review-beside.md)\n```\nanew\n```"))
    assert TEXT.findall(prose("It stands\nbeside `x`."))
