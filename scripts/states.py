"""Write docs/states.md: the states of each kind of row, and which functions set them.

`python -m scripts.states` writes the file; a test holds that it is what the code says. A function
sets a state where it assigns a member of the enumeration to the field, or hands one to a call that
is no query. What a function copies from another row is not found.
"""

from __future__ import annotations

import ast
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs/states.md"
APPS: Final = ("accounts", "approvals", "audit", "connections", "enforcement", "portal")
QUERIES: Final = frozenset({"filter", "exclude", "get", "Q", "aggregate", "Count"})
"""Calls that read: what is handed to them sets nothing."""
HEAD: Final = """# States

Written by `python -m scripts.states` from the code. *Set by* names each function that gives a row
this state by name; a dash: it is taken from a value, as the result of a remote step is.
"""


@dataclass(frozen=True)
class Machine:
    """A kind of row with an enumeration of its states."""

    title: str
    module: str
    enumeration: str
    field: str


MACHINES: Final = (
    Machine("Account", "connections.models.account", "State", "state"),
    Machine("Application at Auth0", "connections.models.application_grant", "AccessState", "state"),
    Machine("Approval", "approvals.models.approval_and_asks", "Status", "status"),
    Machine("Outcome of an approval", "approvals.models.approval_and_asks", "Outcome", "outcome"),
    Machine("Request to one person", "approvals.models.approval_and_asks", "AskState", "state"),
    Machine("Remote step", "approvals.models.outbox_effect", "EffectState", "state"),
    Machine("Item of an access review", "connections.models.review", "Choice", "choice"),
    Machine("Erasure", "approvals.models.erasures_and_holds", "ErasureState", "state"),
)


class _Setters(ast.NodeVisitor):
    """The members that each function of a module sets."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.function = machine, ""
        self.found: list[tuple[str, str]] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self.function = self.function, self.function or node.name
        self.generic_visit(node)
        self.function = outer

    def _take(self, *values: ast.expr | None) -> None:
        for value in values:
            for node in self._results(value):
                if (
                    isinstance(node, ast.Attribute)
                    and ast.unparse(node.value) == self.machine.enumeration
                ):
                    self.found.append((node.attr, self.function or "default"))

    def _results(self, value: ast.expr | None) -> Iterator[ast.expr | None]:
        if isinstance(value, ast.IfExp):
            yield from (value.body, value.orelse)
        elif isinstance(value, ast.Tuple):
            yield from value.elts
        else:
            yield value

    def visit_Assign(self, node: ast.Assign) -> None:
        targets = [each for target in node.targets for each in self._results(target)]
        if any(isinstance(t, ast.Attribute) and t.attr == self.machine.field for t in targets):
            self._take(node.value)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name not in QUERIES:  # of keywords, the field alone
            fields = (self.machine.field, "default")
            self._take(*node.args, *(one.value for one in node.keywords if one.arg in fields))
        self.generic_visit(node)


def setters(machine: Machine) -> dict[str, set[str]]:
    """The functions that set each member, by its name."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(path for app in APPS for path in (ROOT / app).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        text = path.read_text()
        if "migrations" in path.parts or f"{machine.enumeration}." not in text:
            continue
        if module != machine.module and machine.module.rpartition(".")[0] not in text:
            continue
        visitor = _Setters(machine)
        visitor.visit(ast.parse(text))
        for member, function in visitor.found:
            place = "a new row" if function == "default" else f"`{module}.{function}`"
            found[member].add(place)
    return found


def page() -> str:
    """The whole document."""
    parts = [HEAD]
    for machine in MACHINES:
        enumeration = getattr(import_module(machine.module), machine.enumeration)
        by = setters(machine)
        rows = [
            f"| `{member.value}` | {member.label} | {', '.join(sorted(by[member.name])) or '–'} |"
            for member in enumeration
        ]
        parts.append("\n".join([f"## {machine.title}\n", "| state | reads | set by |",
                                "|---|---|---|", *rows, ""]))  # fmt: skip
    return "\n".join(parts)


def main() -> None:
    """Write the document."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
