"""Random decisions by an owner, admins, operators, comparisons and the broker, in sequence.

They are about accounts, consents to applications, freezes, limits of a connection, and holds and
blocks of a component at every gateway or at one.

`SEQUENCES` is how many (20), `SEQUENCES_SEED` where they begin; what differs is named with its seed
and its steps. `make sequences` runs 500 on each engine, and `.ci/run` so with every run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest
from django.db import connection, transaction

from approvals import auth0_clients, clock, registry
from audit.recording.actors import Target
from connections.application_grants import consent_and_token_sync
from connections.idle_access import change_setting_and_wake_account as limits
from connections.lifecycle import connect_revoke_suspend_resume, restriction_stack, suspend_and_hold
from connections.models import (
    AccessState,
    AppAccess,
    ConnectedAccount,
    Freeze,
    JustInTime,
    State,
)
from connections.sync import update_accounts
from enforcement.decisions import hold_and_block_owners as component_restrictions
from enforcement.decisions import (
    no_change,
    restrictions_of_wider_scope,
    stored_decisions_and_holds,
)
from enforcement.gateways import instances
from enforcement.models import Asset, Decision
from tests.sequences.stopping import FLEET
from tests.sequences.world import World, people

NUMBER = int(os.environ.get("SEQUENCES", "20"))
SEED = int(os.environ.get("SEQUENCES_SEED", "1"))
STEPS = 25
TOGETHER = 20
"""So many share a transaction: in SQLite each savepoint rolled back makes the next one slower."""
ALL = 500
"""From so many on, every pair has to have come up."""
FREEZABLE = ("agent", "person", "service", "everything")
FREEZES = {
    *((by, what) for by in ("first", "second") for what in FREEZABLE),
    ("owner", "person"),
}
WHO = ("owner", "first", "second", "operator")
BOTH = (("first", "second"), ("second", "first"))
PEERS = (("operator", "colleague"), ("colleague", "operator"))
PAIRS = {
    *((by, who, f"unfreeze {what}") for by, what in FREEZES for who in WHO),
    *(("approval", by, f"unfreeze {what}") for by, what in FREEZES),
    *((by, "broker", f"use of {what}") for by, what in FREEZES),
    *((by, who, f"freeze {what}") for by, who in BOTH for what in FREEZABLE),
    *((by, who, "suspend") for by, who in BOTH),
    *((by, who, act) for by, who in BOTH for act in ("limit", "relax a limit")),
    *(
        (by, who, act)
        for by, who in PEERS
        for act in ("hold", "block", "release", "unblock", "allow")
    ),
    *(
        (by, who, f"{act} one under a hold of all")
        for by, who in PEERS
        for act in ("unblock", "allow")
    ),
    *((state, who, "revoke consent") for state in ("live", "revoking", "gone") for who in WHO),
    *((by, "sync", "consent back") for by in ("owner", "first", "second", "-")),
    *(
        (by, "sync", f"{when} comparison of a consent")
        for by in ("owner", "first", "second")
        for when in ("late", "timely")
    ),
    *((by, who, "resume") for by in ("owner", "first", "second") for who in ("owner", "operator")),
    *((by, who, "resume") for by in ("owner", "first", "second") for who in ("first", "second")),
    *((by, who, "undo") for by in ("owner", "first", "second") for who in ("owner", "first")),
    *((by, who, "connect") for by in ("first", "second") for who in ("owner", "sync")),
    *((by, "sync", "back") for by in ("first", "second", "-")),
    *(("approval", by, "resume") for by in ("owner", "first", "second")),
    *(
        (how, "owner", f"wake by {who}")
        for how in ("use", "setting")
        for who in ("owner", "broker")
    ),
}


class Tally:
    """What all sequences together came to."""

    def __init__(self) -> None:
        self.sequences = self.steps = self.committed = 0
        self.covered: set[tuple[str, str, str]] = set()

    def take(self, world: World) -> None:
        self.sequences += 1
        self.steps += world.steps
        self.committed += world.committed
        self.covered |= world.covered


def sequence(seed: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """One sequence, of which nothing stays; a difference tells how it came about."""
    before = transaction.savepoint_create()
    world = World(seed)
    monkeypatch.setattr(clock, "now", world.time.now)
    monkeypatch.setattr(auth0_clients, "management", lambda: world.applications.management)
    monkeypatch.setattr(instances, "fleet", lambda: FLEET)
    try:
        world.run(STEPS)
    except Exception as differs:
        said = "\n  ".join(world.told)
        raise AssertionError(f"seed {seed}: {differs!r} after\n  {said}") from differs
    finally:
        transaction.savepoint_rollback(before)
    return world


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    """The sum over all sequences; after the last one it has to be enough."""
    total, began = Tally(), time.monotonic()
    yield total
    took = time.monotonic() - began
    print(f"{total.sequences} sequences from seed {SEED}: {total.steps} steps, "
          f"{total.committed / total.steps:.0%} committed, {took:.1f} s")  # fmt: skip
    assert total.committed >= 0.3 * total.steps
    if total.sequences >= ALL:
        assert not PAIRS - total.covered, f"never came up: {sorted(PAIRS - total.covered)}"


@pytest.mark.parametrize("first", range(SEED, SEED + NUMBER, TOGETHER))
def test_no_sequence_of_decisions_relaxes_what_somebody_else_restricted(
    db: None, tally: Tally, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    people()
    for n in range(first, min(first + TOGETHER, SEED + NUMBER)):
        world = sequence(str(n), monkeypatch)
        tally.take(world)
        assert world.steps >= STEPS


# Each defect that was found is put back, and has to be found again


@contextmanager
def _set(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Another attribute of a module, or of a verb, which is frozen."""
    put = setattr if isinstance(owner, ModuleType) else object.__setattr__
    before = getattr(owner, name)
    put(owner, name, value)
    try:
        yield
    finally:
        put(owner, name, before)


