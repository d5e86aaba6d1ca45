"""Every sentence of the product that names an effect: something blocked, revoked, sent, told, …

Found in the strings of the code (docstrings left out, placeholders as `{}`) and in the texts and
attributes of the templates.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

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
    "ui",
)
EFFECT: Final = re.compile(
    r"\b(?:un)?(?:blocked|removed|revoked|deleted|notified|told|sent|mailed|acknowledged|confirmed"
    r"|refused|frozen|suspended|resumed|lifted|released|ended|delivered|disconnected|erased"
    r"|withdrawn|enforced|stopped|quarantined|restored|signed out|on hold|held|woken|closed|applied"
    r"|carried out|undone|issued|reached|deletes|revokes|blocks|notifies|acknowledges)\b",
    re.IGNORECASE,
)
LEAST_WORDS: Final = 3
"""A name of one or two words states nothing."""

_LEFT_OUT: Final = {"styleguide.html", "_styleguide_drawer.html", "_styleguide_table.html"}
_COMMENT: Final = re.compile(r"(?s)\{#.*?#\}|\{% comment .*?endcomment %\}")
_ATTRIBUTE: Final = re.compile(r'(?:title|aria-label|text|words|placeholder)="([^"]*)"')


class Sentence(NamedTuple):
    """Where it stands, and what it says."""

    file: str
    text: str


def sentences() -> set[Sentence]:
    """All of them, in code and templates."""
    return {one for one in (*_in_code(), *_in_templates()) if names_an_effect(one.text)}


def names_an_effect(text: str) -> bool:
    """Whether a text of some words has one of the words of an effect."""
    return len(text.split()) >= LEAST_WORDS and bool(EFFECT.search(text))


def strings(source: str) -> Iterator[str]:
    """Each line of each string of a module, without docstrings, its white space made one."""
    tree = ast.parse(source)
    skipped = {id(text) for text in _docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in ast.walk(node) if part is not node)
        elif not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        if id(node) not in skipped:
            yield from (" ".join(line.split()) for line in _words(node).splitlines())


def _words(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)


def _docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield statement.value


def _in_code() -> Iterator[Sentence]:
    for package in PRODUCT:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts and path.name != "styleguide.py":
                for text in strings(path.read_text()):
                    yield Sentence(str(path.relative_to(ROOT)), text)


def _in_templates() -> Iterator[Sentence]:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        if path.name not in _LEFT_OUT:
            for text in texts(path.read_text()):
                yield Sentence(str(path.relative_to(ROOT)), text)


def texts(template: str) -> Iterator[str]:
    """Texts between the tags of a template and in the attributes that people read; `…` is a tag."""
    template = _COMMENT.sub("", template)
    yield from (" ".join(found.split()) for found in _ATTRIBUTE.findall(template))
    template = re.sub(r"(?s)\{%.*?%\}", "…", template)
    template = re.sub(r"(?s)\{\{.*?\}\}", "{}", template)
    for text in re.split(r"<[^>]*>", template):
        yield " ".join(text.split()).strip("… ")
