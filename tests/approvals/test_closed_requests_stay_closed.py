"""A request that the log has as closed commits nothing, whatever the database says of it since."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals import cancel_resend_confirm_denial, clock
from approvals.models import Answer, Approval, Ask, Status
from approvals.pipeline import recheck
from audit.models import Event
from audit.recording.actors import Actor
from audit.sequencing import sequencer
from audit.verification import verify
from tests.accounts.trail import events
from tests.approvals.asking import ask, assert_failed, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, known
from tests.approvals.working import Work
from tests.attacks.tamper.owner import overwrite


def said() -> list[str]:
    """What `verify_ledger` says of requests."""
    sequencer.run_once()
    return [one.message for one in verify.run().problems if "the request" in one.message]


def reopen(request: Approval) -> None:
    """Have a closed request wait again, and nobody asked: who writes the database needs no key."""
    request.asks.all().delete()
    Approval.objects.filter(pk=request.pk).update(
        status=Status.PENDING,
        outcome="",
        answer=Answer.NONE,
        answered_by={},
        event_id=None,
        closed=None,
        due=clock.now(),
    )


@pytest.fixture(params=["denied", "cancelled"])
def closed(
    request: pytest.FixtureRequest,
    lamps: Lamps,
    phones: Phones,
    olu: Actor,
    oona: Actor,
    work: Work,
) -> Approval:
    """A request that was denied, or that its requester withdrew."""
    asked = ask(olu)
    work()
    if request.param == "denied":
        phones.answer("operator2", code_of(asked), "deny")
        work()
    else:
        cancel_resend_confirm_denial.cancel(olu, str(asked.pk))
    assert fresh(asked).outcome == request.param
    return fresh(asked)


def test_one_that_was_reopened_commits_nothing_when_it_is_approved(
    closed: Approval, phones: Phones, lamps: Lamps, work: Work
) -> None:
    reopen(closed)
    work(rounds=2)  # somebody is asked, and the push is sent
    phones.answer("operator2", code_of(closed), "approve")
    work()
    assert_failed(closed, "intent_differs")
    assert lamps.lit == {}


def test_one_that_was_reopened_is_found(closed: Approval) -> None:
    outcome = closed.outcome
    assert said() == []
    reopen(closed)
    assert said() == [f"the request {closed.pk} waits, and this entry closed it as {outcome}"]


def test_one_whose_closing_entry_was_altered_is_reported_as_an_entry_alone(
    closed: Approval,
) -> None:
    event = closed.event_id
    reopen(closed)
    overwrite(Event, event, "entry", b"{}")
    assert said() == []


def test_one_that_waits_for_the_next_person_may_be_approved(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, travel: Callable[[], None]
) -> None:
    known("admin", "operator", on_call=200)  # asked after Oona
    request = ask(olu)
    work()
    phones.answer("operator2", code_of(request), "approve")
    cancel_resend_confirm_denial.send_again(olu, str(request.pk))  # before the answer was read
    work()
    travel()
    work(rounds=2)
    assert events("approval.failed")
    assert events("approval.expired")
    assert said() == []
    assert recheck.intent_broken(fresh(request)) == ""


def test_one_that_is_missing_is_found(closed: Approval, olu: Actor) -> None:
    """Once for each request, by the entry with which it began."""
    missing = [closed.pk, ask(olu).pk]
    assert said() == []
    Ask.objects.all().delete()
    Approval.objects.all().delete()
    assert said() == [
        f"the request {pk} of this entry is missing from the database" for pk in missing
    ]
