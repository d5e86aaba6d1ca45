"""A hold that ends lets accounts go on; the log says so of each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from approvals import cancel_resend_confirm_denial, clock
from approvals.models import Status
from approvals.pipeline import deny_expire_cancel, locks
from approvals.pipeline.service import Performed, perform
from audit.models import EventRow
from audit.recording.stored_event_loader import load
from connections.auth_ibom.replay import ACTIONS, Inventory
from connections.lifecycle import bulk_decisions
from connections.models import ConnectedAccount, State
from tests.approvals.policies import in_force, rule
from tests.connections.campaign import connected
from tests.connections.decided import decide, deny, fresh, person
from tests.connections.test_what_others_restricted import arrives
from tests.connections.visitor import know

pytestmark = pytest.mark.django_db

type End = Callable[[Performed], object]


def withdrawn(asked: Performed) -> None:
    assert asked.approval is not None
    cancel_resend_confirm_denial.cancel(person("admin"), str(asked.approval.id))


def denied(asked: Performed) -> None:
    deny(asked, "admin2")


def _revoke_all(*accounts: ConnectedAccount) -> Performed:
    listed = [str(one.pk) for one in accounts]
    target, params = bulk_decisions.target_of(listed), {"accounts": listed}
    return perform(person("admin"), "selection.revoke", target, params=params, reason="incident")


def _in_the_log(account: ConnectedAccount) -> str:
    rows = EventRow.objects.filter(action__in=ACTIONS).order_by("event")
    inventory = Inventory()
    for index, row in enumerate(rows):
        inventory.take(load(row.event) | {"index": index})
    return inventory.accounts[str(account.pk)].state


@pytest.mark.parametrize("end", [denied, withdrawn])
@pytest.mark.parametrize("several", [False, True])
def test_an_account_that_came_back_under_a_hold_is_said_to_be_released(
    end: End, several: bool
) -> None:
    know("admin", "admin2", "member1")
    first = connected("member1", "github", "repo")
    other = connected("member1", "slack", "chat:write")
    asked = _revoke_all(first, other) if several else decide("admin", "revoke", first)
    decide("member1", "revoke", first)
    again = arrives("cac_again")
    assert again.state == _in_the_log(again) == State.SUSPENDED
    end(asked)
    assert fresh(again).state == _in_the_log(again) == State.CONNECTED
    told = [one for one in (first, other) if several or one == first]
    assert [fresh(one).state for one in told] == [_in_the_log(one) for one in told]


def test_two_held_accounts_of_one_connection_have_one_event_each() -> None:
    know("admin", "admin2", "member1")
    one, two = connected("member1", "github"), connected("member1", "github")
    denied(_revoke_all(one, two))
    resumed = EventRow.objects.filter(action="connection.resumed")
    assert resumed.count() == 2
    for account in (one, two):
        assert fresh(account).state == _in_the_log(account) == State.CONNECTED


def expired(asked: Performed) -> None:
    assert asked.approval is not None
    with transaction.atomic():
        approval = locks.locked(asked.approval.pk)
        assert approval.current is not None
        deny_expire_cancel.expire(approval, approval.current, source="test", now=clock.now())


@pytest.mark.parametrize("end", [denied, withdrawn, expired])
@pytest.mark.parametrize("several", [False, True])
def test_a_request_about_an_account_that_is_gone_ends_and_releases_the_others(
    end: End, several: bool
) -> None:
    know("admin", "admin2", "member1", "member2")
    in_force(rule("all", escalate=False, on_expiry="release"))
    gone, other = connected("member1", "github", "repo"), connected("member2", "github", "repo")
    asked = _revoke_all(gone, other) if several else decide("admin", "revoke", gone)
    assert asked.approval is not None
    ConnectedAccount.objects.filter(pk=gone.pk).delete()
    end(asked)
    asked.approval.refresh_from_db()
    assert asked.approval.status == Status.CLOSED and not asked.approval.held
    assert fresh(other).state == State.CONNECTED
    resumed = EventRow.objects.filter(action="connection.resumed")
    assert [load(row.event)["target"]["name"] for row in resumed] == [str(other.pk)] * several
