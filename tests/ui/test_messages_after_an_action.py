"""A message after an action names its object, is in the past tense and states what happened here.

Django shows it on the next page and nothing takes it down when the state moves on, so it must
stay true: no `is`, no `waits`, no `from now on`. What goes on is shown by the page itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = {"success", "info", "warning"}
WITHOUT_A_VALUE = {
    "You froze every agent’s access to your accounts.": "the object is the reader",
    "Credentials were limited to components that someone allowed.": "the object is every one",
}
"""Messages whose object is no value, each with the reason."""
BY_FUNCTION = {"_saved_words", "_opened"}
"""Functions of the same module that return the message; their texts are checked as well."""
CAN_BECOME_FALSE = re.compile(
    r"\b(?:is|are|waits?|works|now|from now on|until|yet|being|will|stays?|must|again|pending)\b"
)
APPS = ("accounts", "approvals", "audit", "connections", "enforcement", "portal", "ui")
MESSAGES = 30
"""How many there are at least: a test that finds none proves nothing."""

type Message = tuple[str, int, ast.expr]


def _calls() -> Iterator[Message]:
    for path in sorted(path for app in APPS for path in (ROOT / app).rglob("*.py")):
        tree = ast.parse(path.read_text())
        texts = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            of = node.func.value
            if isinstance(of, ast.Name) and of.id == "messages" and node.func.attr in GOOD:
                yield from _texts(str(path.relative_to(ROOT)), node.args[1], texts)


def _texts(where: str, text: ast.expr, functions: dict[str, ast.FunctionDef]) -> Iterator[Message]:
    called = text.func.id if isinstance(text, ast.Call) and isinstance(text.func, ast.Name) else ""
    if called not in BY_FUNCTION:
        yield where, text.lineno, text
        return
    for node in ast.walk(functions[called]):
        if isinstance(node, ast.JoinedStr):
            yield where, node.lineno, node


def _words(text: ast.expr) -> str:
    if isinstance(text, ast.Constant):
        return str(text.value)
    assert isinstance(text, ast.JoinedStr), ast.unparse(text)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "{}" for part in text.values
    )


def test_each_message_is_a_text_that_this_test_can_read() -> None:
    found = list(_calls())
    assert len(found) >= MESSAGES
    unread = [
        f"{where}:{line}: {ast.unparse(text)}"
        for where, line, text in found
        if not isinstance(text, ast.Constant | ast.JoinedStr)
    ]
    assert unread == []


def test_each_message_names_its_object() -> None:
    nameless = [
        f"{where}:{line}: {_words(text)}"
        for where, line, text in _calls()
        if "{}" not in _words(text) and _words(text) not in WITHOUT_A_VALUE
    ]
    assert nameless == []


def test_no_message_can_become_false_while_it_stands() -> None:
    false = [
        f"{where}:{line}: {_words(text)}"
        for where, line, text in _calls()
        if CAN_BECOME_FALSE.search(_words(text))
    ]
    assert false == []


@pytest.mark.parametrize(
    "text",
    ["{} is refused from now on.", "The revocation waits for another admin.", "{} are suspended."],
)
def test_the_words_that_were_false_are_found(text: str) -> None:
    assert CAN_BECOME_FALSE.search(text)
