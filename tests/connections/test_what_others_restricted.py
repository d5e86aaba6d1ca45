"""What somebody else restricted, only they or an approval relaxes, by whatever way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from approvals import clock, registry
from approvals.errors import Refused
from approvals.models import Approval, Outcome, Status
from approvals.pipeline.service import perform
from approvals.registry import CommitContext
from audit.clock import uuid7
from audit.recording.actors import Target
from auth0_client.my_account import ConnectedAccount as Told
from connections import permissions
from connections.broker.errors import TokenRefusal
from connections.consent import new_account
from connections.idle_access import access_gate
from connections.lifecycle import bulk_decisions as several
from connections.models import ConnectedAccount, Notice, State
from connections.status import member_overview, state_filters
from connections.status.account_status import Code
from connections.sync import update_accounts
from tests.accounts.trail import events
from tests.connections.campaign import connected
from tests.connections.conftest import Travel
from tests.connections.decided import approve, decide, deny, fresh, person, refusal
from tests.connections.visitor import know, subject


@pytest.fixture
def mias(_own_ground: None) -> ConnectedAccount:
    know("admin", "admin2", "member1", "operator")
    return connected("member1", "github", "read:user")


def arrives(auth0_id: str, who: str = "member1", connection: str = "github") -> ConnectedAccount:
    """The end of a connect flow: Auth0 told of an account, and its owner records it."""
    pk, now = str(uuid7()), clock.now()
    told = Told(auth0_id, connection, "offline", ("read:user",), now, None, None)
    new_account.seal(person(who), pk, told, "mine")
    perform(person(who), "connection.connect", Target("connection", pk), params={"flow": pk})
    return permissions.mine(person(who)).get(connection=connection, auth0_id=auth0_id)


def hand(account: ConnectedAccount) -> tuple[str, str, str]:
    """State, by whose hand and why."""
    row = fresh(account)
    return row.state, row.state_by, row.state_reason


# Undo of a revocation


def test_an_owner_cannot_undo_an_admins_suspension(mias: ConnectedAccount) -> None:
    decide("admin", "suspend", mias, reason="odd use")
    assert refusal("member1", "resume", mias) == "not_permitted"
    decide("member1", "revoke", mias)
    decide("member1", "resume", mias)
    assert hand(mias) == (State.SUSPENDED, subject("admin"), "odd use")
    assert refusal("member1", "resume", mias) == "not_permitted"


def test_an_undone_revocation_returns_to_the_very_state_before(mias: ConnectedAccount) -> None:
    decide("member1", "suspend", mias, reason="on holiday")
    before = fresh(mias)
    decide("member1", "revoke", mias)
    decide("member1", "resume", mias)
    assert (fresh(mias).state_since, hand(mias)) == (before.state_since, hand(before))


def test_an_own_revocation_leaves_somebody_elses_request_waiting(mias: ConnectedAccount) -> None:
    asked = decide("admin", "revoke", mias, reason="laptop lost")
    decide("member1", "revoke", mias)
    assert Approval.objects.get().status == Status.PENDING
    assert refusal("member1", "resume", mias) == ""
    assert hand(mias)[:2] == (State.SUSPENDED, subject("admin"))
    assert refusal("member1", "resume", mias) == "not_permitted"
    assert approve(asked, "admin2").outcome == Outcome.APPROVED
    assert hand(mias)[:2] == (State.REVOCATION_PENDING, subject("admin"))


def test_an_approved_revocation_takes_over_the_owners_own(mias: ConnectedAccount) -> None:
    asked = decide("admin", "revoke", mias)
    decide("member1", "revoke", mias)
    assert approve(asked, "admin2").outcome == Outcome.APPROVED
    assert refusal("member1", "resume", mias) == "not_permitted"
    assert hand(mias)[1] == subject("admin")


def test_a_request_to_revoke_holds_what_its_owner_is_revoking(mias: ConnectedAccount) -> None:
    decide("member1", "revoke", mias)
    first, second = decide("admin", "revoke", mias), decide("admin2", "revoke", mias)
    decide("member1", "resume", mias)
    assert hand(mias)[:2] == (State.SUSPENDED, subject("admin2"))
    deny(second, "admin")
    assert hand(mias)[:2] == (State.SUSPENDED, subject("admin"))
    assert refusal("member1", "resume", mias) == "not_permitted"
    deny(first, "admin2")
    assert fresh(mias).state == State.CONNECTED


# Suspensions and holds


def test_a_hold_takes_over_the_owners_suspension(mias: ConnectedAccount) -> None:
    decide("member1", "suspend", mias, reason="on holiday")
    asked = decide("admin", "revoke", mias)
    assert refusal("member1", "resume", mias) == "not_permitted"
    deny(asked, "admin2")
    assert hand(mias) == (State.SUSPENDED, subject("member1"), "on holiday")
    assert refusal("member1", "resume", mias) == ""
    assert fresh(mias).state == State.CONNECTED


def test_the_hold_of_a_selection_takes_over_too(mias: ConnectedAccount) -> None:
    decide("member1", "suspend", mias)
    ids = [str(mias.pk)]
    target = several.target_of(ids)
    asked = perform(person("admin"), several.REVOKE, target, params={"accounts": ids}, reason="x")
    assert refusal("member1", "resume", mias) == "not_permitted"
    deny(asked, "admin2")
    assert refusal("member1", "resume", mias) == ""


def test_an_admin_suspends_what_its_owner_suspended(mias: ConnectedAccount) -> None:
    decide("member1", "suspend", mias, reason="on holiday")
    decide("admin", "suspend", mias, reason="odd use")
    assert refusal("member1", "resume", mias) == "not_permitted"
    resumed = approve(decide("admin", "resume", mias), "admin2")
    assert (resumed.outcome, fresh(mias).state) == (Outcome.APPROVED, State.CONNECTED)


def test_nobody_resumes_what_a_request_holds(mias: ConnectedAccount) -> None:
    asked = decide("admin", "revoke", mias)
    resume = decide("admin2", "resume", mias)
    assert approve(resume, "admin").outcome_code == "held_by_request"
    deny(asked, "admin2")
    assert fresh(mias).state == State.CONNECTED


def test_an_admin_cannot_alone_resume_their_own_account(mias: ConnectedAccount) -> None:
    own = connected("admin2", "github", "read:user")
    decide("admin", "suspend", own, reason="odd use")
    asked = decide("admin2", "resume", own)
    assert asked.approval is not None and asked.approval.rule["approver"] == "another"
    assert fresh(own).state == State.SUSPENDED


def test_a_resumption_ends_only_the_restrictions_that_were_shown(mias: ConnectedAccount) -> None:
    decide("member1", "suspend", mias)
    asked = decide("admin", "resume", mias)
    decide("admin2", "suspend", mias, reason="odd use")
    assert Approval.objects.get().outcome_code == "overtaken"
    assert asked.approval is not None and hand(mias)[2] == "odd use"


def committed(verb: str, who: str, target: Target) -> str:
    """The code with which the commit itself refuses, whatever was judged before the lock."""
    context = CommitContext(person(who), target, {}, "", "LOW", str(uuid7()))
    with pytest.raises(Refused) as refused, transaction.atomic():
        registry.get(verb).commit(context)
    return refused.value.code


def test_each_commit_that_relaxes_judges_the_right_itself(mias: ConnectedAccount) -> None:
    idle(mias, wake="owner")
    target = Target("connection", str(mias.pk))
    assert committed("connection.wake", "member1", target) == "restricted_by_another"
    decide("admin", "suspend", mias)
    assert committed("connection.resume", "member1", target) == "restricted_by_another"
    perform(person("admin"), "connection.freeze", Target("service", "github"))
    frozen = Target("service", "github")
    assert committed("connection.unfreeze", "admin2", frozen) == "restricted_by_another"


# Gone at Auth0


def is_back(account: ConnectedAccount) -> ConnectedAccount:
    later = clock.now() + timedelta(seconds=1)
    fact = update_accounts.Fact(account.auth0_id, "github", ("read:user",), None, None)
    update_accounts.still_there(fresh(account), fact, later)
    return fresh(account)


def test_what_is_gone_can_be_suspended_and_comes_back_so(mias: ConnectedAccount) -> None:
    update_accounts.vanished(mias, "a wrong answer")
    assert refusal("member1", "suspend", mias) == "not_connected"
    decide("admin", "suspend", mias, reason="odd use")
    assert (fresh(mias).state, fresh(mias).barred) == (State.GONE, True)
    assert hand(is_back(mias)) == (State.SUSPENDED, subject("admin"), "odd use")


@pytest.mark.parametrize("bulk", [False, True])
def test_a_request_to_revoke_holds_what_is_gone(mias: ConnectedAccount, bulk: bool) -> None:
    update_accounts.vanished(mias, "a wrong answer")
    ids = [str(mias.pk)]
    if bulk:
        params = {"accounts": ids}
        target = several.target_of(ids)
        asked = perform(person("admin"), several.REVOKE, target, params=params, reason="x")
    else:
        asked = decide("admin", "revoke", mias)
    assert hand(is_back(mias))[:2] == (State.SUSPENDED, subject("admin"))
    assert approve(asked, "admin2").outcome == Outcome.APPROVED
    assert hand(mias)[:2] == (State.REVOCATION_PENDING, subject("admin"))


@pytest.mark.parametrize("who", ["admin", "member1", "member2"])
@pytest.mark.parametrize("before", ["", "vanished", "suspended", "revoked", "revoked by its owner"])
def test_a_page_offers_to_revoke_what_may_be_revoked(
    mias: ConnectedAccount, before: str, who: str
) -> None:
    if before == "vanished":
        update_accounts.vanished(mias, "a wrong answer")
    elif before == "suspended":
        decide("admin", "suspend", mias)
    elif before == "revoked":
        approve(decide("admin", "revoke", mias), "admin2")
    elif before:
        decide("member1", "revoke", mias)
    offered = member_overview.card(fresh(mias), person(who)).can_revoke
    assert offered == (refusal(who, "revoke", mias) == "")


# Connecting again


@pytest.mark.parametrize("deleted", [False, True])
def test_what_is_connected_again_arrives_as_others_left_it(
    mias: ConnectedAccount, deleted: bool
) -> None:
    decide("admin", "suspend", mias, reason="odd use")
    decide("member1", "revoke", mias)
    if deleted:
        ConnectedAccount.objects.filter(pk=mias.pk).update(state=State.REVOKED, delete_after=None)
    new = arrives("cac_again")
    assert hand(new) == (State.SUSPENDED, subject("admin"), "odd use")
    assert refusal("member1", "resume", new) == "not_permitted"
    assert approve(decide("admin", "resume", new), "admin2").outcome == Outcome.APPROVED
    assert fresh(new).state == State.CONNECTED
    if deleted:
        decide("member1", "revoke", new)
        assert fresh(arrives("cac_third")).state == State.CONNECTED, "an admin let them in again"


def test_the_same_account_connected_again_stays_suspended(mias: ConnectedAccount) -> None:
    decide("admin", "suspend", mias, reason="odd use")
    assert hand(arrives(mias.auth0_id)) == (State.SUSPENDED, subject("admin"), "odd use")


def test_after_an_admins_revocation_its_owner_is_not_let_in_at_once(mias: ConnectedAccount) -> None:
    approve(decide("admin", "revoke", mias, reason="laptop lost"), "admin2")
    assert hand(arrives("cac_again")) == (
        State.SUSPENDED,
        subject("admin"),
        "It was revoked. laptop lost",
    )
    assert hand(arrives(mias.auth0_id))[:2] == (State.REVOCATION_PENDING, subject("admin"))


def test_who_was_let_in_again_stays_let_in(mias: ConnectedAccount) -> None:
    """Seed 1319 of the random decisions: what is being revoked barred its owner."""
    approve(decide("admin", "revoke", mias), "admin2")
    approve(decide("admin", "resume", arrives("cac_again")), "admin2")
    arrives(mias.auth0_id)
    assert fresh(arrives("cac_third")).state == State.CONNECTED


def test_what_was_connected_elsewhere_arrives_as_others_left_it(mias: ConnectedAccount) -> None:
    decide("admin", "suspend", mias, reason="odd use")
    now = clock.now()
    fact = update_accounts.Fact("cac_elsewhere", "github", ("repo",), now, None)
    row = update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")
    assert hand(row) == (State.SUSPENDED, subject("admin"), "odd use")


def test_a_denied_request_lets_go_of_what_was_connected_meanwhile(mias: ConnectedAccount) -> None:
    asked = decide("admin", "revoke", mias)
    new = arrives("cac_second")
    assert fresh(new).state == State.SUSPENDED
    deny(asked, "admin2")
    assert (fresh(mias).state, fresh(new).state) == (State.CONNECTED, State.CONNECTED)


def test_a_denied_request_lets_go_of_what_was_revoked_meanwhile(mias: ConnectedAccount) -> None:
    """Seed 1215 of the random decisions: the hold lay under the owner's own revocation."""
    asked = decide("admin", "revoke", mias)
    new = arrives("cac_second")
    decide("member1", "revoke", new)
    deny(asked, "admin2")
    decide("member1", "resume", new)
    assert (fresh(mias).state, fresh(new).state) == (State.CONNECTED, State.CONNECTED)


