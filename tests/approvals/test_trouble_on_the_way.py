"""Auth0 away, slow, limiting or unsure: nobody is asked for ever and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from approvals import clock, people_and_roles
from approvals.due_work import ASKING
from approvals.models import Ask, AskState, Effect
from approvals.pipeline.service import perform
from approvals.registry import EffectSpec
from approvals.serializers import as_json
from audit.recording.actors import Actor
from tests.approvals.asking import HALL, ask, assert_failed, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, acting, known
from tests.support.sign_in import SUBS
from tests.support.sweeping import due_pieces, sweep

type Work = Callable[..., None]


def test_an_issuer_that_stays_away_fails_and_keeps_the_hold(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, travel: Callable[[], None]
) -> None:
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{phones.tenant.url}/bc-authorize").mock(
            side_effect=httpx.ConnectError("gone")
        )
        router.route().pass_through()
        approval = ask(olu)
        work(1)
        assert fresh(approval).status == "pending", "it is tried again"
        travel()
        work(1)
    assert_failed(approval, "issuer_unreachable")
    assert fresh(approval).held


def test_an_issuer_that_never_confirms_a_push_is_not_asked_for_ever(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, travel: Callable[[], None]
) -> None:
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{phones.tenant.url}/bc-authorize").mock(side_effect=httpx.ReadTimeout("slow"))
        router.route().pass_through()
        approval = ask(olu)
        work(4)
        travel()
        work(2)
    assert_failed(approval, "issuer_unreachable")


def test_a_push_that_may_have_been_sent_is_sent_again_under_a_new_code(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    first = code_of(approval)
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{phones.tenant.url}/bc-authorize").mock(side_effect=httpx.ReadTimeout("slow"))
        router.route().pass_through()
        work(1)
    work(2)
    assert code_of(approval) != first
    assert code_of(approval) in phones.waiting("operator2")
    states = list(approval.asks.order_by("number").values_list("state", flat=True))
    assert states == [AskState.SUPERSEDED, AskState.WAITING]


def test_a_rate_limit_is_waited_for_and_said(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    with respx.mock(assert_all_called=False) as router:
        limited = httpx.Response(
            429, json={"error": "too_many_requests"}, headers={"Retry-After": "30"}
        )
        router.post(f"{phones.tenant.url}/bc-authorize").mock(return_value=limited)
        router.route().pass_through()
        work(1)
    waiting = approval.current
    assert waiting is not None
    assert (waiting.state, "limits" in waiting.detail) == (AskState.STARTING, True)
    assert waiting.due is not None and not due_pieces(ASKING)
    work()
    assert code_of(approval) in phones.waiting("operator2")


@pytest.mark.parametrize("path", ["/bc-authorize", "/oauth/token"])
def test_a_wait_begins_when_it_is_asked_for(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, path: str
) -> None:
    """What an answer took on its way is no part of its Retry-After (RFC 9110 section 10.2.3)."""
    approval = ask(olu)
    said: list[datetime] = []

    def limited(_: httpx.Request) -> httpx.Response:
        said.append(clock.now())
        body = {"error": "too_many_requests"}
        return httpx.Response(429, json=body, headers={"Retry-After": "30"})

    if path == "/oauth/token":
        work(1)
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{phones.tenant.url}{path}").mock(side_effect=limited)
        router.route().pass_through()
        work(1)
    waiting = approval.current
    assert waiting is not None and waiting.due is not None
    assert waiting.due >= said[0] + timedelta(seconds=30)


def test_somebody_without_a_phone_is_passed_over(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    acting("admin", "operator")
    answer = httpx.Response(
        400,
        json={
            "error": "invalid_request",
            "error_description": "User does not have push notifications enrolled",
        },
    )
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{phones.tenant.url}/bc-authorize").mock(return_value=answer)
        router.route().pass_through()
        work(1)
    assert approval.current is not None
    assert approval.current.person.sub == SUBS["admin"]
    assert people_and_roles.find(oona.iss, oona.sub).phone is False  # type: ignore[union-attr]
    work()
    phones.answer("admin", code_of(approval), "approve")
    work()
    assert fresh(approval).outcome == "approved"


def test_polls_that_fail_are_repeated(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "approve")
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{phones.tenant.url}/oauth/token").mock(side_effect=httpx.ConnectError("gone"))
        router.route().pass_through()
        work(1)
    assert fresh(approval).status == "pending"
    work()
    assert fresh(approval).outcome == "approved"


@pytest.mark.parametrize(
    ("answer", "intervals"),
    [
        ({"error": "slow_down"}, [6, 11, 16]),
        ({"error": "slow_down", "interval": 40}, [40, 45, 50]),
        ({"error": "slow_down", "error_description": "the interval is 1 second"}, [6, 11, 16]),
    ],
    ids=["in one word", "with an interval", "with the interval that we had"],
)
def test_each_slow_down_makes_the_interval_five_seconds_longer(
    lamps: Lamps,
    phones: Phones,
    olu: Actor,
    oona: Actor,
    work: Work,
    answer: dict[str, Any],
    intervals: list[float],
) -> None:
    """OpenID Connect CIBA Core 1.0 section 11, RFC 8628 section 3.5."""
    approval = ask(olu)
    work()
    asked = approval.asks.get()
    assert asked.interval_s == 1
    found = []
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{phones.tenant.url}/oauth/token").respond(400, json=answer)
        router.route().pass_through()
        for _ in intervals:
            begun = clock.now()
            work(1)
            asked.refresh_from_db()
            assert asked.due is not None and asked.due >= begun + timedelta(
                seconds=asked.interval_s
            )
            found.append(asked.interval_s)
    assert found == intervals


def test_two_workers_never_do_the_same_work(lamps: Lamps, olu: Actor, oona: Actor) -> None:
    ask(olu)
    now = clock.now()
    assert len(due_pieces(ASKING)) == 1
    assert due_pieces(ASKING) == []
    Ask.objects.update(lease=now)
    assert len(due_pieces(ASKING)) == 1, "a lease that ran out is free"


def test_a_sweep_survives_one_row_that_breaks(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    lamps.effects = [EffectSpec("lamp.step", {}, "edge-1", "Tell edge-1")]
    perform(olu, "lamp.hold", HALL)
    approval = ask(olu)
    Ask.objects.filter(approval=approval).update(person=known("member1"))
    people_row = Ask.objects.get(approval=approval).person
    people_row.sub = "not a subject"
    people_row.save()
    sweep()
    assert Effect.objects.get(kind="lamp.step").state == "done"


def test_the_answer_of_the_api_says_what_the_contract_says(
    lamps: Lamps, olu: Actor, oona: Actor
) -> None:
    approval = ask(olu)
    shown = as_json(approval)
    assert shown["intent_hash"] == approval.intent_hash
    assert shown["intent"] == approval.intent
    assert (shown["status"], shown["answer"], shown["outcome"]) == ("pending", "none", None)
    assert shown["binding_message"] == code_of(approval)
