"""Groups, orders on call, channels: who has to say yes, over what, and who never counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from approvals.errors import Refused
from approvals.models import Approval, Ask
from approvals.pipeline.service import perform
from approvals.step_up import take_ciba_or_passkey_answer
from audit.recording.actors import SYSTEM, Actor
from tests.accounts.trail import events
from tests.approvals.asking import HALL, actions, ask, assert_failed, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, acting, known
from tests.approvals.policies import in_force, keyed, rule
from tests.approvals.working import SOON_S, Work, run_out
from tests.passkeys import devices
from tests.support.sign_in import SUBS


def of_group(count: int = 2, **more: Any) -> None:
    """Several operators have to approve everything."""
    in_force(
        rule("all", approver="group", group="ops", count=count, **more),
        groups={"ops": {"role": "operator"}},
    )


def codes(approval: Approval) -> dict[str, str]:
    """Everybody's own code, by subject."""
    return {one.person.sub: one.code for one in approval.asks.select_related("person")}


def passkey(approval: Approval, who: Actor, decision: Any = "approve") -> str:
    """What a verified passkey answer does, at the one place where answers are taken."""
    with transaction.atomic():
        locked = Approval.objects.select_for_update().get(pk=approval.pk)
        asked = locked.asks.filter(person__sub=who.sub).order_by("-number").first()
        assert asked is not None
        return take_ciba_or_passkey_answer.give(
            locked, asked, who, channel="passkey", decision=decision, signed=True, evidence=()
        )


# Several of a group.


