"""Push fatigue: however many requests there are, a person's phone shows five a minute."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine

from approvals import cancel_resend_confirm_denial, clock
from approvals.errors import Refused
from approvals.models import Approval, Ask, AskState
from approvals.pipeline.service import perform
from approvals.step_up import rate_limit
from approvals.views.request_detail_context import detail
from audit.recording.actors import SYSTEM, Actor, Target
from tests.accounts.trail import events
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting
from tests.attacks.step_up.attempts import bearer, call
from tests.attacks.step_up.conftest import Work
from tests.attacks.step_up.provider import PhoneProvider
from tests.attacks.step_up.trail import approve
from tests.audit.browsing import browser_of, text_of
from tests.support.sweeping import sweep


def storm(number: int) -> list[Approval]:
    """So many things are found at once; each asks by itself, twice, and is one request."""
    asked = []
    for at in range(number):
        for _ in range(2):
            done = perform(
                SYSTEM,
                "lamp.block",
                Target("lamp", f"lamp-{at}"),
                severity="CRITICAL",
                folded=f"lamp:{at}:1",
            )
        assert done.approval is not None
        asked.append(done.approval)
    assert Approval.objects.count() == number
    return asked


def test_a_storm_reaches_who_is_on_call_five_a_minute_and_nothing_of_it_is_lost(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor
) -> None:
    start = clock.now().replace(microsecond=0)
    with time_machine.travel(start, tick=False) as traveller:
        asked = storm(12)
        given = asked[-1].rule["within_s"]
        for minute, sent in enumerate((5, 10, 12)):
            traveller.move_to(start + minute * rate_limit.WITHIN)
            sweep()
            assert len(provider.pushes) == sent
            sweep()
            assert len(provider.pushes) == sent, "the rest has its own time, and waits for it"
        assert {fresh(one).status for one in asked} == {"pending"}
        assert not events("approval.expired") and not events("approval.failed")
        last = Ask.objects.order_by("started").last()
        assert last is not None and last.started is not None
        left = last.expires_at - last.started
        assert left > timedelta(seconds=given - 5), "nobody answers in less time for having waited"
        approve(provider, last.approval)
        traveller.shift(timedelta(seconds=10))
        sweep()
        assert fresh(last.approval).outcome == "approved"


def test_who_looks_reads_when_it_is_asked_again(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    stormed = storm(6)
    work()
    [waiting] = Ask.objects.filter(state=AskState.STARTING)
    assert rate_limit.waits(waiting) and waiting.due is not None
    says = f"asked again at {waiting.due:%H:%M:%S} UTC"
    approval = next(one for one in stormed if one.pk == waiting.approval_id)
    page = browser_of(olu).get(f"/approvals/{approval.pk}/")
    assert says in text_of(page)
    answer = call("get", f"/v1/approvals/{approval.pk}", bearer(provider, olu)).json()
    assert says in answer["detail"] and says in answer["asks"][0]["detail"]
    assert clock.stamp(fresh(approval).expires_at) == answer["expires_at"]
    found = detail(approval, olu)
    assert found.standing.text == "waiting for its turn" and "within 5 min" in found.policy
    asked = waiting.person.as_actor(via="web")
    for path in (f"/approvals/{approval.pk}/", "/approvals/"):
        told = text_of(browser_of(asked).get(path))
        assert says in told, "the asked person too, on the page and in the inbox"
    assert "must show this same code" not in text_of(page)


def test_a_person_is_not_worn_down_by_pushes(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Sending again and again is no way to send more; the newest waits."""
    approval = ask(olu)
    with time_machine.travel(clock.now(), tick=False):  # within a minute, on any machine
        work()
        for _ in range(cancel_resend_confirm_denial.AGAIN_MOST):
            cancel_resend_confirm_denial.send_again(olu, str(approval.pk))
            work()
    assert (
        len(provider.pushes) == provider.asked.count(("POST", "/bc-authorize")) == rate_limit.most()
    )
    assert (fresh(approval).status, lamps.lit) == ("pending", {})
    assert approval.current is not None and rate_limit.waits(approval.current)
    assert Ask.objects.filter(state=AskState.STARTING).count() == 1


