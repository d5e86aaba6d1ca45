"""A request that the database closes otherwise than the log is found by `verify_ledger`."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from approvals import cancel_resend_confirm_denial
from approvals.models import Answer, Approval, Outcome, Status
from audit.models import Event
from audit.recording.actors import Actor
from audit.sequencing import sequencer
from audit.verification import verify
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones
from tests.approvals.working import Work
from tests.attacks.tamper.owner import overwrite


@pytest.fixture
def approved(lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work) -> Approval:
    """An approved request, next to a denied and a cancelled one."""
    for word in ("deny", "approve"):
        request = ask(olu)
        work()
        phones.answer("operator2", code_of(request), word)
        work()
    lamps.lit.clear()
    cancelled = ask(olu)
    work()
    cancel_resend_confirm_denial.cancel(olu, str(cancelled.pk))
    outcomes = Approval.objects.values_list("outcome", flat=True)
    assert sorted(outcomes) == ["approved", "cancelled", "denied"]
    return fresh(request)


def said() -> list[str]:
    """What `verify_ledger` says of requests."""
    sequencer.run_once()
    found = [problem.message for problem in verify.run().problems]
    return [one for one in found if "closed the request" in one]


def test_requests_that_were_closed_here_are_as_the_log_has_them(approved: Approval) -> None:
    assert said() == []


def _of_another(_: Approval) -> dict[str, object]:
    return {"event_id": Approval.objects.get(outcome=Outcome.CANCELLED).event_id}


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {"outcome": Outcome.DENIED, "answer": Answer.DENIED},
        lambda _: {"outcome": Outcome.EXPIRED},
        lambda _: {"event_id": None},
        lambda _: {"event_id": uuid4()},
        _of_another,
    ],
    ids=["denied", "expired", "no entry", "no such entry", "of another"],
)
def test_one_that_was_closed_otherwise_is_found(
    approved: Approval, change: Callable[[Approval], dict[str, object]]
) -> None:
    Approval.objects.filter(pk=approved.pk).update(**change(approved))
    assert [str(approved.pk) in one for one in said()] == [True]


@pytest.mark.parametrize("outcome", ["denied", "cancelled"])
def test_one_that_was_made_approved_is_found(approved: Approval, outcome: str) -> None:
    other = Approval.objects.get(outcome=outcome)
    Approval.objects.filter(pk=other.pk).update(outcome=Outcome.APPROVED, answer=Answer.APPROVED)
    assert said() == [f"no entry closed the request {other.pk} as approved"]


def test_one_that_still_waits_and_was_closed_in_the_database_is_found(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    waiting = ask(olu)
    assert said() == []
    Approval.objects.filter(pk=waiting.pk).update(status=Status.CLOSED, outcome=Outcome.APPROVED)
    assert said() == [f"no entry closed the request {waiting.pk} as approved"]


def test_an_entry_that_was_altered_is_reported_as_an_entry_alone(approved: Approval) -> None:
    overwrite(Event, approved.event_id, "entry", b"{}")
    assert said() == []
