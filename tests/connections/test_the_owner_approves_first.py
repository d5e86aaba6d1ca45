"""Who has to approve an escalation, whatever the policy: its owner, then whom a rule names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction

from approvals import cancel_resend_confirm_denial, clock, policy, registry
from approvals.errors import Refused
from approvals.models import Approval, Ask, Outcome, Person
from approvals.pipeline import leavers_requests
from approvals.pipeline.service import perform
from approvals.policy.single_decision_dry_run import make_situation, what_if
from approvals.step_up import take_ciba_or_passkey_answer
from audit.recording.actors import Actor, Target
from connections.broker.component_checks import Component
from connections.models import Allowance, ConnectedAccount, Freeze
from connections.scope_escalation import attempt_limits
from tests.approvals.policies import in_force, rule
from tests.connections.conftest import Travel
from tests.connections.phone import Phone
from tests.connections.visitor import know, subject
from tests.support.sweeping import sweep
from tests.support.tenant import LocalTenant

type Params = dict[str, Any]
type Phones = Callable[..., None]


def person(who: str, *roles: str) -> Actor:
    return Actor(
        iss=django_settings.ENV.issuer, sub=subject(who), roles=frozenset(roles), via="broker"
    )


MIA, OLU, AMIR = person("member1"), person("operator", "operator"), person("admin", "admin")


@pytest.fixture
def mias(db: None) -> ConnectedAccount:
    """Mia's account, as rows only: nobody is asked over the air here."""
    know("member1", "operator", "admin")
    now = clock.now()
    return ConnectedAccount.objects.create(
        iss=MIA.iss, sub=MIA.sub, connection="github", auth0_id="cac_m", scopes=["repo"],
        state_since=now, source="management", seen_at=now, watched_since=now,
    )  # fmt: skip


def ask(account: ConnectedAccount, by: Actor = MIA, **changed: Any) -> Approval:
    """What the broker asks when github-mcp tries delete_repo."""
    noted = attempt_limits.note(
        account, Component("mcp", "github-mcp"), ["gist"], "bot", clock.now()
    )
    params: Params = {
        "escalation": str(noted.row.id), "component": "mcp:github-mcp", "scopes": ["gist"],
        "agent": "bot", "for_s": 3600,
    }  # fmt: skip
    target = Target("connection", str(account.id))
    done = perform(by, "scope.grant", target, params=params | changed)
    assert done.approval is not None
    return done.approval


def answer(approval: Approval, who: Actor, decision: Any = "approve") -> str:
    """What this person says to their newest ask; the code of why it is not taken."""
    approval.refresh_from_db()
    own = approval.asks.filter(person__sub=who.sub).order_by("-number").first()
    with transaction.atomic():
        return take_ciba_or_passkey_answer.give(
            approval, own or ask_of(approval), who,
            channel="ciba", decision=decision, signed=True, evidence=(),
        )  # fmt: skip


@pytest.fixture
def phones(portal_tenant: LocalTenant, travel: Travel) -> Iterator[Phones]:
    """Approve on one's own phone: where several have to, each signature is looked at again."""
    browsers = []

    def approve(approval: Approval, *people: str) -> None:
        sweep()
        for who in people:
            browsers.append(portal_tenant.browser())
            held = Phone(browsers[-1], who)
            held.pick_up()
            held.approve(approval)
        travel(6)
        sweep()
        approval.refresh_from_db()

    yield approve
    for one in browsers:
        one.http.close()


def ask_of(approval: Approval) -> Ask:
    found = approval.current
    assert found is not None
    return found


def asked(approval: Approval) -> list[str]:
    return [one.person.sub for one in approval.asks.order_by("number")]


def test_nobody_jumps_the_queue_and_nobody_counts_twice(mias: ConnectedAccount) -> None:
    approval = ask(mias)
    assert asked(approval) == [MIA.sub]
    assert answer(approval, OLU) == "wrong_subject"
    assert answer(approval, MIA) == ""
    assert len(asked(approval)) == 2 and not Allowance.objects.exists()
    assert answer(approval, MIA) == "closed"
    assert approval.outcome == ""


def test_what_an_operator_asks_for_waits_for_the_owner_and_a_third(
    mias: ConnectedAccount, phones: Phones
) -> None:
    approval = ask(mias, by=OLU)
    assert asked(approval) == [MIA.sub]
    phones(approval, "member1")
    assert asked(approval) == [MIA.sub, AMIR.sub], "never who asked for it"
    phones(approval, "admin")
    assert approval.outcome == Outcome.APPROVED, approval.outcome_code