def undo_returns_to_connected() -> Any:
    lift = restriction_stack.lift

    def lifted(account: ConnectedAccount) -> None:
        ends = account.state == State.REVOCATION_PENDING
        lift(account)
        if ends:
            account.turn(State.CONNECTED, account.state_since)
            account.earlier, account.held_by = [], ""

    return _set(restriction_stack, "lift", lifted)


def resuming_begins_the_idle_clock() -> Any:
    lift = restriction_stack.lift

    def lifted(account: ConnectedAccount) -> None:
        lift(account)
        account.state_since = clock.now()

    return _set(restriction_stack, "lift", lifted)


def a_hold_passes_over_what_is_suspended() -> Any:
    hold = suspend_and_hold.hold_now

    def held(account: ConnectedAccount, ctx: Any) -> None:
        if account.state != State.SUSPENDED:
            hold(account, ctx)

    return _set(suspend_and_hold, "hold_now", held)


def connecting_again_lets_in() -> Any:
    return _set(restriction_stack, "barring", lambda *_whose, **_more: [])


def an_arriving_account_takes_over_the_newest_restricted_account_alone() -> Any:
    def barring(iss: str, sub: str, connection: str) -> list[restriction_stack.Layer]:
        rows = restriction_stack._accounts(iss, sub, connection).filter(barred=True)
        newest = max(rows, key=lambda row: (row.state_since, row.pk), default=None)
        return restriction_stack.of_others(newest) if newest else []

    return _set(restriction_stack, "barring", barring)


def an_approval_lets_in_past_what_it_does_not_end() -> Any:
    def let_in_again(account: ConnectedAccount, _ended: list[restriction_stack.Layer]) -> None:
        ended = restriction_stack._accounts(account.iss, account.sub, account.connection)
        ended.filter(state__in=restriction_stack.ENDED).update(barred=False)

    return _set(restriction_stack, "let_in_again", let_in_again)


def an_own_revocation_closes_other_requests() -> Any:
    def look(target: Any, _params: Any) -> Any:
        account = connect_revoke_suspend_resume.account_of(target)
        return {
            "account": account.auth0_id,
            "gone": account.state in connect_revoke_suspend_resume.GONE,
        }

    return _set(registry.get("connection.revoke"), "look", look)


def a_comparison_saves_the_whole_row() -> Any:
    def still_there(row: ConnectedAccount, fact: update_accounts.Fact, *_rest: Any) -> bool:
        row.scopes, row.seen_at = list(fact.scopes), clock.now()
        row.save()
        return True

    return _set(update_accounts, "still_there", still_there)


def what_came_back_counts_as_revoked() -> Any:
    def came_back(held: ConnectedAccount) -> str:
        if held.state not in {State.GONE, State.REVOKED}:
            return ""
        held.turn(State.SUSPENDED, clock.now(), reason="Auth0 still holds it")
        return "came_back"

    return _set(update_accounts, "_came_back", came_back)


def admins_resume_their_own_account_alone() -> Any:
    verb = registry.get("connection.resume")
    return _set(verb, "about_others", connect_revoke_suspend_resume._about_others)


def a_reading_of_applications_saves_the_whole_row() -> Any:
    def still_there(row: AppAccess, told: consent_and_token_sync.Listed, as_of: datetime) -> None:
        if row.state == AccessState.GONE:
            row.state, row.state_since, row.operation = AccessState.LIVE, as_of, ""
        row.scopes, row.seen_at = list(told.scopes), as_of
        row.save()

    return _set(consent_and_token_sync, "_still_there", still_there)


def admins_unfreeze_alone_what_another_froze() -> Any:
    def is_of_others(_actor: Any, target: Target) -> bool:
        return target.kind == "person"

    return _set(registry.get("agent.unfreeze"), "about_others", is_of_others)


