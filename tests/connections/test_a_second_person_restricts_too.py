"""What is frozen, suspended or limited already, a second person restricts as well.

So whoever did it first relaxes nothing of theirs alone; only the same person who repeats it is told
that there is nothing to do.
"""

from __future__ import annotations

from typing import Any

import pytest

from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Target
from connections.lifecycle import freezes
from connections.models import ConnectedAccount, Freeze, JustInTime, State
from connections.status import state_filters
from tests.connections.campaign import connected
from tests.connections.decided import approve, decide, fresh, person, refusal
from tests.connections.visitor import know, subject
from tests.support.pages import signed_in

CLAW = Target("agent", "claw")
GITHUB = Target("service", "github")


@pytest.fixture
def mias(_own_ground: None) -> ConnectedAccount:
    know("admin", "admin2", "member1", "operator")
    return connected("member1", "github", "read:user")


def freeze(who: str, act: str = "freeze", target: Target = CLAW) -> Performed:
    return perform(person(who), freezes.verb_of(target.kind, act), target, reason=f"by {who}")


def sets(who: str, act: str, **params: Any) -> Performed:
    return perform(person(who), f"connection.{act}", GITHUB, params=params)


def code(does: Any, *given: Any, **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        does(*given, **more)
    return refused.value.code


def approver(done: Performed) -> str:
    assert done.approval is not None
    return str(done.approval.rule["approver"])


# Freezes


def test_a_freeze_over_a_freeze_is_not_ended_by_the_first_alone(mias: ConnectedAccount) -> None:
    freeze("admin")
    assert freeze("admin2").event_id
    asked = freeze("admin", "unfreeze")
    assert approver(asked) == "another"
    assert approve(asked, "admin2").outcome == "approved"
    assert not Freeze.objects.exists()


def test_who_froze_it_already_has_nothing_to_do(mias: ConnectedAccount) -> None:
    freeze("admin")
    freeze("admin2")
    for who in ("admin", "admin2"):
        assert code(freeze, who) == "nothing_to_do"
    assert Freeze.objects.count() == 2


def test_a_freeze_that_came_while_its_end_was_asked_for_voids_the_request(
    mias: ConnectedAccount,
) -> None:
    freeze("admin")
    asked = freeze("admin", "unfreeze").approval
    assert asked is not None and asked.rule["approver"] == "self"
    freeze("admin2")
    asked.refresh_from_db()
    assert (asked.outcome, asked.outcome_code) == ("failed", "overtaken")
    assert Freeze.objects.count() == 2


def test_what_two_froze_is_one_line_with_both_names(mias: ConnectedAccount) -> None:
    freeze("admin")
    freeze("admin2")
    signed_in("admin2", "admin")
    page = signed_in("admin", "admin").get("/connections/freeze/").content.decode()
    assert page.count("<strong><bdi>agent “claw”</bdi></strong>") == 1
    assert "by admin<br>" in page or "by admin2<br>" in page
    assert page.count("Unfreeze…") == 1


def test_accounts_are_frozen_since_the_first_freeze(mias: ConnectedAccount) -> None:
    freeze("admin", target=GITHUB)
    since = Freeze.objects.get().since
    freeze("admin2", target=GITHUB)
    assert state_filters.frozen()["service", "github"].since == since


# Suspensions


def test_a_suspension_over_anothers_is_recorded_and_voids_a_request_to_resume(
    mias: ConnectedAccount,
) -> None:
    decide("admin", "suspend", mias)
    asked = decide("admin", "resume", mias)
    assert refusal("admin2", "suspend", mias) == ""
    assert asked.approval is not None
    asked.approval.refresh_from_db()
    assert asked.approval.outcome == "failed"
    assert refusal("admin2", "suspend", mias) == "not_connected"


def test_an_owner_suspends_what_an_admin_suspended_and_takes_back_their_own_alone(
    mias: ConnectedAccount,
) -> None:
    decide("admin", "suspend", mias)
    decide("member1", "suspend", mias)
    assert fresh(mias).state_by == subject("member1")
    decide("member1", "resume", mias)
    assert (fresh(mias).state, fresh(mias).state_by) == (State.SUSPENDED, subject("admin"))
    assert refusal("member1", "resume", mias) == "not_permitted"


# Limits of a connection


def test_ones_own_limit_is_relaxed_on_ones_own_phone(mias: ConnectedAccount) -> None:
    sets("admin", "restrict", idle_h=24)
    assert approver(sets("admin", "relax")) == "self"


def test_a_limit_of_another_admin_is_relaxed_by_another_person(mias: ConnectedAccount) -> None:
    sets("admin", "restrict", idle_h=24)
    asked = sets("admin2", "relax")
    assert approver(asked) == "another"
    assert approve(asked, "admin").outcome == "approved"
    assert state_filters.setting_of("github").open_always


@pytest.mark.parametrize("idle_h", [24, 12], ids=["the same", "less"])
def test_a_limit_within_anothers_is_relaxed_by_neither_alone(
    mias: ConnectedAccount, idle_h: int
) -> None:
    sets("admin", "restrict", idle_h=24)
    assert sets("admin2", "restrict", idle_h=idle_h).event_id
    assert approver(sets("admin", "relax", idle_h=48)) == "another"
    assert approver(sets("admin2", "relax", idle_h=48)) == "another"


def test_who_limited_it_so_already_has_nothing_to_change(mias: ConnectedAccount) -> None:
    sets("admin", "restrict", idle_h=24)
    sets("admin2", "restrict", idle_h=24)
    for who in ("admin", "admin2"):
        assert code(sets, who, "restrict", idle_h=24) == "nothing_changes"


def test_a_limit_that_came_meanwhile_is_not_relaxed_by_the_requester_alone(
    mias: ConnectedAccount,
) -> None:
    sets("admin", "restrict", idle_h=24)
    asked = sets("admin", "relax").approval
    assert asked is not None and asked.rule["approver"] == "self"
    sets("admin2", "restrict", idle_h=24)
    assert Approval.objects.get().outcome == "failed"
    assert JustInTime.objects.get().idle_h == 24


def test_what_an_approval_leaves_of_a_limit_stays_its_setters(mias: ConnectedAccount) -> None:
    sets("admin", "restrict", idle_h=24)
    approve(sets("admin2", "relax", idle_h=48), "admin")
    asked = sets("admin2", "relax")
    assert approver(asked) == "another"
    approve(asked, "admin")
    sets("admin2", "restrict", idle_h=24)
    assert approver(sets("admin2", "relax")) == "self"
