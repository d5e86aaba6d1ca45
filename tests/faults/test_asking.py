"""Asking a person under every fault: one push counts, one approval commits, a lost answer never."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from approvals import clock
from approvals.models import Approval, Ask, AskState
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import ask, assert_failed, code_of, fresh
from tests.approvals.conftest import forget_issuer
from tests.approvals.lamps import Lamps, furnish
from tests.approvals.people_of import Phones, known
from tests.faults.fast import quick
from tests.faults.proxy import WORK_DONE, Fault, Wire

type Work = Callable[..., None]
STARTED = "POST /bc-authorize"
TOKEN = "POST /oauth/token"
CIBA = "grant-type%3Aciba"


@pytest.fixture
def lamps(monkeypatch: pytest.MonkeyPatch) -> Lamps:
    return furnish(monkeypatch)


@pytest.mark.parametrize("fault", quick(Fault))
def test_a_push_that_failed_is_followed_by_one_that_counts(
    lamps: Lamps, wire: Wire, phones: Phones, olu: Actor, work: Work, fault: Fault
) -> None:
    approval = ask(olu)
    wire.breaks(fault, STARTED, times=None if fault == Fault.REFUSED else 1)
    work()
    assert fresh(approval).status == "pending" and not events("lamp.blocked")
    wire.mend()
    while approval.current and approval.current.state == AskState.STARTING:
        work()
    while code_of(approval) in phones.waiting("operator2"):  # a push delivered twice shows twice
        phones.answer("operator2", code_of(approval), "approve")
    work()
    done = fresh(approval)
    assert (done.status, done.outcome) == ("closed", "approved"), done.outcome_detail
    assert [e["outcome"] for e in events("lamp.blocked")] == ["success"]
    assert len(events("approval.approved")) == 1
    assert approval.asks.filter(state=AskState.WAITING).count() == 0


def test_a_person_is_not_bombarded_while_answers_get_lost(
    lamps: Lamps, wire: Wire, phones: Phones, olu: Actor, work: Work
) -> None:
    approval = ask(olu)
    wire.breaks(Fault.LOST, STARTED)
    work(12)
    assert wire.count(STARTED) == 3, "three pushes, and then the time is waited out"
    assert fresh(approval).status == "pending"
    _past_its_time(approval)
    work()
    assert_failed(approval, "issuer_unreachable")
    assert fresh(approval).held


def test_a_rate_limit_longer_than_the_request_does_not_outlive_it(
    lamps: Lamps, wire: Wire, phones: Phones, olu: Actor, work: Work, settings: object
) -> None:
    settings.STEP_UP_EXPIRY_S = 5  # type: ignore[attr-defined]
    approval = ask(olu)
    wire.breaks(Fault.LIMITED, STARTED)  # seven seconds
    work()
    waiting = approval.current
    assert waiting is not None and waiting.due is not None
    assert waiting.due <= waiting.expires_at


def _past_its_time(approval: Approval) -> None:
    over = clock.now() - timedelta(seconds=1)
    Ask.objects.filter(approval=approval).update(expires_at=over)
    Approval.objects.filter(pk=approval.pk).update(expires_at=over)


@pytest.mark.parametrize("fault", quick(Fault))
def test_an_answer_commits_once_or_is_said_to_be_lost(
    lamps: Lamps, wire: Wire, phones: Phones, olu: Actor, work: Work, fault: Fault
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "approve")
    wire.breaks(fault, TOKEN, having=CIBA)
    work()
    assert fresh(approval).status == ("closed" if fault == Fault.TWICE else "pending")
    wire.mend()
    work(2)
    if fault in WORK_DONE - {Fault.TWICE}:
        assert_failed(approval, "answer_lost")
        assert fresh(approval).held, "the hold stays until somebody decides"
    else:
        assert fresh(approval).outcome == "approved", fresh(approval).outcome_detail
        assert [e["outcome"] for e in events("lamp.blocked")] == ["success"]
    closing = [e for e in events() if e["action"] in {"approval.approved", "approval.failed"}]
    assert len(closing) == 1


def test_a_lost_refusal_is_found_in_the_tenant_log(
    lamps: Lamps, wire: Wire, phones: Phones, olu: Actor, work: Work
) -> None:
    known("auditor", "operator", on_call=1)  # nobody else has a refusal in the log
    approval = ask(olu)
    work()
    phones.answer("auditor", code_of(approval), "deny")
    wire.breaks(Fault.LOST, TOKEN, having=CIBA)
    work()
    wire.mend()
    time.sleep(1.1)  # the interval that the tenant asks for
    work()
    done = fresh(approval)
    assert (done.outcome, done.inferred, done.held) == ("denied", False, False)
    assert events("lamp.blocked") == [] and len(events("approval.denied")) == 1


def test_a_lost_approval_is_told_from_silence_by_the_tenant_log(
    lamps: Lamps, wire: Wire, phones: Phones, olu: Actor, work: Work
) -> None:
    known("admin", "operator", on_call=1)
    approval = ask(olu)
    work()
    phones.answer("admin", code_of(approval), "approve")
    wire.breaks(Fault.LOST, TOKEN, having=CIBA)
    work()
    wire.mend()
    work(2)
    assert_failed(approval, "answer_lost")
    assert "was approved" in fresh(approval).outcome_detail


def test_the_refusal_of_something_else_is_not_taken_for_a_lost_answer(
    lamps: Lamps, wire: Wire, phones: Phones, olu: Actor, work: Work
) -> None:
    known("member1", "operator", on_call=1)
    approval, other = ask(olu), ask(olu, "lamp.allow")
    work()
    phones.answer("member1", code_of(approval), "approve")
    phones.answer("member1", code_of(other), "deny")
    wire.breaks(Fault.LOST, TOKEN, having=CIBA)
    work()
    wire.mend()
    work()
    assert_failed(approval, "answer_lost")
    assert fresh(approval).held


def test_no_answer_is_collected_while_the_keys_to_check_it_are_away(
    lamps: Lamps, wire: Wire, phones: Phones, olu: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "approve")
    forget_issuer()  # a worker that has just started and holds no keys
    wire.breaks(Fault.ERROR, "GET /.well-known/jwks.json")
    work()
    assert fresh(approval).status == "pending"
    wire.mend()
    forget_issuer()
    work()
    assert fresh(approval).outcome == "approved"