def a_person_unfreezes_themselves() -> Any:
    return _set(registry.get("person.unfreeze"), "owns", registry.get("person.freeze").owns)


def a_second_freeze_is_needless() -> Any:
    def already(_actor: Any, target: Target, *_rest: Any) -> str:
        return "frozen" if Freeze.objects.filter(kind=target.kind, name=target.name) else ""

    return _set(registry.get("agent.freeze"), "already", already)


def a_second_suspension_is_refused() -> Any:
    may = connect_revoke_suspend_resume.may_be_suspended

    def may_be_suspended(actor: Any, account: ConnectedAccount) -> bool:
        placed = [one for one in restriction_stack.layers(account) if one.state == State.SUSPENDED]
        by_another = any(one.by != account.sub and not one.held_by for one in placed)
        return may(actor, account) and not by_another

    return _set(connect_revoke_suspend_resume, "may_be_suspended", may_be_suspended)


def a_second_hold_is_needless() -> Any:
    def already(_actor: Any, target: Target, *_rest: Any) -> str:
        return (
            "held"
            if stored_decisions_and_holds.holders_of(target.kind, target.name, target.instance)
            else ""
        )

    return _set(registry.get("skill.hold"), "already", already)


def a_second_block_is_needless() -> Any:
    def already(_actor: Any, target: Target, *_rest: Any) -> str:
        return no_change._decided(target, Decision.BLOCK)

    return _set(registry.get("skill.block"), "already", already)


def operators_release_alone_what_another_held() -> Any:
    return _set(registry.get("skill.release"), "about_others", lambda _actor, _target: False)


def operators_unblock_alone_what_another_blocked() -> Any:
    return _set(registry.get("skill.unblock"), "about_others", lambda _actor, _target: False)


def a_block_forgets_whose_holds_it_ended() -> Any:
    return _set(component_restrictions, "replaced", lambda _actor, _target: [])


def one_gateway_is_excepted_from_a_hold_for_all() -> Any:
    return _set(restrictions_of_wider_scope, "check_all_gateways", lambda _target: None)


def a_hold_that_ended_hides_a_block_for_all() -> Any:
    def decisive(rows: dict[str, Asset], instance: str, scope: str) -> Asset | None:
        return rows.get(instance) or rows.get(scope)

    return _set(stored_decisions_and_holds, "decisive", decisive)


def admins_relax_alone_what_another_limited() -> Any:
    return _set(registry.get("connection.relax"), "about_others", lambda _actor, _target: False)


def a_limit_is_of_who_set_it_last() -> Any:
    def set_by(target: Target) -> list[str]:
        return list(
            JustInTime.objects.filter(name=target.name).values_list("changed_by", flat=True)
        )

    return _set(limits, "_set_by", set_by)


DEFECTS = {
    undo_returns_to_connected: 15,
    resuming_begins_the_idle_clock: 232,
    a_hold_passes_over_what_is_suspended: 7,
    connecting_again_lets_in: 8,
    an_arriving_account_takes_over_the_newest_restricted_account_alone: 68,
    an_approval_lets_in_past_what_it_does_not_end: 182,
    an_own_revocation_closes_other_requests: 9,
    a_comparison_saves_the_whole_row: 43,
    what_came_back_counts_as_revoked: 79,
    admins_resume_their_own_account_alone: 4,
    a_reading_of_applications_saves_the_whole_row: 5,
    admins_unfreeze_alone_what_another_froze: 11,
    a_person_unfreezes_themselves: 24,
    a_second_freeze_is_needless: 40,
    a_second_suspension_is_refused: 2,
    a_second_hold_is_needless: 18,
    a_second_block_is_needless: 180,
    operators_release_alone_what_another_held: 17,
    operators_unblock_alone_what_another_blocked: 16,
    a_block_forgets_whose_holds_it_ended: 40,
    one_gateway_is_excepted_from_a_hold_for_all: 15,
    a_hold_that_ended_hides_a_block_for_all: 143,
    admins_relax_alone_what_another_limited: 62,
    a_limit_is_of_who_set_it_last: 62,
}
"""Each with the number of the first sequence that finds it; that one is tried first."""


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_can_be_put_back(defect: Callable[[], Any]) -> None:
    with defect():
        pass


@pytest.mark.longer
@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_that_was_found_would_be_found_again(
    db: None, monkeypatch: pytest.MonkeyPatch, defect: Callable[[], Any]
) -> None:
    people()
    with defect():
        for n in (DEFECTS[defect], *range(SEED, SEED + 500)):
            try:
                sequence(str(n), monkeypatch)
            except AssertionError:
                print(f"{connection.vendor}: sequence {n} finds {defect.__name__}")
                return
    pytest.fail("not found within 500 sequences")