def test_a_request_is_not_sent_again_without_end(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Nor as slowly as the limit of a minute lets it through."""
    approval = ask(olu)
    work()
    with time_machine.travel(clock.now(), tick=False) as at:
        for _ in range(5):
            at.shift(timedelta(seconds=20))
            cancel_resend_confirm_denial.send_again(olu, str(approval.pk))
            work()
        asked = (len(provider.pushes), approval.asks.count(), len(events("approval.requested")))
        assert asked == (6, 6, 6)
        assert (
            "Send again" not in browser_of(olu).get(f"/approvals/{approval.pk}/").content.decode()
        )
        with pytest.raises(Refused) as refused:
            cancel_resend_confirm_denial.send_again(olu, str(approval.pk))
        assert refused.value.code == "asked_too_often"
        work()
    assert asked == (len(provider.pushes), approval.asks.count(), len(events("approval.requested")))
    assert fresh(approval).status == "pending", "what was sent last can still be answered"


def test_a_limit_of_the_issuer_below_ours_is_waited_for(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Another application asks the same person: the issuer says no before we do."""
    provider.limit_pushes = 2
    storm(4)
    for _ in range(5):
        work()
    assert len(provider.pushes) == 2
    waiting = Ask.objects.filter(state=AskState.STARTING)
    assert waiting.count() == 2 and all("Auth0 limits" in one.detail for one in waiting)


def test_many_requests_of_one_person_do_not_wear_another_down(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    for number in range(12):
        perform(olu, "lamp.block", Target("lamp", f"lamp-{number}"), severity="CRITICAL")
    with time_machine.travel(clock.now(), tick=False):  # within a minute, on any machine
        work(3)
    assert len(provider.pushes) == rate_limit.most()
    assert Ask.objects.filter(state=AskState.STARTING).count() == 7, "they wait, none is lost"
    mine = perform(oona, "lamp.block", Target("lamp", "own"), severity="HIGH").approval
    assert mine is not None
    theirs = perform(olu, "lamp.block", Target("lamp", "theirs"), severity="HIGH").approval
    work()
    assert theirs is not None and provider.showing(code_of(theirs)).sub == olu.sub, (
        "whoever is asked little is asked at once"
    )


def test_waiting_for_a_turn_ends_with_the_intent(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor
) -> None:
    """The clock stands still while a push waits, and not beyond what was meant."""
    start = clock.now().replace(microsecond=0)
    with time_machine.travel(start, tick=False) as traveller:
        asked = [
            perform(olu, "lamp.block", Target("lamp", f"lamp-{at}"), severity="HIGH").approval
            for at in range(7)
        ]
        ends: list[datetime] = [rate_limit.not_after(one) for one in asked if one is not None]
        for minute in range(30):
            traveller.move_to(start + minute * rate_limit.WITHIN)
            # Somebody keeps the phone busy: every turn is taken before these two get theirs.
            busy = Ask.objects.filter(started__isnull=False).order_by("pk")[: rate_limit.most()]
            if minute:
                Ask.objects.filter(pk__in=[one.pk for one in busy]).update(started=clock.now())
            sweep()
        late = [fresh(one) for one in asked if one is not None][-1]
        assert (late.status, late.outcome, late.outcome_code) == (
            "closed",
            "failed",
            "rate_limited",
        )
        assert late.closed is not None and late.closed >= max(ends)
        assert "at most 5 pushes a minute" in late.outcome_detail


def test_of_two_workers_one_takes_the_last_turn(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    storm(6)
    now = clock.now()
    rows = list(Ask.objects.select_related("approval").order_by("pk"))
    assert [rate_limit.take(row, now) for row in rows] == [True] * 5 + [False]
    assert Ask.objects.filter(started=now).count() == rate_limit.most()
    assert acting("operator").sub == olu.sub
