"""A request that the database closes otherwise than the log is found by `verify_ledger`."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from approvals import cancel_resend_confirm_denial
from approvals.models import Answer, Approval, Outcome, Status
from audit.models import Event, EventRow
from audit.recording.actors import Actor
from audit.sequencing import sequencer
from audit.verification import verify
from tests.accounts.trail import events
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, known
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


def test_only_the_entry_of_a_decision_shows_that_a_request_was_approved(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    """Its request, its hold and the end of the hold carry the same id."""
    request = ask(olu)
    work()
    phones.answer("operator2", code_of(request), "deny")
    work()
    found = said_if_closed_by_each_entry(request, Outcome.APPROVED)
    assert {"approval.requested", "lamp.held", "lamp.released"} <= found.keys()
    assert all(found.values())


def test_an_entry_after_which_a_request_waits_does_not_show_that_it_ended(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, travel: Callable[[], None]
) -> None:
    """Nobody answers the first push, and the one that was replaced is answered too late."""
    known("admin", "operator", on_call=200)  # asked after Oona
    request = ask(olu)
    work()
    phones.answer("operator2", code_of(request), "approve")
    cancel_resend_confirm_denial.send_again(olu, str(request.pk))  # before the answer was read
    work()
    late = events("approval.failed")[-1]
    assert late["data"]["failure"] == "answered_after_close"
    assert fresh(request).status == Status.PENDING
    travel()
    work()
    assert events("approval.expired")[-1]["data"]["next_person_asked"]
    assert fresh(request).status == Status.PENDING
    assert said_if_closed_by_each_entry(request, Outcome.FAILED)["approval.failed"]
    assert said_if_closed_by_each_entry(request, Outcome.EXPIRED)["approval.expired"]


def said_if_closed_by_each_entry(request: Approval, outcome: Outcome) -> dict[str, list[str]]:
    """What `verify_ledger` says where a request is closed by each of its entries, by action."""
    rows = EventRow.of_operation(request.operation).filter(approval=str(request.pk))
    found = {}
    for action, event in rows.values_list("action", "event"):
        Approval.objects.filter(pk=request.pk).update(
            status=Status.CLOSED, outcome=outcome, event_id=event
        )
        found[action] = said()
    return found


def test_an_entry_that_was_altered_is_reported_as_an_entry_alone(approved: Approval) -> None:
    overwrite(Event, approved.event_id, "entry", b"{}")
    assert said() == []
