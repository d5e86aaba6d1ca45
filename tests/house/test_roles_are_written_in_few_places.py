"""Roles of people are written by the directory's read, sign-ins and erasures, and nowhere else.

A new writer fails here: it has to decide whether its word is newer than what is known
(`approvals.people_and_roles.note_sign_in`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from tests.house import code

ASSIGNED: Final = {
    "approvals.people_and_roles._write_roles": "lowers always, raises by the newest word",
    "approvals.erasure.stores._erase_people": "an erased person has none",
}
NOTED: Final = {
    "note_person": {
        "connections.sync.people_roles_and_enrolments._Walk._note": "what the directory assigns"
    },
    "note_sign_in": {
        "accounts.oidc_backend.OperatorBackend._account": "the ID token of a sign-in on a page",
        "accounts.api._remember": "the ID token of a command line's sign-in",
    },
}
STORED: Final = {
    "accounts.oidc_backend.OperatorBackend._account": "the account of a session",
    "portal.ops.doctor_checks.unconfirmed_roles._lower": "the doctor: none until Auth0 names one",
    "accounts.break_glass.sessions.begin": "fixed roles of a break-glass session",
}
_STORES: Final = {"update", "create", "get_or_create", "update_or_create", "bulk_create"}


def found() -> Iterator[tuple[str, ast.AST]]:
    for module in code.modules():
        for place, node in code.walk(module):
            yield str(place), node


def assigns_roles(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    else:
        return False
    inside = [one for target in targets for one in ast.walk(target)]
    return any(isinstance(one, ast.Attribute) and one.attr == "roles" for one in inside)


def stores_roles(node: ast.AST) -> bool:
    """A query that writes a column of that name, by keyword or in its defaults."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if node.func.attr not in _STORES:
        return False
    named = {keyword.arg for keyword in node.keywords}
    keys = {k.value for k in ast.walk(node) if isinstance(k, ast.Constant)}
    return "roles" in named | keys


def called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_roles_are_assigned_in_two_functions() -> None:
    assert {place for place, node in found() if assigns_roles(node)} == ASSIGNED.keys()


def test_queries_write_no_roles_but_those_of_accounts() -> None:
    assert {place for place, node in found() if stores_roles(node)} == STORED.keys()


def test_who_notes_a_person_is_listed() -> None:
    for name, places in NOTED.items():
        assert {place for place, node in found() if called(node) == name} == places.keys(), name


def test_a_new_writer_would_be_found() -> None:
    for text in ("person.roles = []", "a, p.roles = 1, 2", "p.roles += ['admin']"):
        assert assigns_roles(ast.parse(text).body[0]), text
    for text in ("rows.update(roles=[])", "P.objects.update_or_create(defaults={'roles': []})"):
        [statement] = ast.parse(text).body
        assert isinstance(statement, ast.Expr) and stores_roles(statement.value), text