def test_a_policy_may_leave_it_to_the_owner_and_never_leave_the_owner_out(
    mias: ConnectedAccount,
) -> None:
    in_force(rule("mine", verbs=["scope.*"], approver="self"), rule("rest"))
    approval = ask(mias)
    answer(approval, MIA)
    assert approval.outcome == Outcome.APPROVED, approval.outcome_code
    in_force(rule("quick", verbs=["scope.*"], approver="none"), rule("rest"))
    approval = ask(mias)
    assert asked(approval) == [MIA.sub]
    assert approval.outcome == ""


def test_a_group_is_asked_after_the_owner(mias: ConnectedAccount, phones: Phones) -> None:
    know("operator2")
    in_force(
        rule("two", verbs=["scope.*"], approver="group", group="desk", count=2), rule("rest"),
        groups={"desk": {"role": "operator"}},
    )  # fmt: skip
    approval = ask(mias)
    assert asked(approval) == [MIA.sub]
    phones(approval, "member1")
    assert set(asked(approval)[1:]) == {OLU.sub, subject("operator2")}
    phones(approval, "operator", "operator2")
    assert approval.outcome == Outcome.APPROVED, approval.outcome_code


@pytest.mark.parametrize("who", [MIA, OLU])
def test_either_denies_for_both(mias: ConnectedAccount, who: Actor) -> None:
    Person.objects.filter(sub=AMIR.sub).update(roles=[])
    approval = ask(mias)
    if who is OLU:
        answer(approval, MIA)
    answer(approval, who, "deny")
    assert approval.outcome == Outcome.DENIED
    with pytest.raises(Refused, match="no one is asked again"):
        ask(mias)


def test_nobody_is_asked_where_the_owner_is_not_known(mias: ConnectedAccount) -> None:
    Person.objects.filter(sub=MIA.sub).delete()
    with pytest.raises(Refused) as refused:
        ask(mias)
    assert refused.value.code == "no_approver"


def test_a_stranger_may_not_ask_for_it(mias: ConnectedAccount) -> None:
    know("member2")
    with pytest.raises(Refused) as refused:
        ask(mias, by=person("member2"))
    assert refused.value.code == "not_permitted"


def test_an_owner_who_approved_is_not_asked_in_the_place_of_a_leaver(
    mias: ConnectedAccount,
) -> None:
    know("admin2")
    Person.objects.filter(sub=MIA.sub).update(roles=["admin"])
    approval = ask(mias, by=OLU)
    answer(approval, MIA)
    leaver = ask_of(approval).person
    assert leaver.sub != MIA.sub
    anya = person("admin2" if leaver.sub == AMIR.sub else "admin", "admin")
    with pytest.raises(Refused, match="approved it already"):
        leavers_requests.reassign(anya, approval, leaver, Person.objects.get(sub=MIA.sub))
    assert ask_of(approval).person == leaver


def test_a_second_who_lost_the_role_does_not_count(mias: ConnectedAccount, phones: Phones) -> None:
    approval = ask(mias)
    phones(approval, "member1")
    second = "operator" if asked(approval)[1] == OLU.sub else "admin"
    Person.objects.filter(sub=subject(second)).update(roles=[])
    phones(approval, second)
    assert (approval.outcome, approval.outcome_code) == (Outcome.FAILED, "approver_lost_role")


def test_the_owners_agent_may_be_stopped_by_its_owner(mias: ConnectedAccount) -> None:
    approval = ask(mias)
    assert cancel_resend_confirm_denial.cancel(MIA, str(approval.id)).outcome == Outcome.CANCELLED


def test_the_policy_page_tries_it_with_the_owner_first() -> None:
    verb = registry.get("scope.grant")
    tried = what_if(policy.current(), verb, make_situation(verb, "HIGH", roles=frozenset()))
    assert "first its owner, then an admin or operator" in tried.sentence


def test_two_requests_about_what_is_gone_do_not_keep_each_other_from_ending(db: None) -> None:
    """The second one's look at its target refuses; that overtakes it and nothing else."""
    know("admin", "admin2")
    Freeze.objects.create(kind="agent", name="claw", by="x", since=clock.now())
    target, anya = Target("agent", "claw"), person("admin2", "admin")
    first = perform(AMIR, "agent.unfreeze", target).approval
    second = perform(anya, "agent.unfreeze", target).approval
    assert first is not None and second is not None
    answer(first, anya)
    second.refresh_from_db()
    assert (first.outcome, second.outcome_code) == (Outcome.APPROVED, "overtaken")
