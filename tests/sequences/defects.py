"""Defects that were found, each as a context in which the product has it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import ModuleType
from typing import Any

from django.db.models import Case, F, When

from approvals import clock, registry
from approvals.models import Effect, EffectState
from audit.recording.actors import Actor, Target
from connections.application_grants import consent_and_token_sync
from connections.idle_access import change_setting_and_wake_account as limits
from connections.lifecycle import connect_revoke_suspend_resume, restriction_stack, suspend_and_hold
from connections.models import AccessState, AppAccess, ConnectedAccount, Freeze, JustInTime, State
from connections.sync import update_accounts
from enforcement.decisions import (
    hold_and_block_owners,
    no_change,
    restrictions_of_wider_scope,
    stored_decisions_and_holds,
)
from enforcement.models import Asset, Decision

_brings_back_from_others = hold_and_block_owners.brings_back_from_others


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
    def still_there(row: AppAccess, listed: consent_and_token_sync.Listed, as_of: datetime) -> None:
        if row.state == AccessState.GONE:
            row.state, row.state_since, row.operation = AccessState.LIVE, as_of, ""
        row.scopes, row.seen_at = list(listed.scopes), as_of
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
    return _set(hold_and_block_owners, "replaced", lambda _actor, _target: [])


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


def who_takes_out_of_use_too_brings_back_alone() -> Any:
    def brings_back_from_others(actor: Actor, target: Target) -> bool:
        own = Effect.objects.filter(target_name=target.name, actor__sub=actor.sub)
        restricts = own.filter(payload__act__in=["disable", "quarantine"])
        return _brings_back_from_others(actor, target) and not restricts.exists()

    return _set(registry.get("skill.restore"), "about_others", brings_back_from_others)


def what_ends_it_counts_before_it_is_carried_out() -> Any:
    return _set(hold_and_block_owners, "_carried_out", lambda _act: F("updated"))


def a_step_that_was_given_up_never_counts() -> Any:
    done = Case(When(state=EffectState.DONE, then=F("updated")))
    return _set(hold_and_block_owners, "_carried_out", lambda _act: done)


def operators_unblock_alone_what_another_disabled() -> Any:
    return _set(hold_and_block_owners, "brings_back_from_others", lambda _actor, _target: False)


def what_is_on_hold_is_brought_back() -> Any:
    return _set(restrictions_of_wider_scope, "check_unrestricted", lambda _target: None)


DEFECTS = {
    undo_returns_to_connected: 15,
    resuming_begins_the_idle_clock: 108,
    a_hold_passes_over_what_is_suspended: 7,
    connecting_again_lets_in: 6,
    an_arriving_account_takes_over_the_newest_restricted_account_alone: 14,
    an_approval_lets_in_past_what_it_does_not_end: 477,
    an_own_revocation_closes_other_requests: 17,
    a_comparison_saves_the_whole_row: 17,
    what_came_back_counts_as_revoked: 79,
    admins_resume_their_own_account_alone: 4,
    a_reading_of_applications_saves_the_whole_row: 5,
    admins_unfreeze_alone_what_another_froze: 30,
    a_person_unfreezes_themselves: 9,
    a_second_freeze_is_needless: 59,
    a_second_suspension_is_refused: 14,
    a_second_hold_is_needless: 18,
    a_second_block_is_needless: 90,
    operators_release_alone_what_another_held: 2,
    operators_unblock_alone_what_another_blocked: 19,
    a_block_forgets_whose_holds_it_ended: 90,
    one_gateway_is_excepted_from_a_hold_for_all: 8,
    a_hold_that_ended_hides_a_block_for_all: 82,
    admins_relax_alone_what_another_limited: 62,
    a_limit_is_of_who_set_it_last: 62,
    who_takes_out_of_use_too_brings_back_alone: 51,
    what_ends_it_counts_before_it_is_carried_out: 7,
    a_step_that_was_given_up_never_counts: 216,
    operators_unblock_alone_what_another_disabled: 101,
    what_is_on_hold_is_brought_back: 1,
}
"""Each with the number of the first sequence that finds it; that one is tried first."""
