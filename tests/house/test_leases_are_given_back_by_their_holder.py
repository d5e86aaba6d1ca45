"""Who writes that nobody holds a row any more: by the lease that was taken, or with a reason."""

from __future__ import annotations

import ast
from typing import Final

from tests.house import code

RELEASES: Final = {
    "approvals.outbox.seals.refuse": "by the lease of the step that it was given",
    "audit.db.leases.release": "the helper: by the lease that its caller took",
    "connections.access_reviews.work_lease.stop_all": "an erasure stops everybody on purpose",
    "connections.access_reviews.store_closing_result._give_up": "under the row's lock",
    "connections.access_reviews.store_opening_list.take_away": "where the writer is silent",
    "connections.access_reviews.large_reviews.cancel": "an admin stops whoever writes, on purpose",
}


def releases(node: ast.AST) -> bool:
    """An update of rows that empties their lease."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "update"
        and any(
            keyword.arg == "lease"
            and isinstance(keyword.value, ast.Constant)
            and keyword.value.value is None
            for keyword in node.keywords
        )
    )


def test_every_release_of_a_lease_is_listed() -> None:
    found = {
        str(place)
        for module in code.modules()
        for place, node in code.walk(module)
        if releases(node)
    }
    assert found == RELEASES.keys()


def test_a_new_release_would_be_found() -> None:
    [statement] = ast.parse("Watch.objects.filter(name=name).update(lease=None)").body
    assert isinstance(statement, ast.Expr) and releases(statement.value)
