"""The policy as a weapon: lowered between question and commit, written below its floor, or bent in
the table; and groups whose members count twice or are members no more."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import Any

import pytest

from approvals import people_and_roles, policy
from approvals.errors import Refused
from approvals.models import Approval, PolicyVersion
from approvals.pipeline.service import perform
from approvals.policy import policy_change, policy_in_force
from approvals.policy.policy_change import TARGET
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import HALL, ask, assert_failed, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting, known
from tests.approvals.policies import document, in_force, rule
from tests.attacks.step_up import trail
from tests.attacks.step_up.attempts import bearer, call
from tests.attacks.step_up.conftest import Work
from tests.attacks.step_up.provider import PhoneProvider
from tests.attacks.step_up.trail import approve, assert_nothing_committed


def test_a_policy_that_was_lowered_meanwhile_commits_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    in_force(rule("all", approver="none", verbs=["lamp.*"]))
    approve(provider, approval)
    work()
    assert_failed(approval, "policy_changed")


def test_a_policy_that_was_lowered_and_raised_again_is_another_policy(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    before = in_force(rule("all"))
    approval = ask(olu)
    work()
    in_force(rule("all", approver="none"))
    after = in_force(rule("all"))
    assert before.digest != after.digest
    approve(provider, approval)
    work()
    assert_failed(approval, "policy_changed")


@pytest.mark.parametrize("severity", ["HIGH", "CRITICAL"])
@pytest.mark.parametrize("verb", ["lamp.block", "lamp.allow", "lamp.remove"])
def test_no_document_lets_a_grave_act_through_without_a_person(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, verb: str, severity: str
) -> None:
    """Even one that is in force against all rules, as by a hand on the table."""
    in_force(rule("free", approver="none"))
    approval = perform(olu, verb, HALL, severity=severity).approval
    assert approval is not None and approval.status == "pending"
    assert_nothing_committed(lamps)
    if severity == "CRITICAL":
        assert approval.current is not None and approval.current.person.sub == oona.sub


def test_no_document_lets_who_asked_approve_what_is_critical(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    in_force(rule("mine", approver="self"))
    approval = ask(olu)
    work()
    assert [push.sub for push in provider.pushes.values()] == [oona.sub]
    assert not approval.single_person


@pytest.fixture
def amir(provider: PhoneProvider) -> Actor:
    """The admin who changes the policy."""
    return acting("admin", "admin")


def change(admin: Actor, proposed: dict[str, Any], base: str = "") -> Approval:
    """Ask for another policy."""
    params = {"document": proposed, "base": base or policy.policy_digest()}
    approval = perform(admin, "policy.change", TARGET, params=params).approval
    assert approval is not None
    return approval


BELOW: dict[str, dict[str, Any]] = {
    "nobody approves what is critical": rule("a", approver="none", severities=["CRITICAL"]),
    "who asks approves what is critical": rule("a", approver="self", severities=["CRITICAL"]),
    "nobody approves what is high": rule("a", approver="none", severities=["HIGH"]),
    "a finding commits by itself": rule("a", approver="none", automatic=True),
    "nobody approves a change of the policy": rule("a", approver="none", verbs=["policy.*"]),
    "who asks approves a change of the policy": rule("a", approver="self", verbs=["policy.*"]),
    "nobody approves what is about others": rule("a", approver="none", others=True),
}


@pytest.mark.parametrize("what", BELOW)
def test_a_document_below_the_floor_is_refused_at_the_door(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, amir: Actor, what: str
) -> None:
    known("auditor", "admin")
    ask(olu)
    with pytest.raises(Refused) as refused:
        change(amir, document(BELOW[what], rule("rest")))
    assert refused.value.code == "bad_policy"
    params = {"document": document(BELOW[what], rule("rest")), "base": policy.policy_digest()}
    body = {"verb": policy_change.VERB, "target": asdict(policy_change.TARGET), "params": params}
    answer = call("post", "/v1/decisions", bearer(provider, amir), body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_policy")
    assert trail.refused() == [(amir.sub, "POST /v1/decisions", "bad_policy")]
    assert not PolicyVersion.objects.exists()


def test_the_policy_is_not_changed_by_one_admin_alone(
    lamps: Lamps, provider: PhoneProvider, amir: Actor, work: Work
) -> None:
    second = known("auditor", "admin")
    in_force(rule("all"))
    approval = change(amir, document(rule("all", on_denial="keep_hold")))
    assert approval.severity == "CRITICAL"
    work()
    assert [push.sub for push in provider.pushes.values()] == [second.sub]
    assert PolicyVersion.objects.count() == 1
    approve(provider, approval)
    work()
    assert PolicyVersion.objects.count() == 2
    said = events("policy.changed")[-1]
    assert said["data"]["approver"]["sub"] == second.sub


def test_a_change_made_from_a_policy_that_is_gone_overwrites_nothing(
    lamps: Lamps, provider: PhoneProvider, amir: Actor, work: Work
) -> None:
    known("auditor", "admin")
    in_force(rule("all"))
    old = policy.policy_digest()
    approval = change(amir, document(rule("all", on_denial="keep_hold")))
    work()
    newest = in_force(rule("all", on_expiry="release"))
    approve(provider, approval)
    work()
    assert fresh(approval).outcome == "failed"
    assert policy.policy_digest() == newest.digest
    with pytest.raises(Refused) as refused:
        change(amir, document(rule("all")), base=old)
    assert refused.value.code == "stale_policy"


def test_a_policy_that_was_bent_in_its_table_is_not_believed(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, named: set[str]
) -> None:
    """Somebody with the database lowers the stored document: the safest policy applies."""
    made = in_force(rule("all"))
    approval = ask(olu)
    work()
    bent = copy.deepcopy(made.document.as_json())
    bent["rules"][0]["approver"] = "none"
    PolicyVersion.objects.update(document=bent)
    policy_in_force._kept.cache_clear()  # as after a restart
    low = perform(olu, "lamp.allow", HALL, severity="LOW").approval
    assert low is not None, "what cannot be read lets nothing through"
    approve(provider, approval)
    work()
    assert_failed(approval, "policy_changed")
    named.add("the policy of this entry has another document")


def test_a_policy_that_was_deleted_from_its_table_frees_nothing_that_waits(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, named: set[str]
) -> None:
    in_force(rule("all", channel="ciba"))
    approval = ask(olu)
    work()
    PolicyVersion.objects.all().delete()
    approve(provider, approval)
    work()
    assert_failed(approval, "policy_changed")
    named.add("the policy of this entry is missing from the database")


@pytest.fixture
def two_of_three(provider: PhoneProvider) -> list[Actor]:
    """A policy under which two operators other than the requester approve; three hold the role."""
    in_force(
        rule("two", approver="group", group="ops", count=2), groups={"ops": {"role": "operator"}}
    )
    return [acting(who, "operator") for who in ("operator2", "member1", "admin")]


def code_for(approval: Approval, person: Actor) -> str:
    """The code on that person's phone."""
    return str(approval.asks.filter(person__sub=person.sub).latest("number").code)


