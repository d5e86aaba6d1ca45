"""A try counts first and changes its escalation then, and so does the request it leads to: two at
once that took them the other way round would each wait for what the other holds."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.connections.test_escalations_are_asked import BEYOND, _people, code, mcp
from tests.connections.visitor import Gateway

__all__ = ["_people", "mcp"]


def test_who_asks_holds_what_is_counted_before_the_escalation(mcp: Gateway) -> None:
    with CaptureQueriesContext(connection) as asked:
        answer = mcp.exchange(scopes=BEYOND)
    assert code(answer) == (403, "scope_escalation_pending"), answer.content
    said = [query["sql"] for query in asked]
    [claim] = [
        at
        for at, sql in enumerate(said)
        if sql.startswith('UPDATE "connections_escalation"')
        and '"approval" = ' in sql.split("WHERE")[0]
    ]
    counted = max(at for at, sql in enumerate(said[:claim]) if sql.startswith("RELEASE"))
    held = [sql for sql in said[counted:claim] if 'FROM "connections_attempts"' in sql]
    assert held, said[counted : claim + 1]
    if connection.vendor == "postgresql":
        assert any("FOR UPDATE" in sql for sql in held), held
