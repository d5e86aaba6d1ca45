"""Whoever puts a policy in force past the pipeline, or edits one, is named by the verifier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from approvals import clock, policy
from approvals.models import PolicyVersion
from approvals.pipeline.intent import digest
from approvals.policy.document import read
from audit.sequencing import sequencer
from audit.verification import verify
from tests.accounts.trail import events
from tests.approvals import policies
from tests.approvals.asking import code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones
from tests.approvals.test_policy_is_changed import Work, amir, anya, change

__all__ = ["amir", "anya"]


@pytest.fixture
def changed(lamps: Lamps, phones: Phones, amir: Any, anya: Any, work: Work) -> list[PolicyVersion]:
    """Two versions that two admins made."""
    for seconds in (90, 120):
        now = policy.current().as_json()
        rules = [dict(one) for one in now["rules"]]
        rules[4]["within_s"] = seconds
        approval = change(amir, now | {"number": now["number"] + 1, "rules": rules})
        work()
        phones.answer("member1", code_of(approval), "approve")
        work()
        assert fresh(approval).outcome == "approved"
    sequencer.run_once()
    return list(PolicyVersion.objects.order_by("id"))


def found() -> dict[int | None, str]:
    """Index -> what is said of it; every finding is about decisions."""
    report = verify.run()
    assert {problem.code for problem in report.problems} <= {"decision"}, report.problems
    said: dict[int | None, str] = {}
    for problem in report.problems:
        said[problem.index] = said.get(problem.index, "") + problem.message
    return said


def of(**bent: Any) -> Callable[[PolicyVersion], object]:
    return lambda row: PolicyVersion.objects.filter(pk=row.pk).update(**bent)


def looser(row: PolicyVersion) -> None:
    row.document["rules"][0]["within_s"] = 900
    row.save()


def earlier(row: PolicyVersion) -> None:
    row.created -= timedelta(days=30)
    row.save()


def another_author(row: PolicyVersion) -> None:
    row.author["sub"] = "auth0|other"
    row.save()


@pytest.mark.parametrize(
    ("bend", "says"),
    [
        (looser, "another document"),
        (of(digest="0" * 64), "another digest"),
        (of(approval="x"), "another approval"),
        (of(operation="x"), "another operation"),
        (another_author, "another author"),
        (earlier, "another time"),
        (lambda row: row.delete(), "is missing from the database"),
        (of(event_id=None), "is missing from the database"),
    ],
)
def test_a_policy_that_was_edited_in_the_database_is_named(
    changed: list[PolicyVersion], bend: Callable[[PolicyVersion], object], says: str
) -> None:
    assert found() == {}
    bend(changed[1])
    index = events("policy.changed")[-1]["index"]
    assert says in found().get(index, ""), found()


def test_a_policy_put_in_force_past_the_pipeline_is_named(changed: list[PolicyVersion]) -> None:
    made = read(policies.document(policies.rule("all", within_s=600))).as_json()
    after = digest(made)
    PolicyVersion.objects.create(digest=after, document=made, created=clock.now())
    assert policy.policy_digest() == after, "it decides from now on"
    assert found() == {None: f"version {after[:12]} of the policy is in no policy.changed entry"}


def test_an_older_policy_moved_to_the_front_is_named(changed: list[PolicyVersion]) -> None:
    first, second = changed
    PolicyVersion.objects.filter(pk=first.pk).update(id=second.pk + 1)
    assert policy.policy_digest() == first.digest, "it is in force again"
    index = events("policy.changed")[0]["index"]
    assert "stands behind a later one" in found()[index]