def test_an_own_revocation_bars_nobody(mias: ConnectedAccount) -> None:
    decide("member1", "suspend", mias)
    decide("member1", "revoke", mias)
    assert fresh(arrives("cac_again")).state == State.CONNECTED


def test_other_connections_and_other_people_are_not_concerned(mias: ConnectedAccount) -> None:
    know("member2")
    decide("admin", "suspend", mias)
    assert fresh(arrives("cac_slack", connection="slack")).state == State.CONNECTED
    assert fresh(arrives("cac_milo", "member2")).state == State.CONNECTED


# Idle access


def idle(mias: ConnectedAccount, **setting: Any) -> None:
    before = clock.now() - timedelta(days=8)
    ConnectedAccount.objects.filter(pk=mias.pk).update(
        last_used_at=before, watched_since=before, state_since=before
    )
    target = Target("service", "github")
    perform(person("admin"), "connection.restrict", target, params={"idle_h": 168, **setting})
    assert state_filters.of(fresh(mias)).code == Code.ASLEEP


@pytest.mark.parametrize("way", ["suspend", "revoke"])
@pytest.mark.parametrize("wake", ["use", "owner"])
def test_idle_access_stays_idle_through_a_pause(
    mias: ConnectedAccount, way: str, wake: str
) -> None:
    idle(mias, wake=wake)
    decide("member1", way, mias)
    decide("member1", "resume", mias)
    assert state_filters.of(fresh(mias)).code == Code.ASLEEP
    if wake == "owner":
        with pytest.raises(TokenRefusal, match="Its owner is asked"):
            access_gate.wake(person("member1"), [fresh(mias)], "claw")


# What is said about it


def test_the_owner_reads_resumed_only_where_it_works_again(mias: ConnectedAccount) -> None:
    decide("member1", "suspend", mias)
    deny(decide("admin", "revoke", mias), "admin2")
    assert "resumed" not in set(Notice.objects.values_list("code", flat=True))
    decide("member1", "resume", mias)
    [*_, last] = events("connection.resumed")
    assert last["data"]["state"] == "connected"


def test_nobody_else_may_take_part(mias: ConnectedAccount, travel: Travel) -> None:
    for verb in ("suspend", "revoke", "resume"):
        assert refusal("operator", verb, mias) == "not_permitted"
    decide("member1", "revoke", mias)
    travel(11)
    assert refusal("member1", "resume", mias) == "not_permitted"
