"""What people wait for reads no whole table of events: each lookup of a few rows has an index."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import cancel_resend_confirm_denial
from approvals.pipeline import recheck
from audit.models import EventRow
from audit.sequencing import sequencer
from connections import connection_and_agent_names
from tests.audit.factories import DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
APPROVAL: Any = SimpleNamespace(pk="a-1", operation="op-1", reason="", sentence="")

LOOKUPS: dict[str, Callable[[], Any]] = {
    "the events of an operation": lambda: list(EventRow.of_operation("op-1")),
    "the reason of a denial": lambda: cancel_resend_confirm_denial._has_reason(APPROVAL),
    "what people were asked": lambda: recheck._event_of_asking(APPROVAL),
}


@pytest.mark.parametrize("what", LOOKUPS)
def test_a_few_rows_are_found_without_reading_all(what: str) -> None:
    list(record_many(DraftFactory.build(operation=f"op-{n}", agent="claude") for n in range(20)))
    sequencer.run_once()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # of so few any way costs the same
    with CaptureQueriesContext(connection) as queries:
        LOOKUPS[what]()
    asked = [one["sql"] for one in queries if "audit_eventrow" in one["sql"]]
    assert asked
    for sql in asked:
        found = plan(sql)
        assert "SCAN audit_eventrow" not in found, found
        assert "Seq Scan on audit_eventrow" not in found, found


def plan(sql: str) -> str:
    words = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{words} {sql}")
        return " ".join(str(row) for row in cursor.fetchall())


def test_an_agent_that_an_event_names_is_known() -> None:
    list(record_many([DraftFactory.build(agent="claude")]))
    assert connection_and_agent_names._is_in_an_event("claude"), (
        "also before it has its place in the log"
    )
    sequencer.run_once()
    assert connection_and_agent_names._is_in_an_event("claude")
    assert not connection_and_agent_names._is_in_an_event("claud")
    assert not connection_and_agent_names._is_in_an_event("x" * 5_000)
