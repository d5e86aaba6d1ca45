"""What a request asks for is judged under its lock: the rule, the intent and who is asked are those
in force then, whatever changed since the requester was answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from approvals import clock
from approvals.models import Approval, Person, PolicyVersion
from approvals.pipeline.intent import digest
from approvals.pipeline.service import Performed, perform
from approvals.policy import break_glass_limits
from approvals.policy.document import DEFAULT, Document
from approvals.registry import Verb
from audit.recording.actors import Actor, Target
from connections.models import ConnectedAccount, Freeze, State
from tests.audit.own_database import own_database
from tests.connections.decided import decide, person, refusal
from tests.connections.test_decisions_meet_comparisons import _django_db_helper, _made, now
from tests.connections.visitor import subject

__all__ = ["_django_db_helper"]  # fixture

CLAW = Target("agent", "claw")


@pytest.fixture
def mias(tmp_path: Path) -> Iterator[ConnectedAccount]:
    with own_database(tmp_path):
        yield now(_made)


def asked_while(work: Callable[[], Performed], meanwhile: Callable[[], object]) -> Approval:
    """The request that comes of `work`; something else commits after that was judged, and before
    it is locked."""
    done: Performed = now(lambda: judged_while(work, meanwhile))
    assert done.approval is not None
    return done.approval


def judged_while[T](work: Callable[[], T], meanwhile: Callable[[], object]) -> T:
    why_not, left = break_glass_limits.why_not, [meanwhile]

    def right_after_judging(actor: Actor, verb: Verb) -> str:
        while left:
            now(left.pop())
        return why_not(actor, verb)

    with patch.object(break_glass_limits, "why_not", right_after_judging):
        return work()


def _slower_policy() -> str:
    rules: list[dict[str, Any]] = [{**rule, "within_s": 120} for rule in DEFAULT["rules"]]
    document = Document.model_validate({**DEFAULT, "number": 1, "rules": rules}).as_json()
    PolicyVersion.objects.create(
        digest=digest(document), document=document, created=clock.now(), author={}
    )
    return digest(document)


def test_a_policy_of_meanwhile_says_who_approves_and_until_when(mias: ConnectedAccount) -> None:
    policy: list[str] = []
    found = asked_while(
        lambda: decide("admin", "revoke", mias), lambda: policy.append(_slower_policy())
    )
    assert found.policy_digest == json.loads(found.intent)["policy"] == policy[0]
    assert found.rule["within_s"] == 120
    assert (found.expires_at - found.created).total_seconds() == 120


def test_who_lost_the_role_meanwhile_asks_nobody(mias: ConnectedAccount) -> None:
    code = judged_while(
        lambda: now(lambda: refusal("admin", "revoke", mias)),
        lambda: Person.objects.filter(sub=subject("admin")).update(roles=[]),
    )
    assert code == "not_permitted"
    assert now(lambda: Approval.objects.count()) == 0
    assert now(lambda: ConnectedAccount.objects.get().state) == State.CONNECTED


def test_what_became_riskier_meanwhile_is_asked_about_as_it_is(mias: ConnectedAccount) -> None:
    found = asked_while(
        lambda: decide("admin", "revoke", mias),
        lambda: ConnectedAccount.objects.update(scopes=["repo", "delete_repo"]),
    )
    assert found.severity == json.loads(found.intent)["severity"] == "HIGH"


def test_what_another_froze_meanwhile_is_not_for_the_requester_alone(
    mias: ConnectedAccount,
) -> None:
    now(lambda: perform(person("admin"), "agent.freeze", CLAW))

    def frozen_by_another() -> None:
        Freeze.objects.update(by=subject("admin2"), since=clock.now())

    found = asked_while(lambda: perform(person("admin"), "agent.unfreeze", CLAW), frozen_by_another)
    assert found.rule["approver"] == "another"
    assert now(lambda: found.asks.get().person.sub) == subject("admin2")


def test_what_needs_no_approval_any_more_asks_nobody(mias: ConnectedAccount) -> None:
    """An admin's own account that another admin suspended: theirs alone once it is their own."""
    now(lambda: decide("admin", "suspend", mias))
    now(lambda: ConnectedAccount.objects.update(sub=subject("admin2")))
    code = judged_while(
        lambda: now(lambda: refusal("admin2", "resume", mias)),
        lambda: ConnectedAccount.objects.update(state_by=subject("admin2")),
    )
    assert code == "changed_meanwhile"
    assert now(lambda: Approval.objects.count()) == 0
