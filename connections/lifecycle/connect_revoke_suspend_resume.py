"""The decisions about connections: connect, revoke, suspend, resume.

Own connections are their owner's: one click. On another person's an admin suspends at once; the
revocation and the resumption of it wait for another admin (DESIGN 1.3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import Q
from pydantic import BaseModel, ConfigDict

from approvals import clock, registry
from approvals.errors import NothingToDo, Refused
from approvals.registry import CommitContext, Committed, EffectSpec, Part, Stance, Verb
from audit.recording.actors import Actor, Target
from connections import account_names, permissions
from connections.consent import new_account
from connections.lifecycle import approver_sentences, restriction_stack, suspend_and_hold
from connections.models import NOT_HELD, ConnectedAccount, State
from connections.notifications import notices_on_owner_pages
from connections.revocation import deletion_step
from connections.scopes import catalogue

UNDO_S = 10  # an undo window delays only the deletion at Auth0 (DESIGN 1.5)
_ADMIN = frozenset({"admin"})
_KIND = frozenset({"connection"})
GONE = frozenset({State.REVOCATION_PENDING, *NOT_HELD})
_REVOKED = frozenset({State.REVOCATION_PENDING, State.REVOKED})


class RevokeParams(BaseModel):
    """`end_sessions` also ends all the owner's sessions and refresh tokens at Auth0."""

    model_config = ConfigDict(extra="forbid")

    end_sessions: bool = False


class ConnectParams(BaseModel):
    """Names the sealed answer of Auth0 that the commit opens: nobody can declare an account."""

    model_config = ConfigDict(extra="forbid")

    flow: str


def account_of(target: Target) -> ConnectedAccount:
    """The account that a target names.

    Raises:
        Refused: `unknown_connection`.
    """
    found = permissions.by_id(target.name)
    if found is None:
        raise Refused("unknown_connection", "There is no such connection.", pointer="/target/name")
    return found


def _locked(target: Target) -> ConnectedAccount:
    return ConnectedAccount.objects.select_for_update().get(pk=account_of(target).pk)


def lock_connections(accounts: Iterable[ConnectedAccount]) -> None:
    """Lock every account of these people at these connections in one order, as one that arrives
    does, before any of them is locked alone."""
    wanted = Q(pk__in=())
    for iss, sub, connection in {(one.iss, one.sub, one.connection) for one in accounts}:
        wanted |= Q(iss=iss, sub=sub, connection=connection)
    rows = ConnectedAccount.objects.filter(wanted).select_for_update().order_by("pk")
    list(rows.values_list("pk", flat=True))


def _about_others(actor: Actor, target: Target) -> bool:
    return not permissions.owns(actor, target)


def may_resume(actor: Actor, account: ConnectedAccount) -> bool:
    """An owner takes back what they did themselves, never what others did to protect them.

    What others restricted before lies under it and stays.
    """
    if not permissions.is_owner(actor, account) or account.state_by != actor.sub:
        return False
    if restriction_stack.waits(account):
        return False
    return account.state == State.SUSPENDED or can_undo(account)


def _may_resume(actor: Actor, target: Target) -> bool:
    account = permissions.by_id(target.name)
    return account is not None and may_resume(actor, account)


def can_undo(account: ConnectedAccount) -> bool:
    """Whether the deletion at Auth0 has not begun, so that a revocation can be taken back."""
    return (
        account.state == State.REVOCATION_PENDING
        and account.delete_after is not None
        and clock.now() < account.delete_after
    )


