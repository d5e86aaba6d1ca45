"""Somebody writes into the database that one more of those who decide has approved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from approvals.models import Approval, Ask, AskState, Channel, Person
from audit.clock import now
from audit.recording.actors import Actor, EvidenceRef
from tests.accounts.trail import events
from tests.approvals.asking import HALL, ask, assert_failed, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import acting
from tests.approvals.policies import in_force, rule
from tests.attacks.sign_in.forging import ROGUE
from tests.attacks.step_up.conftest import Work
from tests.attacks.step_up.provider import PhoneProvider
from tests.attacks.step_up.test_the_owner_writes_tables import forged
from tests.attacks.step_up.trail import assert_nothing_committed, committed


@dataclass(frozen=True)
class Two:
    """A request that two of three have to approve: one really does, one is written."""

    approval: Approval
    real: Actor
    written: Actor
    provider: PhoneProvider
    work: Work

    def code(self, person: Actor, approval: Approval | None = None) -> str:
        asks = (approval or self.approval).asks.filter(person__sub=person.sub)
        return str(asks.latest("number").code)

    def evidence(self, person: Actor, approval: Approval | None = None) -> list[dict[str, str]]:
        asks = (approval or self.approval).asks.filter(person__sub=person.sub)
        return list(asks.latest("number").answers["ciba"]["evidence"])

    def write(self, evidence: list[dict[str, str]], **more: Any) -> None:
        """The row of the second member says that they approved."""
        said = {"decision": "approve", "at": "", "signed": True, "evidence": evidence}
        row = Ask.objects.filter(approval=self.approval, person__sub=self.written.sub)
        row.update(**{"state": AskState.APPROVED, "answers": {"ciba": said}, "due": None} | more)

    def earlier(self, verb: str) -> list[dict[str, str]]:
        """What the second member signed for something else."""
        other = ask(acting("operator", "operator"), verb)
        self.work()
        self.provider.answer(self.code(self.written, other), "approve")
        self.work()
        return self.evidence(self.written, other)


@pytest.fixture
def two(lamps: Lamps, provider: PhoneProvider, olu: Actor, work: Work) -> Two:
    in_force(
        rule("two", approver="group", group="ops", count=2), groups={"ops": {"role": "operator"}}
    )
    real, written, _ = [acting(who, "operator") for who in ("operator2", "member1", "admin")]
    approval = ask(olu)
    work()
    return Two(approval, real, written, provider, work)


def a_forgery(two: Two) -> None:
    made = forged(two.provider, two.written, two.approval.intent_hash, ROGUE)
    two.write([{"kind": one.kind, "digest": one.digest} for one in made])


def another_channel(two: Two) -> None:
    said = {"decision": "approve", "at": "", "signed": True, "evidence": two.earlier("lamp.allow")}
    two.write([], answers={"passkey": said}, channel=Channel.EITHER)


ADDED: dict[str, Callable[[Two], None]] = {
    "nothing": lambda two: two.write([]),
    "no answer at all": lambda two: two.write([], answers={}),
    "what the person signed for something else": lambda two: two.write(two.earlier("lamp.allow")),
    "what does not exist": lambda two: two.write([{"kind": "approval_token", "digest": "0" * 64}]),
    "a token that another key signed": a_forgery,
    "another channel": another_channel,
}


@pytest.mark.parametrize("what", ADDED)
def test_a_voice_that_was_written_into_the_database_does_not_count(
    lamps: Lamps, two: Two, what: str
) -> None:
    ADDED[what](two)
    two.provider.answer(two.code(two.real), "approve")
    two.work()
    assert_nothing_committed(lamps)
    assert_failed(two.approval, "approver_unproven")
    said = events("approval.failed")[-1]
    assert "someone wrote into the database" in said["data"]["detail"]
    assert fresh(two.approval).held, "the hold stays until somebody decides"


def test_what_one_member_signed_is_not_the_voice_of_another(lamps: Lamps, two: Two) -> None:
    """The first has approved; their evidence is copied to the second before the third answers."""
    two.provider.answer(two.code(two.real), "approve")
    two.work()
    assert fresh(two.approval).status == "pending"
    two.write(two.evidence(two.real))
    third = acting("admin", "operator")
    two.provider.answer(two.code(third), "approve")
    two.work()
    assert_nothing_committed(lamps)
    assert_failed(two.approval, "approver_unproven")


def test_an_ask_that_was_turned_to_another_person_is_nobodys_voice(lamps: Lamps, two: Two) -> None:
    """One member's own ask is doubled, under the name of another."""
    two.provider.answer(two.code(two.real), "approve")
    two.work()
    Ask.objects.create(
        approval=two.approval, number=9, person=Person.objects.get(sub=two.written.sub),
        code="00-00-00", state=AskState.APPROVED, expires_at=now(),
        answers=Ask.objects.get(approval=two.approval, person__sub=two.real.sub).answers,
    )  # fmt: skip
    third = acting("admin", "operator")
    two.provider.answer(two.code(third), "approve")
    two.work()
    assert_nothing_committed(lamps)
    assert_failed(two.approval, "approver_unproven")


def test_the_same_two_who_sign_commit(lamps: Lamps, two: Two) -> None:
    for person in (two.real, two.written):
        two.provider.answer(two.code(person), "approve")
        two.work()
    assert committed() == ["lamp.blocked"]
    [done] = events("lamp.blocked")
    kept = {EvidenceRef(one["kind"], one["digest"]) for one in done["evidence"]}
    assert len([one for one in kept if one.kind == "approval_token"]) == 2


def test_an_answer_with_unsigned_details_is_no_voice_among_several(
    lamps: Lamps, two: Two, provider: PhoneProvider
) -> None:
    """Alone it is labelled and counts; among several nobody could tell it from a written one."""
    provider.bend_token = lambda forge: forge.claims.pop("authorization_details")
    two.provider.answer(two.code(two.real), "approve")
    two.work()
    assert_nothing_committed(lamps)
    assert_failed(two.approval, "approver_unproven")


def test_one_channel_of_both_that_was_written_does_not_count(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """The passkey is said to have approved; only the phone did."""
    in_force(rule("both", channel="both"))
    approval = ask(olu)
    work()
    said = {"decision": "approve", "at": "", "signed": True, "evidence": []}
    Ask.objects.filter(approval=approval).update(answers={"passkey": said})
    provider.answer(str(approval.asks.get().code), "approve")
    work()
    assert_nothing_committed(lamps)
    assert_failed(approval, "approver_unproven")
    assert HALL.name == "hall"


def test_a_colleague_who_never_answered_is_not_named_as_approver(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Where one is enough, a second voice that was written in would be named on the record."""
    other = acting("member1", "operator")
    approval = ask(olu)
    work()
    current = approval.current
    assert current is not None
    Ask.objects.create(
        approval=approval, number=9, person=Person.objects.get(sub=other.sub), code="00-00-00",
        state=AskState.APPROVED, expires_at=now(),
        answers={"ciba": {"decision": "approve", "at": "", "signed": True, "evidence": []}},
    )  # fmt: skip
    provider.answer(current.code, "approve")
    work()
    assert_nothing_committed(lamps)
    assert_failed(approval, "approver_unproven")
