"""Silence, withdrawal, and answers that come too late."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from approvals import cancel_resend_confirm_denial
from approvals.errors import Refused
from approvals.models import Approval
from audit.recording.actors import SYSTEM, Actor
from tests.accounts.trail import events
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, acting, known
from tests.approvals.policies import in_force, rule
from tests.approvals.working import SOON_S, Work, run_out
from tests.support.sign_in import SUBS


def test_silence_asks_the_next_and_after_the_last_the_hold_stays(
    lamps: Lamps, phones: Phones, work: Work, travel: Callable[[], None]
) -> None:
    known("operator", "operator", on_call=1)
    known("operator2", "operator", on_call=2)
    approval = ask(SYSTEM, folded="lamp:hall:1")
    work()
    first = code_of(approval)
    travel()  # by the clock of a busy machine the next one's time is over before it was looked at
    work(2)
    assert fresh(approval).status == "pending"
    assert code_of(approval) != first
    assert [a.person.sub for a in approval.asks.order_by("number")] == [
        SUBS["operator"],
        SUBS["operator2"],
    ]
    travel()
    work(2)
    done = fresh(approval)
    assert (done.status, done.answer, done.outcome) == ("closed", "none", "expired")
    assert done.held and lamps.held == ["hall"] and lamps.lit == {}
    assert [e["data"]["next_person_asked"] for e in events("approval.expired")] == [True, False]


def test_silence_ends_the_hold_where_the_policy_says_so(
    lamps: Lamps,
    phones: Phones,
    olu: Actor,
    oona: Actor,
    settings: Any,
    work: Work,
) -> None:
    in_force(rule("all", on_expiry="release"))
    settings.STEP_UP_EXPIRY_S = SOON_S
    approval = ask(olu)
    work()
    run_out(approval, work)
    done = fresh(approval)
    assert (done.outcome, done.held, lamps.held) == ("expired", False, [])


def test_a_cancelled_request_that_is_approved_later_commits_nothing_and_is_recorded(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    cancel_resend_confirm_denial.cancel(olu, str(approval.pk))
    assert (fresh(approval).outcome, lamps.held) == ("cancelled", [])
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert lamps.lit == {} and fresh(approval).outcome == "cancelled"
    late = events("approval.failed")[-1]
    assert late["actor"]["sub"] == oona.sub
    assert late["data"]["failure"] == "answered_after_close"
    assert late["data"]["closed_as"] == "cancelled"


def test_sending_again_makes_only_the_new_code_count(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    old = code_of(approval)
    cancel_resend_confirm_denial.send_again(olu, str(approval.pk))
    phones.answer("operator2", old, "approve")
    work()
    new = code_of(approval)
    assert new != old
    assert fresh(approval).status == "pending" and lamps.lit == {}
    assert events("approval.failed")[-1]["data"]["failure"] == "answered_after_close"
    phones.answer("operator2", new, "approve")
    time.sleep(1.1)
    work()
    assert fresh(approval).outcome == "approved" and lamps.lit == {"hall": False}


def test_only_the_one_who_asked_may_withdraw(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    for act in (cancel_resend_confirm_denial.cancel, cancel_resend_confirm_denial.send_again):
        with pytest.raises(Refused) as refused:
            act(oona, str(approval.pk))
        assert refused.value.code == "not_permitted"
    stranger = acting("member1")
    with pytest.raises(Approval.DoesNotExist):
        cancel_resend_confirm_denial.cancel(stranger, str(approval.pk))
    cancel_resend_confirm_denial.cancel(olu, str(approval.pk))
    with pytest.raises(Refused) as refused:
        cancel_resend_confirm_denial.cancel(olu, str(approval.pk))
    assert refused.value.code == "closed"


def test_what_a_finding_asked_cannot_be_cancelled_but_sent_again(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(SYSTEM, folded="lamp:hall:1")
    with pytest.raises(Refused):
        cancel_resend_confirm_denial.cancel(oona, str(approval.pk))
    cancel_resend_confirm_denial.send_again(oona, str(approval.pk))
    assert approval.asks.count() == 2 and lamps.held == ["hall"]


def test_a_malformed_id_is_nothing(lamps: Lamps, olu: Actor) -> None:
    with pytest.raises(Approval.DoesNotExist):
        cancel_resend_confirm_denial.visible_to(olu, "not-an-id")
