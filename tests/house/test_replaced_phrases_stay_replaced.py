"""No page, message, event or command uses a phrase that a plainer one replaced.

`replaced_phrases.tsv` lists each with what is said instead. Read are the texts and attributes of
the templates, every string of the products that has a space in it (no name or code has one), and
the docstrings of commands, which are their help.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.house import effects_said
from tests.house.effects_said import PRODUCT, ROOT

LIST: Final = Path(__file__).with_name("replaced_phrases.tsv")
PACKAGES: Final = (*PRODUCT, "local")
TEMPLATES: Final = ("templates", "local")
HELP: Final = "ata/commands"
STILL_SAID: Final = {
    (
        "approvals/models/approval_and_asks.py",
        "nobody",
    ): "a label that a migration has, too"
}
"""File and phrase that stay, each with the reason."""


class Said(NamedTuple):
    """A text that people read, and the file that has it."""

    file: str
    text: str


def replaced() -> dict[str, str]:
    """What is said no more, and what instead."""
    rows = (line.split("\t") for line in LIST.read_text().splitlines())
    return {phrase: instead for phrase, instead in rows}


def phrases_in(text: str) -> list[str]:
    """The replaced phrases of a text, whatever its case, apostrophes and line breaks."""
    return [phrase for phrase, found in _PATTERNS.items() if found.search(_plain(text))]


def _plain(text: str) -> str:
    return " ".join(text.replace("’", "'").split())


_PATTERNS: Final = {
    phrase: re.compile(rf"(?<![\w-]){re.escape(_plain(phrase))}(?![\w-])", re.IGNORECASE)
    for phrase in replaced()
}


def said() -> Iterator[Said]:
    """Everything that people read, with its file."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts and path.name != "styleguide.py":
                name, source = str(path.relative_to(ROOT)), path.read_text()
                yield from (Said(name, one) for one in effects_said.strings(source) if " " in one)
                if name.startswith(HELP):
                    yield from (Said(name, one) for one in _help(source))
    for folder in TEMPLATES:
        for path in sorted((ROOT / folder).rglob("*.html")):
            if "styleguide" not in path.name:
                for one in effects_said.texts(path.read_text()):
                    yield Said(str(path.relative_to(ROOT)), one)


def _help(source: str) -> Iterator[str]:
    """Docstrings of functions: of a command it is the help."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield text


def test_no_sentence_uses_a_replaced_phrase() -> None:
    found = [
        f"{one.file}: “{phrase}” in: {one.text}"
        for one in said()
        for phrase in phrases_in(one.text)
        if (one.file, phrase) not in STILL_SAID
    ]
    assert not found, "\n".join(found)


def test_the_list_has_each_phrase_once_with_what_is_said_instead() -> None:
    rows = [line.split("\t") for line in LIST.read_text().splitlines()]
    assert {len(row) for row in rows} == {2} and all(cell.strip() for row in rows for cell in row)
    assert len({phrase.lower() for phrase, _ in rows}) == len(rows) > 60


def test_what_is_said_instead_is_replaced_by_nothing() -> None:
    assert not [instead for instead in replaced().values() if phrases_in(instead)]


@pytest.mark.parametrize(
    "text",
    ["They NARROW down.", "through\n us", "by the issuer’s own word", "by the issuer's own word"],
)
def test_each_way_to_write_one_is_found(text: str) -> None:
    assert phrases_in(text)


def test_parts_of_other_words_are_left_alone() -> None:
    assert not phrases_in("put awayness, through-us, narrow_down")
