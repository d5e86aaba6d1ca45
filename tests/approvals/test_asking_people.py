"""Asking people through a real tenant: approve, deny, silence, and everything between."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx

from approvals import clock, closing, details, issuer, people, policy, secret_box, withdraw
from approvals.codes import new_code
from approvals.models import Approval, Ask, AskState, Effect, ShortLivedSecret
from approvals.perform import Refused, perform
from approvals.polling import SECRET
from approvals.registry import EffectSpec
from approvals.sweep import ASKING, due_work, sweep
from audit import human
from audit.actor import SYSTEM, Actor, Target
from tests.approvals.conftest import forget_issuer
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, acting, known
from tests.identity.trail import events
from tests.support.sign_in import SUBS

type Work = Callable[..., None]
HALL = Target("lamp", "hall")


def ask(
    actor: Actor, verb: str = "lamp.block", severity: str = "CRITICAL", **more: Any
) -> Approval:
    """Perform something that has to ask."""
    approval = perform(actor, verb, HALL, severity=severity, **more).approval
    assert approval is not None
    return approval


def code_of(approval: Approval) -> str:
    """The code both screens show."""
    assert approval.current is not None
    return approval.current.code


def fresh(approval: Approval) -> Approval:
    """As the database has it now."""
    return Approval.objects.get(pk=approval.pk)


def actions() -> list[str]:
    """Everything on the trail, in order."""
    return [event["action"] for event in events()]


# Approved.


def test_an_approval_commits_the_very_intent_with_evidence_of_both(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu, reason="burns")
    work()
    assert code_of(approval) in phones.waiting("operator2")
    assert lamps.lit == {}
    phones.answer("operator2", code_of(approval), "approve")
    work()
    done = fresh(approval)
    assert (done.status, done.answer, done.outcome) == ("closed", "approved", "approved")
    assert (done.held, done.inferred) == (False, False)
    assert lamps.lit == {"hall": False}
    [committed] = events("lamp.blocked")
    assert committed["id"] == str(done.event_id)
    assert committed["actor"]["sub"] == olu.sub
    assert committed["data"]["approver"]["sub"] == oona.sub
    assert committed["intent_hash"] == approval.intent_hash
    level = human.explain(committed)
    assert level.code == "H2", level.reasons
    [said] = events("approval.approved")
    assert (said["actor"]["sub"], said["data"]["details_signed"]) == (oona.sub, True)
    assert human.explain(said).code == "H2"


def test_the_phone_shows_what_the_page_shows(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    page = httpx.get(
        f"{phones.tenant.url}/phone/{SUBS['operator2']}/", headers=phones._headers()
    ).text
    for shown in (
        code_of(approval),
        "Block lamp hall everywhere",
        "Olu Operator",
        approval.intent_hash,
    ):
        assert shown in page


def test_a_finding_that_asked_by_itself_commits_in_the_approvers_name(
    lamps: Lamps, phones: Phones, oona: Actor, work: Work
) -> None:
    approval = ask(SYSTEM, folded="lamp:hall:1")
    work()
    phones.answer("operator2", code_of(approval), "approve")
    work()
    [committed] = events("lamp.blocked")
    assert committed["actor"]["sub"] == oona.sub
    assert human.explain(committed).code == "H2"


def test_no_secret_outlives_its_answer(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    kept = ShortLivedSecret.objects.get()
    plain = secret_box.read(SECRET, kept.ref)
    assert plain.encode() not in bytes(kept.ciphertext)
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert not ShortLivedSecret.objects.exists()
    assert plain not in str(events())


# Denied.


def test_a_denial_that_the_tenant_log_proves_commits_nothing_and_ends_the_hold(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    done = fresh(approval)
    assert (done.outcome, done.answer, done.inferred, done.held) == (
        "denied",
        "denied",
        False,
        False,
    )
    assert lamps.lit == {} and lamps.held == []
    assert events("lamp.blocked") == []
    [said] = events("approval.denied")
    assert (said["actor"]["sub"], said["data"]["known_from"]) == (oona.sub, "tenant log")
    assert "lamp.override_logged" not in actions(), "somebody asked, so nothing was overridden"


def test_denying_what_a_finding_asked_is_a_logged_override_by_name(
    lamps: Lamps, phones: Phones, oona: Actor, work: Work
) -> None:
    approval = ask(SYSTEM, folded="lamp:hall:1", reason="reads the clipboard")
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    assert lamps.lit == {} and lamps.held == []
    [override] = events("lamp.override_logged")
    assert override["actor"]["sub"] == oona.sub
    assert (override["outcome"], override["severity"]) == ("denied", "CRITICAL")
    assert "lamp.allowed" not in actions(), "a denial never allows"


@pytest.fixture
def unread_log(phones: Phones, settings: Any) -> None:
    """A tenant whose log we cannot read."""
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_MGMT_CLIENT_SECRET": ""})


def test_without_evidence_a_denial_is_inferred_and_the_hold_stays(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, unread_log: None, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    done = fresh(approval)
    assert (done.outcome, done.inferred, done.held) == ("denied", True, True)
    assert lamps.held == ["hall"]
    [said] = events("approval.denied")
    assert not said["actor"]["sub"], "nobody is named as the actor of what is inferred"
    assert human.explain(said).code == "H0"


def test_the_asked_person_confirms_an_inferred_denial(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, unread_log: None, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    with pytest.raises(Refused, match="Only the person"):
        withdraw.confirm_denial(olu, str(approval.pk))
    withdraw.confirm_denial(oona, str(approval.pk))
    done = fresh(approval)
    assert (done.inferred, done.held) == (False, False)
    assert lamps.held == []
    with pytest.raises(Refused, match="no confirmation"):
        withdraw.confirm_denial(oona, str(approval.pk))


def test_an_inferred_denial_is_proven_when_the_log_can_be_read_again(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, settings: Any, work: Work
) -> None:
    readable = settings.ENV
    settings.ENV = readable.model_copy(update={"AUTH0_MGMT_CLIENT_SECRET": ""})
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    assert fresh(approval).inferred
    settings.ENV = readable
    forget_issuer()
    work()
    done = fresh(approval)
    assert (done.inferred, done.held, lamps.held) == (False, False, [])
    assert [e["data"]["inferred"] for e in events("approval.denied")] == [True, False]


def test_a_rejection_from_before_this_push_proves_nothing(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, settings: Any, work: Work
) -> None:
    readable = settings.ENV
    settings.ENV = readable.model_copy(update={"AUTH0_MGMT_CLIENT_SECRET": ""})
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    later = clock.now() + timedelta(minutes=1)
    Ask.objects.update(started=later, expires_at=later + timedelta(minutes=5))
    settings.ENV = readable
    forget_issuer()
    work()
    assert (fresh(approval).inferred, lamps.held) == (True, ["hall"])


# Silence.


def expire(work: Work) -> None:
    """Let a two-second ask run out."""
    time.sleep(2.6)
    work(2)


def test_silence_asks_the_next_and_after_the_last_the_hold_stays(
    lamps: Lamps, phones: Phones, settings: Any, work: Work
) -> None:
    settings.STEP_UP_EXPIRY_S = 2
    known("operator", "operator", on_call=1)
    known("operator2", "operator", on_call=2)
    approval = ask(SYSTEM, folded="lamp:hall:1")
    work()
    first = code_of(approval)
    expire(work)
    assert fresh(approval).status == "pending"
    assert code_of(approval) != first
    assert [a.person.sub for a in approval.asks.order_by("number")] == [
        SUBS["operator"],
        SUBS["operator2"],
    ]
    expire(work)
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
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(policy.DEFAULT_POLICY, "on_expiry", "release")
    settings.STEP_UP_EXPIRY_S = 2
    approval = ask(olu)
    work()
    expire(work)
    done = fresh(approval)
    assert (done.outcome, done.held, lamps.held) == ("expired", False, [])


# Approved, but no longer true.


def test_what_changed_meanwhile_is_not_committed(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    lamps.lit["hall"] = False
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "state_changed")
    assert lamps.held == ["hall"], "the hold stays until somebody decides"


def assert_failed(approval: Approval, code: str) -> None:
    """Failed for that reason, and nothing committed."""
    done = fresh(approval)
    assert (done.status, done.outcome, done.outcome_code) == ("closed", "failed", code)
    assert events("lamp.blocked") == []
    assert events("approval.failed")[-1]["data"]["failure"] == code


def test_a_requester_who_lost_the_role_commits_nothing(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    people.note_person(iss=olu.iss, sub=olu.sub, roles=[])
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "requester_lost_role")


def test_an_approver_who_lost_the_role_commits_nothing(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    people.note_person(iss=oona.iss, sub=oona.sub, roles=["auditor"])
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "approver_lost_role")


def test_a_changed_policy_commits_nothing(
    lamps: Lamps,
    phones: Phones,
    olu: Actor,
    oona: Actor,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    approval = ask(olu)
    work()
    monkeypatch.setitem(policy.DEFAULT_POLICY, "on_denial", "keep_hold")
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "policy_changed")


def test_a_verb_that_refuses_at_the_last_moment_fails_with_its_own_reason(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    lamps.refuse = Refused("no_socket", "There is no socket left.")
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "no_socket")
    assert fresh(approval).held
    assert "no socket" in fresh(approval).outcome_detail


def test_a_crash_after_auth0_answered_is_a_lost_answer(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    lamps.refuse = RuntimeError("power cut")
    phones.answer("operator2", code_of(approval), "approve")
    work(1)
    assert fresh(approval).status == "pending", "the whole answer was rolled back"
    lamps.refuse = None
    work()
    assert_failed(approval, "answer_lost")
    assert lamps.lit == {}


# Answers that are not ours.


def swap(approval: Approval, who: str, words: list[dict[str, Any]] | None) -> str:
    """Let our ask wait for another request of ours at the tenant; returns its code."""
    code = new_code()
    ask_ = approval.current
    assert ask_ is not None
    started = issuer.auth0().ciba.start(
        SUBS[who],
        code,
        audience="https://ata.local/approvals" if words is not None else None,
        requested_expiry=60,
        authorization_details=words,
    )
    secret_box.keep(SECRET, str(ask_.pk), started.auth_req_id, expires=ask_.expires_at)
    return code


def test_an_approval_of_something_else_is_not_ours(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    assert approval.current is not None
    other = details.for_ask(approval.current)
    other[0]["properties"]["intent_hash"]["value"] = "0" * 64
    phones.answer("operator2", swap(approval, "operator2", other), "approve")
    work()
    assert_failed(approval, "details_differ")


def test_an_approval_by_somebody_else_is_not_ours(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    assert approval.current is not None
    code = swap(approval, "admin", details.for_ask(approval.current))
    phones.answer("admin", code, "approve")
    work()
    assert_failed(approval, "wrong_subject")


# Withdrawn, sent again, answered too late.


def test_a_cancelled_request_that_is_approved_later_commits_nothing_and_is_recorded(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    withdraw.cancel(olu, str(approval.pk))
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
    withdraw.send_again(olu, str(approval.pk))
    work()
    new = code_of(approval)
    assert new != old
    phones.answer("operator2", old, "approve")
    time.sleep(1.1)
    work()
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
    for act in (withdraw.cancel, withdraw.send_again):
        with pytest.raises(Refused) as refused:
            act(oona, str(approval.pk))
        assert refused.value.code == "not_permitted"
    stranger = acting("member1")
    with pytest.raises(Approval.DoesNotExist):
        withdraw.cancel(stranger, str(approval.pk))
    withdraw.cancel(olu, str(approval.pk))
    with pytest.raises(Refused) as refused:
        withdraw.cancel(olu, str(approval.pk))
    assert refused.value.code == "closed"


def test_what_a_finding_asked_cannot_be_cancelled_but_sent_again(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(SYSTEM, folded="lamp:hall:1")
    with pytest.raises(Refused):
        withdraw.cancel(oona, str(approval.pk))
    withdraw.send_again(oona, str(approval.pk))
    assert approval.asks.count() == 2 and lamps.held == ["hall"]


def test_a_malformed_id_is_nothing(lamps: Lamps, olu: Actor) -> None:
    with pytest.raises(Approval.DoesNotExist):
        withdraw.visible_to(olu, "not-an-id")


# Trouble on the way.


def test_an_issuer_that_stays_away_fails_and_keeps_the_hold(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, settings: Any, work: Work
) -> None:
    settings.STEP_UP_EXPIRY_S = 1
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{phones.tenant.url}/bc-authorize").mock(
            side_effect=httpx.ConnectError("gone")
        )
        router.route().pass_through()
        approval = ask(olu)
        work(1)
        assert fresh(approval).status == "pending", "it is tried again"
        time.sleep(1.1)
        work(1)
    assert_failed(approval, "issuer_unreachable")
    assert fresh(approval).held


def test_an_issuer_that_never_confirms_a_push_is_not_asked_for_ever(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, settings: Any, work: Work
) -> None:
    settings.STEP_UP_EXPIRY_S = 1
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{phones.tenant.url}/bc-authorize").mock(side_effect=httpx.ReadTimeout("slow"))
        router.route().pass_through()
        approval = ask(olu)
        work(4)
        time.sleep(1.1)
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
    assert waiting.due is not None and not due_work(clock.now(), ASKING)
    work()
    assert code_of(approval) in phones.waiting("operator2")


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
    assert people.find(oona.iss, oona.sub).phone is False  # type: ignore[union-attr]
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


def test_two_workers_never_do_the_same_work(lamps: Lamps, olu: Actor, oona: Actor) -> None:
    ask(olu)
    now = clock.now()
    assert len(due_work(now, ASKING)) == 1
    assert due_work(now, ASKING) == []
    Ask.objects.update(lease=now)
    assert len(due_work(clock.now(), ASKING)) == 1, "a lease that ran out is free"


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


def test_closing_as_json_says_what_the_contract_says(lamps: Lamps, olu: Actor, oona: Actor) -> None:
    approval = ask(olu)
    shown = closing.as_json(approval)
    assert shown["intent_hash"] == approval.intent_hash
    assert shown["intent"] == approval.intent
    assert (shown["status"], shown["answer"], shown["outcome"]) == ("pending", "none", None)
    assert shown["binding_message"] == code_of(approval)