def _look(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the actor of a revocation was shown. A suspension is left out, since the request itself
    places one; and so is what its owner may take back, which must not close somebody's request."""
    account = account_of(target)
    over = account.state in _REVOKED and not _is_owners_revocation(account)
    return {"account": account.auth0_id, "owner": account.sub, "gone": over}


def _look_at_restrictions(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the actor of a resumption was shown: every restriction that it would end."""
    account = account_of(target)
    placed = [one.as_json() for one in restriction_stack.layers(account)]
    return {"account": account.auth0_id, "owner": account.sub, "restrictions": placed}


def _is_owners_revocation(account: ConnectedAccount) -> bool:
    return account.state == State.REVOCATION_PENDING and account.state_by == account.sub


def _severity(target: Target, _params: Mapping[str, Any]) -> str:
    account = account_of(target)
    return "HIGH" if catalogue.any_risky(account.connection, account.scopes) else "MEDIUM"


def _says(verb: str) -> Any:
    def sentence(target: Target, params: Mapping[str, Any]) -> str:
        account = account_of(target)
        more = " and end all their sessions" if params.get("end_sessions") else ""
        return f"{verb} {account_names.to_approve(account)}{more}"

    return sentence


def _committed(
    account: ConnectedAccount,
    *,
    effects: tuple[EffectSpec, ...] = (),
    data: Mapping[str, Any] | None = None,
) -> Committed:
    return Committed(
        effects=effects,
        connection=account.connection,
        data={**account_names.facts_of(account), **(data or {})},
        private=account_names.private_of(account),
    )


def part(
    verb: str,
    account: ConnectedAccount,
    *,
    effects: Sequence[EffectSpec] = (),
    data: Mapping[str, Any] | None = None,
) -> Part:
    """One account of a decision that is about several, with the state that it has now."""
    return Part(
        verb=verb,
        target=Target("connection", str(account.id)),
        effects=effects,
        data={**account_names.facts_of(account), **(data or {})},
        private=account_names.private_of(account),
        connection=account.connection,
    )


def _validate_revocation(actor: Actor, target: Target, _params: Mapping[str, Any]) -> None:
    """Also where a request waits: nobody is pointed to it about what is over."""
    account = account_of(target)
    if is_revoked_for(actor, account):
        raise NothingToDo(_revoked_since(account))


def _revoke(ctx: CommitContext) -> Committed:
    account = _open(ctx)
    own = begin_revocation(account, ctx)
    end = bool(ctx.params.get("end_sessions"))
    steps = remote_steps(account, ctx, end=end, what="the connected account", whose="the owner")
    return _committed(account, effects=steps, data={"own": own})


def _open(ctx: CommitContext) -> ConnectedAccount:
    """One that the actor can still revoke; nobody's phone is asked about another."""
    account = _locked(ctx.target)
    if is_revoked_for(ctx.actor, account):
        raise NothingToDo(_revoked_since(account))
    return account


def is_revoked_for(actor: Actor, account: ConnectedAccount) -> bool:
    """Whether nothing is left for this person to revoke: what an owner revoked and can take back
    is revoked for good by somebody else, and what is gone at Auth0 may come back."""
    if permissions.is_owner(actor, account):
        return account.state in GONE
    return account.state in _REVOKED and not _is_owners_revocation(account)


def _revoked_since(account: ConnectedAccount) -> str:
    by = account_names.person_name(account.iss, account.state_by)
    since = f" since {account.state_since:%-d %b %Y %H:%M} UTC" if account.state_since else ""
    who = account_names.to_approve(account)
    if account.state == State.GONE:
        return f"Auth0 no longer holds {who}{since}."
    return f"{who} is already revoked{f' by {by}' if by else ''}{since}."


def begin_revocation(account: ConnectedAccount, ctx: CommitContext) -> bool:
    """Refuse an account for good from now on; True when it is the actor's own.

    Their own can be taken back for a moment; an owner who is somebody else is notified.
    """
    own = permissions.is_owner(ctx.actor, account)
    reason, by = ctx.reason, ctx.actor.sub
    if account.state == State.REVOCATION_PENDING:
        restriction_stack.replace(account, State.REVOCATION_PENDING, reason=reason, by=by)
        deletion_step.forget(account)
    else:
        if account.state == State.GONE:
            restriction_stack.lift(account)
        restriction_stack.lay(account, State.REVOCATION_PENDING, reason=reason, by=by)
    account.operation = ctx.operation
    account.delete_after = clock.now() + timedelta(seconds=UNDO_S if own else 0)
    account.deletion_detail = ""
    restriction_stack.keep(account)
    if not own:
        notices_on_owner_pages.tell_owners([account], "revoked", ctx.actor, ctx.reason)
    return own


def remote_steps(
    account: ConnectedAccount, ctx: CommitContext, *, end: bool, what: str, whose: str
) -> tuple[EffectSpec, ...]:
    """The deletion at Auth0 and, where wanted, the end of the owner's sessions; labels name `what`
    and `whose`."""
    payload = {
        "account": str(account.id),
        "connection": account.connection,
        "operation": ctx.operation,
    }
    steps = [EffectSpec(deletion_step.DELETE, payload, label=f"Delete {what} at Auth0")]
    if end:
        label = f"End all sessions and refresh tokens of {whose}"[:200]
        steps.append(EffectSpec(deletion_step.END_ACCESS, payload, label=label))
    return tuple(steps)


def _suspend(ctx: CommitContext) -> Committed:
    account = _locked(ctx.target)
    if not may_be_suspended(ctx.actor, account):
        raise Refused("not_connected", f"This connection is {account.get_state_display()}.")
    suspend_and_hold.suspend_now(account, ctx)
    return _committed(account)


def may_be_suspended(actor: Actor, account: ConnectedAccount) -> bool:
    """Whether a suspension by this person restricts an account: one that works, that only others
    or a request suspended, or, where it is another person's, one that is gone at Auth0 or about to
    be revoked and may come back."""
    if account.state in {State.CONNECTED, State.NEEDS_RECONNECT}:
        return True
    placed = [one for one in restriction_stack.layers(account) if one.state == State.SUSPENDED]
    if any(one.by == actor.sub and not one.held_by for one in placed):
        return False
    if permissions.is_owner(actor, account):
        return account.state == State.SUSPENDED
    return account.state in {State.SUSPENDED, State.GONE} or can_undo(account)


def _resume(ctx: CommitContext) -> Committed:
    lock_connections([account_of(ctx.target)])
    account = _locked(ctx.target)
    if account.state != State.SUSPENDED and not can_undo(account):
        raise Refused(
            "not_suspended",
            f"This connection is {account.get_state_display()}: there is nothing to resume.",
        )
    if restriction_stack.waits(account):
        raise Refused(
            "held_by_request",
            "A request about this connection is not answered yet. Answer or withdraw it first.",
        )
    restriction_stack.check(ctx, account.state_by)
    undoes = account.operation if account.state == State.REVOCATION_PENDING else ""
    before = restriction_stack.of_others(account)
    if undoes:
        deletion_step.forget(account)
        restriction_stack.lift(account)
    else:
        restriction_stack.lift_suspensions(account, of=None if ctx.approval else ctx.actor.sub)
    restriction_stack.keep(account)
    if ctx.approval:
        stays = restriction_stack.of_others(account)
        restriction_stack.let_in_again(account, [one for one in before if one not in stays])
    if not permissions.is_owner(ctx.actor, account):
        notices_on_owner_pages.tell_owners([account], "resumed", ctx.actor, ctx.reason)
    return _committed(account, data={"undoes": undoes} if undoes else {})


def _hold(ctx: CommitContext) -> Committed:
    """While the approval of a revocation waits, the broker refuses, and its owner takes nothing
    back."""
    account = _open(ctx)
    suspend_and_hold.hold_now(account, ctx)
    return _committed(account, data={"while": "revocation is being approved"})


def _release(ctx: CommitContext) -> Committed | None:
    """Undo exactly what `_hold` did: a suspension by another hand stays. None where its owner was
    erased meanwhile, and the account with them."""
    named = permissions.by_id(ctx.target.name)
    lock_connections([named] if named else [])
    account = ConnectedAccount.objects.filter(pk=named.pk).first() if named else None
    if account is None:
        return None
    others = [row for row in suspend_and_hold.release_holds([account], ctx) if row.pk != account.pk]
    parts = [part("connection.resume", row) for row in others]
    return replace(_committed(account), parts=parts)


registry.register(
    Verb(
        name="connection.connect",
        event="connection.connected",
        label="Connect",
        roles=frozenset(),
        stance=Stance.RECORD,
        target_kinds=_KIND,
        commit=new_account.commit,
        params=ConnectParams,
        owns=new_account.belongs_to,
        sentence=lambda _target, _params: "Connect an account",
    )
)
registry.register(
    Verb(
        name="connection.revoke",
        event="connection.revoked",
        label="Revoke",
        roles=_ADMIN,
        stance=Stance.FINAL,
        target_kinds=_KIND,
        commit=_revoke,
        params=RevokeParams,
        owns=permissions.owns,
        about_others=_about_others,
        needs_reason=_about_others,
        validate=_validate_revocation,
        hold=_hold,
        release=_release,
        look=_look,
        severity=_severity,
        sentence=_says("Revoke"),
        risk=approver_sentences.risk_of_revoking,
        account=approver_sentences.account,
        if_approved=approver_sentences.IF_REVOKED,
        if_denied="It is not revoked, and any other suspension of it stays.",
        if_expired="It stays suspended until someone decides.",
    )
)
registry.register(
    Verb(
        name="connection.suspend",
        event="connection.suspended",
        label="Suspend",
        roles=_ADMIN,
        stance=Stance.TIGHTEN,
        target_kinds=_KIND,
        commit=_suspend,
        owns=permissions.owns,
        severity=_severity,
        sentence=_says("Suspend"),
    )
)
registry.register(
    Verb(
        name="connection.resume",
        event="connection.resumed",
        label="Resume",
        roles=_ADMIN,
        stance=Stance.LOOSEN,
        target_kinds=_KIND,
        commit=_resume,
        owns=_may_resume,
        # Also on one's own account: what somebody else restricted needs somebody else.
        about_others=lambda actor, target: not _may_resume(actor, target),
        severity=_severity,
        look=_look_at_restrictions,
        sentence=_says("Resume"),
        risk=approver_sentences.risk_of_letting_in,
        account=approver_sentences.account,
        if_approved="Agents get its tokens again.",
        if_denied="It stays suspended.",
        if_expired="It stays suspended.",
    )
)
