"""While a request of one admin holds an account, another admin's suspension is kept."""

from __future__ import annotations

import pytest

from approvals import cancel_resend_confirm_denial
from approvals.pipeline.service import perform
from connections.lifecycle import bulk_decisions
from connections.models import State
from tests.connections.campaign import connected
from tests.connections.decided import decide, deny, fresh, person
from tests.connections.visitor import know

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("door", ["connection", "selection"])
@pytest.mark.parametrize("how", ["withdrawn", "denied"])
def test_a_suspension_outlives_the_request_of_somebody_else(how: str, door: str) -> None:
    know("admin", "admin2", "member1")
    one, other = connected("member1", "github", "repo"), connected("member1", "slack", "chat:write")
    asked = decide("admin", "revoke", one)
    assert asked.approval is not None and fresh(one).state == State.SUSPENDED
    if door == "connection":
        decide("admin2", "suspend", one)
    else:
        both = [str(one.pk), str(other.pk)]
        target = bulk_decisions.target_of(both)
        params = {"accounts": both}
        perform(person("admin2"), "selection.suspend", target, params=params, reason="incident")
    if how == "withdrawn":
        cancel_resend_confirm_denial.cancel(person("admin"), str(asked.approval.id))
    else:
        deny(asked, "admin2")
    assert fresh(one).state == State.SUSPENDED


@pytest.mark.parametrize("who", ["member1", "admin2"])
def test_a_suspension_under_a_hold_is_its_own(who: str) -> None:
    know("admin", "admin2", "member1")
    one = connected("member1", "github", "repo")
    asked = decide("admin", "revoke", one)
    decide(who, "suspend", one)
    assert asked.approval is not None
    cancel_resend_confirm_denial.cancel(person("admin"), str(asked.approval.id))
    assert fresh(one).state == State.SUSPENDED


def test_a_revocation_that_its_owner_takes_back_leaves_an_admins_suspension() -> None:
    know("admin", "member1")
    one = connected("member1", "github", "repo")
    decide("member1", "revoke", one)
    decide("admin", "suspend", one)
    assert fresh(one).state == State.REVOCATION_PENDING
    decide("member1", "resume", one)
    assert fresh(one).state == State.SUSPENDED
