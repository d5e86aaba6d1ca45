"""What a row may lack beside its event, while an erasure is under way or never came to its end."""

from __future__ import annotations

import time

import pytest

from approvals import clock
from approvals.erasure import approved_scope, erasure_list_file, record_of_emptied_columns
from approvals.erasure.permitted_gaps import Excuses
from approvals.models import Erasure, PolicyVersion
from audit.clock import uuid7
from audit.erasure.subject_and_store_registry import MARK

pytestmark = pytest.mark.django_db


SUBJECT = "0" * 64
ROW = PolicyVersion(pk=7)


@pytest.fixture
def excuses() -> Excuses:
    """Those of an erasure that emptied one column of one row."""
    rows = {record_of_emptied_columns.name_of(ROW): ["author"]}
    made = Erasure(
        id=uuid7(), subject=SUBJECT, operation="op", index=3, emptied=rows, begun=clock.now()
    )
    approved_scope.begin(made)
    erasure_list_file.add(SUBJECT, 3)
    return Excuses()


@pytest.mark.parametrize(
    ("row", "differs"),
    [
        ("ask Mia, then Milo", False),
        ("", False),
        (f"ask {MARK}, then Milo", False),
        (f"ask {MARK}, then {MARK}", False),
        (f"{MARK}Milo", False),
        (f"ask {MARK}", False),
        (MARK, False),
        (f"{MARK}{MARK}", False),
        ("ask Olu, then Milo", True),
        (f"ask {MARK}, then Mia", True),
        (f"tell {MARK}", True),
        (f"ask {MARK} then Milo, {MARK}", True),
        (f"ask Mia, then{MARK}then Milo", True),
        (f"{MARK}ask Mia, then Milo{MARK}and others", True),
    ],
)
def test_parts_of_a_text_may_be_gone_and_nothing_else_may_stand_there(
    excuses: Excuses, row: str, differs: bool
) -> None:
    assert excuses.differ(ROW, "author", row, "ask Mia, then Milo") is differs
    assert excuses.differ(ROW, "author", [row], ["ask Mia, then Milo"]) is differs
    assert excuses.differ(ROW, "author", {"a": row}, {"a": "ask Mia, then Milo"}) is differs


def test_no_other_row_and_column_is_excused_and_no_other_person(excuses: Excuses) -> None:
    assert not excuses.differ(ROW, "author", MARK, "auth0|mia")
    assert excuses.differ(PolicyVersion(pk=8), "author", MARK, "auth0|mia")
    assert excuses.differ(ROW, "document", MARK, "auth0|mia")
    assert excuses.differ(ROW, "", "", "auth0|mia")
    assert excuses.differ(ROW, "author", MARK, "auth0|mia", who=("https://i/", "auth0|mia"))


def test_a_row_that_is_hard_to_match_does_not_hold_up_a_verification(excuses: Excuses) -> None:
    began = time.process_time()
    assert excuses.differ(ROW, "author", MARK.join(["a"] * 5) + f"{MARK}x", "a" * 200)
    assert time.process_time() - began < 0.5
