"""A process reads which outposts and passkeys were enrolled in steps, and then what was added."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.db import request_database_time_budget as budget
from audit.recording import enrolment_entry_lookup
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.attacks.tamper import owner

pytestmark = pytest.mark.django_db
STEP = 5
OF_A_STEP = '"seq" >='
"""What only the query of a step has."""


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has read nothing yet, with steps of 5 entries."""
    monkeypatch.setattr(enrolment_entry_lookup, "_STEP", STEP)
    monkeypatch.setattr(enrolment_entry_lookup, "_log", type(enrolment_entry_lookup._log)())


def write(count: int, name: str = "x") -> None:
    """That many entries, the first of which revokes a passkey."""
    target = Target("passkey", name)
    record(SYSTEM, "passkey.revoked", target=target, data={"credential_id": name})
    for _ in range(count - 1):
        record(SYSTEM, "token.refused")
    sequencer.run_once()


def names() -> list[str]:
    return [one.document["data"]["credential_id"] for one in enrolment_entry_lookup.of("passkey")]


def steps_read() -> tuple[list[str], int]:
    """What is found, and how many steps of the log were read for it."""
    with CaptureQueriesContext(connection) as asked:
        found = names()
    return found, sum(OF_A_STEP in one["sql"] for one in asked.captured_queries)


def test_a_request_that_is_cut_off_leaves_what_it_read_to_the_next() -> None:
    for name in "abcd":
        write(STEP, name)
    cut_off = 0
    while cut_off < 10:
        try:
            with budget.bounded(0.3), connection.execute_wrapper(_slowly):
                found = names()
            break
        except budget.WaitedTooLong:
            cut_off += 1
    assert 1 <= cut_off < 10 and found == list("abcd")


def _slowly(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """A disk on which each step takes 0.2 s."""
    if OF_A_STEP in sql:
        time.sleep(0.2)
    return execute(sql, params, many, context)


def test_what_was_added_is_read_alone() -> None:
    write(3 * STEP, "a")
    assert steps_read() == (["a"], 3)
    assert steps_read() == (["a"], 0)
    write(2, "b")
    assert steps_read() == (["a", "b"], 1)


def test_a_read_of_an_older_state_makes_no_later_one_read_everything_again() -> None:
    write(2 * STEP + 2, "a")
    write(2 * STEP, "b")
    assert steps_read() == (["a", "b"], 5)
    known = enrolment_entry_lookup._log.known
    owner.execute("DELETE FROM audit_entry WHERE seq >= %s", 2 * STEP + 2)
    # As in a transaction that began before the second ones were added.
    assert steps_read() == (["a"], 1)
    assert enrolment_entry_lookup._log.known is known


def test_what_was_read_of_another_log_does_not_count() -> None:
    write(3 * STEP, "a")
    other = uuid4()
    enrolment_entry_lookup._log.known = enrolment_entry_lookup._Known(STEP, other, (other,))
    assert steps_read() == (["a"], 3)


def test_a_log_that_is_shorter_than_what_was_read_is_read_once() -> None:
    enrolment_entry_lookup._log.known = enrolment_entry_lookup._Known(STEP - 1, uuid4())
    write(2, "a")
    assert steps_read() == (["a"], 1)
    assert steps_read() == (["a"], 0)
    write(STEP, "b")
    assert steps_read()[0] == ["a", "b"] and steps_read() == (["a", "b"], 0)