def test_one_person_twice_is_not_two_people(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, two_of_three: list[Actor], work: Work
) -> None:
    first, second, _ = two_of_three
    approval = ask(olu)
    work()
    provider.gives = 5
    provider.answer(code_for(approval, first), "approve")
    work(3)
    assert_nothing_committed(lamps)
    assert fresh(approval).status == "pending"
    provider.answer(code_for(approval, second), "approve")
    work()
    assert fresh(approval).outcome == "approved"
    [done] = events("lamp.blocked")
    assert {first.sub, second.sub} <= set(str(done["data"]).split("'"))


def test_the_requester_is_not_one_of_the_group_that_approves(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, two_of_three: list[Actor], work: Work
) -> None:
    ask(olu)
    work()
    assert {push.sub for push in provider.pushes.values()} == {a.sub for a in two_of_three}


def test_whoever_approved_first_and_lost_the_role_counts_no_more(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, two_of_three: list[Actor], work: Work
) -> None:
    first, second, _ = two_of_three
    approval = ask(olu)
    work()
    provider.answer(code_for(approval, first), "approve")
    work()
    people_and_roles.note_person(iss=first.iss, sub=first.sub, roles=["auditor"])
    provider.answer(code_for(approval, second), "approve")
    work()
    assert_failed(approval, "approver_lost_role")


def test_one_of_the_group_who_denies_ends_it_for_all(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, two_of_three: list[Actor], work: Work
) -> None:
    first, second, third = two_of_three
    approval = ask(olu)
    work()
    codes = {person.sub: code_for(approval, person) for person in two_of_three}
    provider.answer(codes[first.sub], "approve")
    work()
    provider.answer(codes[second.sub], "deny")
    work()
    assert fresh(approval).outcome == "denied"
    provider.answer(codes[third.sub], "approve")
    work(2)
    assert_nothing_committed(lamps)
    assert fresh(approval).outcome == "denied"
    assert code_of(approval)


def test_a_group_that_is_too_small_asks_nobody(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor
) -> None:
    in_force(
        rule("two", approver="group", group="ops", count=2), groups={"ops": {"role": "operator"}}
    )
    known("auditor", "auditor")
    with pytest.raises(Refused) as refused:
        perform(olu, "lamp.block", HALL, severity="CRITICAL")
    assert refused.value.code == "no_approver"
    assert not Approval.objects.exists() and lamps.held == []
    perform(olu, "lamp.hold", HALL)  # tightening still works
    assert [e["action"] for e in events()] == ["policy.changed", "lamp.held"]


BENT_RULES: dict[str, dict[str, Any]] = {
    "who asked may approve": {"approver": "self"},
    "one is enough": {"count": 1},
    "any role will do": {"approver_roles": []},
    "another role will do": {"approver_roles": ["auditor"]},
    "another channel will do": {"channel": "either"},
    "no one has to approve": {"kind": "commit", "approver": "none"},
    "these people may": {"people": [{"iss": "x", "sub": "auth0|somebody"}]},
}


@pytest.mark.parametrize("what", BENT_RULES)
def test_a_rule_that_was_bent_beside_its_request_lets_nothing_through(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    two_of_three: list[Actor],
    work: Work,
    what: str,
) -> None:
    """The rule is kept with each request; the policy in force says whether it is the right one."""
    first, second, _ = two_of_three
    approval = ask(olu)
    work()
    Approval.objects.filter(pk=approval.pk).update(rule=approval.rule | BENT_RULES[what])
    for person in (first, second):
        provider.answer(code_for(approval, person), "approve")
    work(2)
    assert_nothing_committed(lamps)
    assert fresh(approval).outcome == "failed"
    said = [event["data"]["failure"] for event in events("approval.failed")]
    assert fresh(approval).outcome_code in said


def test_a_label_that_says_alone_does_not_make_who_asked_the_approver(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Somebody with the database writes single-person, and turns the ask to the requester."""
    approval = ask(olu)
    approval.asks.update(person=people_and_roles.find(olu.iss, olu.sub))
    Approval.objects.filter(pk=approval.pk).update(single_person=True)
    work()
    assert [push.sub for push in provider.pushes.values()] == [olu.sub]
    approve(provider, approval)
    work()
    assert_nothing_committed(lamps)
    assert fresh(approval).outcome == "failed"
    assert oona.sub != olu.sub