def test_a_group_is_asked_at_once_each_with_a_code_of_their_own(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    known("admin", "operator")
    known("member1", "admin")
    of_group()
    approval = ask(olu)
    work()
    asked = codes(approval)
    assert set(asked) == {SUBS["operator2"], SUBS["admin"]}
    assert len(set(asked.values())) == 2
    assert asked[SUBS["admin"]] in phones.waiting("admin")


def test_two_of_a_group_commit_with_the_evidence_of_both(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    known("admin", "operator")
    of_group()
    approval = ask(olu)
    work()
    phones.answer("operator2", codes(approval)[SUBS["operator2"]], "approve")
    work()
    assert (fresh(approval).status, lamps.lit) == ("pending", {})
    phones.answer("admin", codes(approval)[SUBS["admin"]], "approve")
    time.sleep(1.1)
    work()
    assert fresh(approval).outcome == "approved" and lamps.lit == {"hall": False}
    [committed] = events("lamp.blocked")
    assert {p["sub"] for p in committed["data"]["approvers"]} == {SUBS["operator2"], SUBS["admin"]}
    assert sum(e["kind"] == "approval_token" for e in committed["evidence"]) == 2
    assert [e["data"].get("approved") for e in events("approval.approved")] == [1, 2]


def test_one_denial_in_a_group_closes_it(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    known("admin", "operator")
    of_group()
    approval = ask(olu)
    work()
    phones.answer("operator2", codes(approval)[SUBS["operator2"]], "deny")
    work()
    assert (fresh(approval).outcome, lamps.lit) == ("denied", {})
    time.sleep(1.1)
    work()
    assert codes(approval)[SUBS["admin"]] not in phones.waiting("admin")


def test_nobody_counts_twice(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    known("admin", "operator")
    of_group(channel="either")
    approval = ask(olu)
    work()
    assert passkey(approval, oona) == ""
    assert passkey(approval, oona) == "closed", "their ask is answered"
    phones.answer("operator2", codes(approval)[SUBS["operator2"]], "approve")
    time.sleep(1.1)
    work()
    assert (fresh(approval).status, lamps.lit) == ("pending", {})


def test_a_group_that_is_too_small_is_refused_with_words(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor
) -> None:
    of_group()
    with pytest.raises(Refused, match="needs 2 of the group ops, and 1 of them") as refused:
        ask(olu)
    assert refused.value.code == "no_approver"
    assert not Approval.objects.exists()


def test_silence_of_some_waits_for_the_others_and_of_too_many_expires(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, settings: Any, work: Work
) -> None:
    known("admin", "operator")
    settings.STEP_UP_EXPIRY_S = SOON_S
    of_group(count=1)
    approval = ask(olu)
    work()
    run_out(approval, work)
    assert fresh(approval).outcome == "expired"
    told = [e["data"].get("others_asked", False) for e in events("approval.expired")]
    assert told == [True, False]


# In which order.


def test_the_order_of_the_policy_comes_before_that_of_enrolment(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor
) -> None:
    known("operator2", "operator", on_call=1)
    last = known("admin", "operator", on_call=99)
    in_force(rule("all"), roster=[{"iss": last.iss, "sub": last.sub}])
    approval = ask(olu)
    assert [a.person.sub for a in approval.asks.all()] == [SUBS["admin"]]


def test_without_escalation_nobody_else_is_asked(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, settings: Any, work: Work
) -> None:
    known("admin", "operator")
    settings.STEP_UP_EXPIRY_S = SOON_S
    in_force(rule("all", escalate=False))
    approval = ask(olu)
    work()
    run_out(approval, work)
    assert (fresh(approval).outcome, approval.asks.count()) == ("expired", 1)


def test_a_rule_gives_its_own_time(lamps: Lamps, phones: Phones, olu: Actor, oona: Actor) -> None:
    in_force(rule("all", within_s=45))
    approval = ask(olu)
    given = approval.asks.get().expires_at - approval.created
    assert 44 <= given.total_seconds() <= 46


@pytest.mark.parametrize("ends", ["release", "keep_hold"])
def test_a_denial_ends_the_hold_where_the_rule_says_so(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, ends: str
) -> None:
    in_force(rule("all", on_denial=ends))
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "deny")
    work()
    assert fresh(approval).held is (ends == "keep_hold")
    assert lamps.held == ([] if ends == "release" else ["hall"])


# Over which channel.


def test_where_only_a_passkey_answers_no_push_is_sent(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, settings: Any, work: Work
) -> None:
    in_force(rule("all", channel="passkey"))
    approval = ask(olu)
    work()
    assert code_of(approval) not in phones.waiting("operator2")
    assert passkey(approval, oona) == ""
    assert fresh(approval).outcome == "approved" and lamps.lit == {"hall": False}


def test_a_passkey_is_asked_first_of_somebody_who_has_one_that_counts(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor
) -> None:
    in_force(rule("all", channel="both"))
    last = acting("admin", "operator")
    keyed(last)
    assert [a.person.sub for a in ask(olu).asks.all()] == [last.sub]


def test_a_finding_holds_though_the_group_is_too_small(
    lamps: Lamps, phones: Phones, oona: Actor, work: Work
) -> None:
    of_group(3)
    approval = ask(SYSTEM, folded="lamp:hall:1")
    assert lamps.held == ["hall"]
    assert set(codes(approval)) == {oona.sub}
    work()
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert (fresh(approval).status, lamps.lit) == ("pending", {})


def test_a_passkey_that_nobody_touches_expires(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, travel: Callable[[], None]
) -> None:
    in_force(rule("all", channel="passkey"))
    approval = ask(olu)
    travel()
    work()
    assert fresh(approval).outcome == "expired"


@pytest.mark.parametrize("first", ["ciba", "passkey"])
def test_both_wait_for_each_other(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, first: str
) -> None:
    key = devices.approver_key(oona)
    in_force(rule("all", channel="both"))
    approval = ask(olu)
    work()

    def by_phone() -> None:
        phones.answer("operator2", code_of(approval), "approve")
        work()

    def by_passkey() -> None:
        devices.give(oona, approval, key)

    steps = [by_phone, by_passkey] if first == "ciba" else [by_passkey, by_phone]
    steps[0]()
    assert (fresh(approval).status, lamps.lit) == ("pending", {})
    waits = events("approval.approved")[-1]["data"]["waits_for"]
    assert waits == ("passkey" if first == "ciba" else "ciba")
    steps[1]()
    assert fresh(approval).outcome == "approved" and lamps.lit == {"hall": False}


def test_one_of_either_is_enough_and_the_push_is_listened_to_after(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    in_force(rule("all", channel="either"))
    approval = ask(olu)
    work()
    assert passkey(approval, oona) == ""
    assert fresh(approval).outcome == "approved"
    phones.answer("operator2", code_of(approval), "deny")
    time.sleep(1.1)
    work()
    assert fresh(approval).outcome == "approved", "what was committed stays"
    assert Ask.objects.get().due is None


def test_a_passkey_denies_what_the_phone_has_not_answered(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    in_force(rule("all", channel="either"))
    approval = ask(olu)
    work()
    assert passkey(approval, oona, "deny") == ""
    done = fresh(approval)
    assert (done.outcome, done.inferred, lamps.held) == ("denied", False, [])


def test_an_answer_by_the_wrong_channel_changes_nothing_and_is_recorded(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    assert passkey(approval, oona) == "wrong_channel"
    assert fresh(approval).status == "pending"
    said = events("approval.failed")[-1]["data"]
    assert (said["failure"], said["still_waits"]) == ("wrong_channel", True)


# Never the one who asked.


@pytest.mark.parametrize("via", ["web", "cli", "api"])
def test_who_asks_cannot_answer_by_a_second_channel(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work, via: str
) -> None:
    in_force(rule("all", channel="either"))
    asking = Actor(iss=olu.iss, sub=olu.sub, name=olu.name, roles=olu.roles, via=via)
    approval = ask(asking)
    # As if somebody had put the requester in the place of the one who was asked.
    Ask.objects.update(person=known("operator", "operator"))
    again = Actor(iss=olu.iss, sub=olu.sub, roles=olu.roles, session="another", via="web")
    assert passkey(approval, again) == "self_approval"
    assert (fresh(approval).status, lamps.lit) == ("pending", {})
    assert events("approval.failed")[-1]["data"]["failure"] == "self_approval"
    work()
    phones.answer("operator", code_of(approval), "approve")
    work()
    assert_failed(approval, "self_approval")


def test_one_who_is_no_longer_alone_needs_the_other(
    lamps: Lamps, phones: Phones, olu: Actor, work: Work
) -> None:
    approval = ask(olu)
    assert approval.single_person
    work()
    known("operator2", "operator")
    phones.answer("operator", code_of(approval), "approve")
    work()
    assert_failed(approval, "approver_is_requester")


def test_a_weaker_rule_written_beside_the_request_is_not_believed(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    weaken(approval)
    work()
    phones.answer("operator2", code_of(approval), "approve")
    time.sleep(1.1)
    work()
    assert_failed(approval, "rule_changed")


def test_a_rule_altered_after_the_push_is_not_the_one_that_was_approved(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    weaken(approval)
    phones.answer("operator2", code_of(approval), "approve")
    time.sleep(1.1)
    work()
    assert_failed(approval, "details_differ")


def weaken(approval: Approval) -> None:
    """Let whoever asked approve it, as somebody with the database could write."""
    altered = fresh(approval)
    altered.rule = altered.rule | {"approver": "self"}
    altered.save()


# The same thing twice, and two things about one.


def test_asking_for_the_same_again_is_the_same_request(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor
) -> None:
    first = ask(olu)
    kept: list[Any] = []
    again = perform(olu, "lamp.block", HALL, severity="CRITICAL", before_commit=kept.append)
    assert again.approval == first and kept == [again]
    assert Approval.objects.count() == 1
    assert ask(oona) != first, "somebody else asks for themselves"
    assert ask(olu, params={"watt": 40}) != first, "other parameters are another request"


def test_once_it_is_over_the_same_can_be_asked_again(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    first = ask(olu)
    work()
    phones.answer("operator2", code_of(first), "deny")
    work()
    assert ask(olu) != first


def test_of_two_different_requests_the_first_to_commit_wins_at_once(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    block, allow = ask(olu), ask(olu, "lamp.allow")
    work()
    phones.answer("operator2", code_of(allow), "approve")
    work()
    assert fresh(allow).outcome == "approved"
    lost = fresh(block)
    assert (lost.outcome, lost.outcome_code) == ("failed", "overtaken")
    phones.answer("operator2", code_of(block), "approve")
    time.sleep(1.1)
    work()
    assert events("lamp.blocked") == []
    assert events("approval.failed")[-1]["data"]["failure"] == "answered_after_close"


def test_what_is_decided_at_once_overtakes_what_waits(
    lamps: Lamps, phones: Phones, oona: Actor, olu: Actor
) -> None:
    waits = ask(SYSTEM, folded="lamp:hall:1")
    perform(olu, "lamp.block", HALL, severity="LOW")
    assert fresh(waits).outcome_code == "overtaken"
    assert actions()[-1] == "approval.failed"


def test_every_decision_says_under_which_policy(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor
) -> None:
    made = in_force(rule("all", severities=["CRITICAL"]))
    perform(olu, "lamp.block", HALL, severity="LOW")
    assert events("lamp.blocked")[-1]["data"]["policy"] == made.digest


def test_a_member_of_a_group_by_name_who_lost_the_role_counts_no_longer(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    in_force(
        rule("all", approver="group", group="ops"),
        groups={"ops": {"people": [{"iss": oona.iss, "sub": oona.sub}]}},
    )
    acting("admin", "operator")
    approval = ask(olu)
    work()
    assert set(codes(approval)) == {oona.sub}
    known("operator2", "auditor")
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert_failed(approval, "approver_lost_role")
