"""What a row may lack beside its event, while an erasure is under way or never came to its end."""

from __future__ import annotations

import time

import pytest

from approvals import clock
from approvals.erasing.excused import Excuses
from approvals.models import Erasure
from audit.clock import uuid7
from audit.subjects import MARK

pytestmark = pytest.mark.django_db


@pytest.fixture
def excuses() -> Excuses:
    Erasure.objects.create(id=uuid7(), subject="0" * 64, operation="op", begun=clock.now())
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
    assert excuses.differ(row, "ask Mia, then Milo") is differs
    assert excuses.differ([row], ["ask Mia, then Milo"]) is differs
    assert excuses.differ({"a": row}, {"a": "ask Mia, then Milo"}) is differs


def test_a_row_that_is_hard_to_match_does_not_hold_up_a_verification(excuses: Excuses) -> None:
    began = time.process_time()
    assert excuses.differ(MARK.join(["a"] * 5) + f"{MARK}x", "a" * 200)
    assert time.process_time() - began < 0.5
