"""Every page has one title of a closed list: `page_titles.tsv`, template and form of its title.

A form is the text of the `h1` with `{}` for each value and a row for each branch; of an error page
the title that it passes on. Home opens with a sentence that the code chooses: those are listed as
of `portal/home`, and of `open_work_for_person` those that the list of requests has in its title,
too. A new title fails here until it is listed, and so does a listed one that is gone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.house.effects_said import ROOT

LIST: Final = Path(__file__).with_name("page_titles.tsv")
HOME: Final = "portal/home"
WAITS: Final = "approvals/views/open_work_for_person.py"
_H1: Final = re.compile(r"(?s)<h1[^>]*>(.*?)</h1>")
_PASSED: Final = re.compile(r'include "errors/body\.html" with [^%]*?title="([^"]+)"')
_BRANCH: Final = re.compile(r"(?s)\{% (?:if|elif|else)\b.*?%\}|\{% endif %\}")
_LONGEST: Final = 90
_TITLES: Final = {"title", "text"}


def forms(title: str) -> Iterator[str]:
    """Each form of the text of an `h1`: one for each way through its branches, where it is one."""
    parts = re.split(r"(?s)(\{% if .*?\{% endif %\})", title)
    if len(parts) == 1:
        yield _plain(title)
        return
    before, branches, after = parts[0], parts[1], "".join(parts[2:])
    told = [part for part in _BRANCH.split(branches)[1:-1]]
    if "{% else" not in branches:
        told.append("")
    for part in told:
        yield from forms(before + part + after)


def _plain(text: str) -> str:
    text = re.sub(r'(?s)\{% plural \S+ "([^"]*)".*?%\}', r"{} \1", text)
    text = re.sub(r"(?s)\{\{.*?\}\}", "{}", re.sub(r"(?s)\{%.*?%\}", "…", text))
    return " ".join(re.sub(r"<[^>]*>", "", text).split())


def found() -> set[tuple[str, str]]:
    """Place and form of each title."""
    titles = set()
    for path in sorted((ROOT / "templates").rglob("*.html")):
        if "styleguide" not in path.name:
            name, text = str(path.relative_to(ROOT)), path.read_text()
            titles |= {(name, form) for one in _H1.findall(text) for form in forms(one)}
            titles |= {(name, one) for one in _PASSED.findall(text)}
    for path in sorted((ROOT / HOME).glob("*.py")):
        titles |= {(HOME, one) for one in home_titles(path.read_text())}
    return titles | {(WAITS, one) for one in home_titles((ROOT / WAITS).read_text())}


def home_titles(source: str) -> set[str]:
    """What a part of Home gives as `title`, or returns as the first of a title and its facts; of
    what waits its `text`."""
    texts: set[str] = set()
    for function in ast.walk(ast.parse(source)):
        if not (isinstance(function, ast.FunctionDef) and _makes_home(function)):
            continue
        for node in ast.walk(function):
            if (isinstance(node, ast.Assign) and _names_title(node.targets[0])) or (
                isinstance(node, ast.keyword) and node.arg in _TITLES
            ):
                texts |= set(_texts(node.value))
            elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                texts |= set(_texts(node.value.elts[0]))
    return texts


def _makes_home(function: ast.FunctionDef) -> bool:
    return function.returns is not None and ast.unparse(function.returns) in {
        "Home",
        "tuple[str, list[Fact]]",
        "list[Waiting]",
    }


def _names_title(target: ast.expr) -> bool:
    first = target.elts[0] if isinstance(target, ast.Tuple) else target
    return isinstance(first, ast.Name) and first.id in _TITLES


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Tuple):
        yield from _texts(node.elts[0])
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.JoinedStr):
        parts = (str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
        yield "".join(parts)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value


def listed() -> list[tuple[str, str]]:
    """Place and form of each row."""
    rows = (line.split("\t") for line in LIST.read_text().splitlines())
    return [(place, form) for place, form in rows]


def test_every_title_is_listed_and_no_other() -> None:
    known, titles = set(listed()), found()
    assert sorted(titles - known) == []
    assert sorted(known - titles) == []


def test_the_list_is_sorted_and_has_each_once() -> None:
    assert listed() == sorted(set(listed()))
    assert len(listed()) > 90


def test_a_title_is_one_short_sentence_or_name() -> None:
    assert [form for _, form in listed() if ";" in form or len(form) > _LONGEST] == []


def test_a_planted_title_is_found_in_each_of_its_forms() -> None:
    title = '{% if a %}Your {{ b }}{% elif c %}Mine{% else %}{% plural n "entry" %}{% endif %} now'
    assert list(forms(title)) == ["Your {} now", "Mine now", "{} entry now"]
    home = 'def f(me) -> Home:\n    title = "A" if me else f"{me} B"\n    return Home(title=title)'
    assert home_titles(home) == {"A", "{} B"}
