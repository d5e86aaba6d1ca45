"""Every restriction of somebody else bars an account that arrives, and each ends alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from approvals import cancel_resend_confirm_denial, clock
from approvals.models import Outcome
from approvals.pipeline.service import perform
from connections.lifecycle import bulk_decisions as several
from connections.lifecycle import restriction_stack
from connections.models import ConnectedAccount, State
from connections.sync import update_accounts
from tests.connections.campaign import connected
from tests.connections.decided import approve, decide, deny, fresh, person
from tests.connections.test_what_others_restricted import arrives, hand
from tests.connections.visitor import know, subject


@pytest.fixture
def first(_own_ground: None) -> ConnectedAccount:
    """An account that an admin suspended and its owner removed at Auth0."""
    know("admin", "admin2", "member1")
    account = connected("member1", "github", "read:user")
    decide("admin", "suspend", account, reason="incident 12")
    assert update_accounts.vanished(fresh(account), "deleted by its owner")
    return account


@pytest.fixture
def second(first: ConnectedAccount) -> ConnectedAccount:
    """Another account of the same person and connection."""
    return connected("member1", "github", "read:user")


def asks(account: ConnectedAccount, *, bulk: bool) -> Any:
    """Another admin asks to revoke it, which holds it."""
    if not bulk:
        return decide("admin2", "revoke", account)
    ids = [str(account.pk)]
    target = several.target_of(ids)
    return perform(person("admin2"), several.REVOKE, target, params={"accounts": ids}, reason="x")


def appears() -> ConnectedAccount:
    fact = update_accounts.Fact("cac_elsewhere", "github", ("repo",), clock.now(), None)
    return update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")


@pytest.mark.parametrize("end", ["withdrawn", "denied"])
@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("how", ["connected", "same account", "appeared"])
def test_a_request_about_another_account_that_ends_opens_no_suspension(
    second: ConnectedAccount, how: str, bulk: bool, end: str
) -> None:
    asked = asks(second, bulk=bulk)
    if how == "appeared":
        third = appears()
    else:
        third = arrives("cac_new" if how == "connected" else second.auth0_id)
    if end == "withdrawn":
        cancel_resend_confirm_denial.cancel(person("admin2"), str(asked.approval.pk))
    else:
        deny(asked, "admin")
    assert hand(third) == (State.SUSPENDED, subject("admin"), "incident 12")


def test_a_newer_suspension_of_another_account_hides_no_older_one(second: ConnectedAccount) -> None:
    decide("admin2", "suspend", second, reason="other")
    third = arrives("cac_new")
    placed = [(one.by, one.reason) for one in restriction_stack.of_others(third)]
    assert placed == [(subject("admin"), "incident 12"), (subject("admin2"), "other")]


def test_however_often_it_is_connected_again_each_restriction_lies_on_it_once(
    second: ConnectedAccount,
) -> None:
    asked = decide("admin", "revoke", second, reason="laptop lost")
    for n in range(4):
        newest = arrives(f"cac_{n}")
        assert len(restriction_stack.of_others(newest)) == 2, n
    deny(asked, "admin2")
    assert hand(newest) == (State.SUSPENDED, subject("admin"), "incident 12")
    assert len(restriction_stack.of_others(fresh(newest))) == 1


def test_an_approval_lets_in_only_past_the_restrictions_that_it_ends(
    second: ConnectedAccount, first: ConnectedAccount
) -> None:
    decide("admin", "suspend", second, reason="other")
    assert approve(decide("admin", "resume", second), "admin2").outcome == Outcome.APPROVED
    assert (fresh(second).state, fresh(first).barred) == (State.CONNECTED, True)
    third = arrives("cac_new")
    assert hand(third) == (State.SUSPENDED, subject("admin"), "incident 12")
    assert approve(decide("admin", "resume", third), "admin2").outcome == Outcome.APPROVED
    assert (fresh(third).state, fresh(first).barred) == (State.CONNECTED, False)
    assert fresh(arrives("cac_fourth")).state == State.CONNECTED


def test_an_approved_undo_of_an_owners_revocation_lets_in_past_nothing_else(
    second: ConnectedAccount, first: ConnectedAccount
) -> None:
    decide("member1", "revoke", second)
    assert approve(decide("admin", "resume", second), "admin2").outcome == Outcome.APPROVED
    assert (fresh(second).state, fresh(first).barred) == (State.CONNECTED, True)


def test_who_is_let_in_past_a_revocation_stays_so_when_auth0_has_deleted_it(
    second: ConnectedAccount, first: ConnectedAccount
) -> None:
    approve(decide("admin2", "revoke", second, reason="laptop lost"), "admin")
    third = arrives("cac_new")
    assert update_accounts.vanished(fresh(second), "deleted")
    assert fresh(second).state == State.REVOKED
    assert approve(decide("admin", "resume", third), "admin2").outcome == Outcome.APPROVED
    assert (fresh(first).barred, fresh(second).barred) == (False, False)
    assert fresh(arrives("cac_fourth")).state == State.CONNECTED


def suspended_for_one_reason(*accounts: ConnectedAccount) -> None:
    ids = [str(one.pk) for one in accounts]
    target = several.target_of(ids)
    perform(person("admin"), several.SUSPEND, target, params={"accounts": ids}, reason="leak")


def test_an_approval_lets_in_no_other_account_that_was_suspended_for_the_same_reason(
    second: ConnectedAccount, first: ConnectedAccount
) -> None:
    third = connected("member1", "github", "repo")
    suspended_for_one_reason(second, third)
    assert update_accounts.vanished(fresh(third), "deleted by its owner")
    assert approve(decide("admin", "resume", second), "admin2").outcome == Outcome.APPROVED
    assert fresh(third).barred
    assert hand(arrives("cac_new")) == (State.SUSPENDED, subject("admin"), "leak")


def test_what_came_under_each_of_several_suspensions_is_let_in_past_all_of_them(
    second: ConnectedAccount,
) -> None:
    third = connected("member1", "github", "repo")
    suspended_for_one_reason(second, third)
    for one in (second, third):
        assert update_accounts.vanished(fresh(one), "deleted by its owner")
    for n in range(3):
        newest = arrives(f"cac_{n}")
        assert len(restriction_stack.of_others(newest)) == 3, n
        assert update_accounts.vanished(fresh(newest), "deleted by its owner")
    newest = arrives("cac_last")
    assert approve(decide("admin", "resume", newest), "admin2").outcome == Outcome.APPROVED
    assert not any(row.barred for row in ConnectedAccount.objects.all())
    assert fresh(arrives("cac_after")).state == State.CONNECTED


def test_a_restriction_from_before_ids_is_relaxed_as_it_was(first: ConnectedAccount) -> None:
    row = fresh(first)
    earlier = [{k: v for k, v in one.items() if k != "id"} for one in row.earlier]
    ConnectedAccount.objects.filter(pk=row.pk).update(earlier=earlier, restriction="")
    newest = arrives("cac_new")
    assert hand(newest) == (State.SUSPENDED, subject("admin"), "incident 12")
    assert approve(decide("admin", "resume", newest), "admin2").outcome == Outcome.APPROVED
    assert (fresh(newest).state, fresh(first).barred) == (State.CONNECTED, False)
