"""Two requests, or one request twice: an answer counts for what it was given to, and once."""

from __future__ import annotations

import pytest
from django.db.models import F

from approvals import cancel_resend_confirm_denial
from approvals.errors import Refused
from approvals.models import Approval, Ask, Effect, ShortLivedSecret
from approvals.outbox import step_execution
from approvals.pipeline.service import perform
from approvals.registry import EffectSpec
from approvals.step_up import ciba, sealed_secrets
from approvals.step_up.ciba import SECRET
from audit.recording.actors import SYSTEM, Actor, Target
from tests.accounts.trail import events
from tests.approvals.asking import HALL, ask, assert_failed, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.attacks.step_up import trail
from tests.attacks.step_up.attempts import bearer, call
from tests.attacks.step_up.conftest import Work
from tests.attacks.step_up.provider import PhoneProvider, Push
from tests.attacks.step_up.trail import approve, assert_nothing_committed, committed, late
from tests.audit.browsing import browser_of

KITCHEN = Target("lamp", "kitchen")


def test_of_two_requests_on_one_phone_only_the_one_with_its_code_is_approved(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Binding-message confusion: both wait, the person reads the code and approves one."""
    hall = ask(olu)
    kitchen = perform(olu, "lamp.block", KITCHEN, severity="CRITICAL").approval
    assert kitchen is not None
    work()
    assert code_of(hall) != code_of(kitchen)
    approve(provider, kitchen)
    work()
    assert lamps.lit == {"kitchen": False}
    assert (fresh(hall).status, fresh(kitchen).outcome) == ("pending", "approved")
    [done] = events("lamp.blocked")
    assert done["intent_hash"] == kitchen.intent_hash
    assert done["target"]["name"] == "kitchen"


def test_no_two_open_requests_of_a_person_show_one_code(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    for number in range(12):
        perform(olu, "lamp.block", Target("lamp", f"lamp-{number}"), severity="CRITICAL")
    codes = list(Ask.objects.values_list("code", flat=True))
    assert len(set(codes)) == len(codes) == 12


def test_the_polling_secrets_of_two_requests_cannot_be_exchanged(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """A sealed secret names the ask that it is for; under another ask it does not open."""
    hall = ask(olu)
    kitchen = perform(olu, "lamp.block", KITCHEN, severity="CRITICAL").approval
    assert kitchen is not None and hall.current and kitchen.current
    work()
    mine, other = str(hall.current.pk), str(kitchen.current.pk)
    stolen = ShortLivedSecret.objects.get(ref=other).ciphertext
    ShortLivedSecret.objects.filter(ref=mine).update(ciphertext=stolen)
    approve(provider, kitchen)
    work()
    assert fresh(hall).outcome_code == "answer_lost"
    assert lamps.lit == {"kitchen": False}, "and the other is approved as it was asked"


def test_the_secret_of_another_request_brings_details_that_differ(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Intent swap: our ask is made to wait for the push of a harmless request."""
    harmless = perform(olu, "lamp.block", KITCHEN, severity="CRITICAL").approval
    wanted = ask(olu)
    assert harmless is not None and harmless.current and wanted.current
    work()
    secret = sealed_secrets.read(SECRET, str(harmless.current.pk))
    sealed_secrets.keep(SECRET, str(wanted.current.pk), secret, expires=wanted.current.expires_at)
    Ask.objects.filter(pk=harmless.current.pk).update(due=None)
    approve(provider, harmless)
    work()
    assert_failed(wanted, "details_differ")
    assert lamps.lit == {}


def test_an_approval_after_the_request_was_cancelled_commits_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    cancel_resend_confirm_denial.cancel(olu, str(approval.pk))
    approve(provider, approval)
    work(2)
    assert_nothing_committed(lamps)
    assert fresh(approval).outcome == "cancelled"
    [said] = late(approval)
    assert (said["actor"]["sub"], said["data"]["answer"], said["data"]["closed_as"]) == (
        oona.sub,
        "approved",
        "cancelled",
    )


def test_an_approval_of_a_push_that_was_sent_again_commits_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    old = code_of(approval)
    cancel_resend_confirm_denial.send_again(olu, str(approval.pk))
    work()
    new = code_of(approval)
    assert new != old
    provider.answer(old, "approve")
    work()
    assert_nothing_committed(lamps)
    assert fresh(approval).status == "pending"
    assert len(late(approval)) == 1
    provider.answer(new, "approve")
    work()
    assert lamps.lit == {"hall": False}


def test_a_denial_of_a_push_that_was_sent_again_ends_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    old = code_of(approval)
    cancel_resend_confirm_denial.send_again(olu, str(approval.pk))
    work()
    provider.answer(old, "deny")
    work()
    assert fresh(approval).status == "pending" and lamps.held == ["hall"]
    assert not events("approval.denied")


def test_an_answer_that_is_given_twice_commits_once(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Two workers that both believe they hold the ask, and a provider that answers both."""
    approval = ask(olu)
    work()
    provider.gives = 2
    approve(provider, approval)
    one = Ask.objects.select_related("approval", "person").get(approval=approval)
    two = Ask.objects.select_related("approval", "person").get(approval=approval)
    secret = sealed_secrets.read(SECRET, str(one.pk))
    ciba.work(one)
    sealed_secrets.keep(SECRET, str(two.pk), secret, expires=two.expires_at)
    ciba.work(two)
    assert provider.showing(one.code).collected == 2
    assert committed() == ["lamp.blocked"]
    assert len(events("approval.approved")) == 1
    [said] = late(approval)
    assert said["data"]["closed_as"] == "approved"


def test_an_answer_that_somebody_else_collected_is_lost_and_commits_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """A thief of the polling secret takes the one answer; the tenant log alone commits nothing."""
    approval = ask(olu)
    work()
    push = approve_and_steal(provider, approval)
    work()
    assert push.collected == 1
    assert_failed(approval, "answer_lost")
    assert "tenant log says" in fresh(approval).outcome_detail
    assert lamps.held == ["hall"], "the hold stays until somebody decides"


def test_an_approval_whose_answer_was_lost_is_not_taken_for_the_denial_of_another(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """A rejection in the log may be of a request that we know only as expired."""
    approval = ask(olu)
    kitchen = perform(olu, "lamp.block", KITCHEN, severity="CRITICAL").approval
    work()
    approve_and_steal(provider, approval)
    provider.log_entry("gd_auth_rejected", oona.sub)
    Ask.objects.filter(approval=kitchen).update(state="expired", due=None)
    work()
    assert_failed(approval, "answer_lost")
    assert not events("approval.denied")


def approve_and_steal(provider: PhoneProvider, approval: Approval) -> Push:
    """Approve, and take the answer before the portal does."""
    push = provider.answer(code_of(approval), "approve")
    provider.poll(push.id)
    return push


def test_of_two_contrary_acts_that_are_approved_the_second_finds_another_world(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    block, allow = ask(olu), ask(olu, "lamp.allow")
    work()
    approve(provider, block)
    work()
    approve(provider, allow)
    work()
    assert fresh(block).outcome == "approved"
    assert fresh(allow).outcome == "failed"
    assert fresh(allow).outcome_code in {"state_changed", "overtaken"}
    assert committed() == ["lamp.blocked"]


def test_an_approval_names_the_intent_that_commits_and_no_other_does(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Replay: the same request again is another intent, with another hash and another push."""
    first = ask(olu)
    work()
    approve(provider, first)
    work()
    lamps.lit.clear()
    second = ask(olu)
    work(3)
    assert first.intent_hash != second.intent_hash
    assert (fresh(second).status, lamps.lit) == ("pending", {})
    assert [e["intent_hash"] for e in events("lamp.blocked")] == [first.intent_hash]


def test_a_look_alike_target_is_named_with_a_warning_on_both_screens(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = perform(olu, "lamp.block", Target("lamp", "h\u0430ll"), severity="HIGH").approval
    assert approval is not None
    assert "⚠" in approval.sentence
    work()
    assert "⚠" in provider.showing(code_of(approval)).details[0]["instruction"]
    approve(provider, approval)
    work()
    assert lamps.lit == {"h\u0430ll": False}, "only what was named, byte for byte"


def test_smuggled_parameters_are_refused_before_anything_is_asked(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    for params in (
        {"watt": 40, "target": "kitchen"},
        {"severity": "LOW"},
        {"approver": "self"},
        {"watt": {"$gt": 0}},
        {"__class__": "x"},
    ):
        with pytest.raises(Refused) as refused:
            perform(olu, "lamp.block", HALL, params=params, severity="CRITICAL")
        assert refused.value.code == "bad_params"
        body = {"verb": "lamp.block", "target": {"kind": "lamp", "name": "hall"}, "params": params}
        answer = call("post", "/v1/decisions", bearer(provider, olu), body)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_params")
    assert not Approval.objects.exists() and not provider.pushes
    assert trail.refused() == [(olu.sub, "POST /v1/decisions", "bad_params")]
    approval = ask(olu, params={"watt": 40})
    work()
    approve(provider, approval)
    work()
    assert '"params":{"watt":40}' in fresh(approval).intent
    assert committed() == ["lamp.blocked"]


def test_a_remote_step_that_two_workers_hold_is_told_once(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    lamps.effects = [EffectSpec("lamp.step", {}, "edge-1", "Tell edge-1")]
    approval = ask(olu)
    work()
    approve(provider, approval)
    work()
    step = Effect.objects.get()
    Effect.objects.update(state="pending", due=F("created"), lease=None)
    slow, quick = Effect.objects.get(), Effect.objects.get()
    before = len(events("lamp.blocked"))
    step_execution.run(quick)
    Effect.objects.filter(pk=step.pk).update(lease=F("created"))  # taken over meanwhile
    step_execution.run(slow)
    assert len(events("lamp.blocked")) == before + 1, "the slower one tells nothing"


@pytest.mark.parametrize("who", ["colleague", "auditor", "admin", "asked", "stranger"])
def test_a_hold_is_not_lifted_by_anybody_elses_cancel(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, who: str
) -> None:
    approval = ask(olu)
    work()
    others = {
        "colleague": lambda: acting("member1", "operator"),
        "auditor": lambda: acting("auditor", "auditor"),
        "admin": lambda: acting("admin", "admin"),
        "asked": lambda: oona,
        "stranger": lambda: acting("member1"),
    }
    other = others[who]()
    with pytest.raises((Refused, Approval.DoesNotExist)):
        cancel_resend_confirm_denial.cancel(other, str(approval.pk))
    browser_of(other).post(f"/approvals/{approval.pk}/cancel/")
    code = "not_yours" if who == "stranger" else "not_permitted"
    assert trail.refused() == [(other.sub, "POST /approvals/<approval_id>/cancel/", code)]
    assert (fresh(approval).status, lamps.held) == ("pending", ["hall"])
    assert not events("approval.cancelled")


def test_what_a_finding_asked_is_cancelled_by_nobody(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(SYSTEM, folded="lamp:hall:1")
    work()
    for actor in (olu, oona, acting("admin", "admin", "operator")):
        with pytest.raises(Refused, match="Only the person who asked"):
            cancel_resend_confirm_denial.cancel(actor, str(approval.pk))
        answer = call("post", f"/v1/approvals/{approval.pk}/cancel", bearer(provider, actor))
        assert answer.status_code == 403
    assert [code for _, _, code in trail.refused()] == ["not_permitted"] * 3
    assert (fresh(approval).status, lamps.held) == ("pending", ["hall"])


def test_nobody_is_asked_who_was_not_chosen(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    known("auditor", "auditor", on_call=1)
    known("admin", "admin", on_call=1)
    ask(olu)
    work()
    assert {push.sub for push in provider.pushes.values()} == {oona.sub}
