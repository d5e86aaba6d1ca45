"""The token broker: one exchange at Auth0's vault, one event, nothing kept (DESIGN 1.5).

A token leaves only after its event is written; every refusal is an event too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connection, transaction

from approvals import clock
from audit.db.sqlite_writer_lock_file import in_turn
from audit.models import Event
from audit.recording.actors import Actor, Subject, Target
from audit.recording.record import record
from auth0_client.token_vault import VaultToken
from connections.broker import accounts_and_uses, exchange, scope_checks
from connections.broker.account_choice import ANY, Picked, Wanted, pick, refuse_unnamed
from connections.broker.component_checks import Component, Declared, check_decision, check_declared
from connections.broker.errors import TokenRefusal
from connections.idle_access import access_gate
from connections.idle_access.idle_and_hours_setting_types import OWNER, Setting
from connections.lifecycle import freezes, restriction_stack
from connections.models import NOT_HELD, ConnectedAccount, State
from connections.scope_escalation import refuse_or_ask
from connections.scope_escalation.refuse_or_ask import Unasked
from connections.scopes import catalogue
from http_client.lend_thread_while_waiting import Waiting


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of a gateway for its caller's token. Agent and skill are asserted by it."""

    actor: Actor
    subject_token: str = field(repr=False)
    client_id: str
    connection: str
    agent: str = ""
    skill: str = ""
    scopes: tuple[str, ...] = ()
    wanted: Wanted = ANY
    prompt: bool = True  # whether people may be asked, and what sleeps may be woken

    @property
    def component(self) -> Component | None:
        """The component that asks, if it names itself."""
        return Component.parse(self.skill)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A request that nothing here refuses, and what it goes by.

    Attributes:
        accounts: those that the exchange may use; empty where the inventory knows none.
        allowed: scopes beyond the manifest that people allowed and that are asked for.
    """

    picked: Picked | None
    accounts: tuple[ConnectedAccount, ...]
    allowed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Given:
    """What the gateway gets; the portal forgets it."""

    access_token: str = field(repr=False)
    token_type: str
    expires_in: int | None
    scope: tuple[str, ...]
    connection: str
    event_id: str


def token_for(ask: Ask, waiting: Waiting = nullcontext) -> Given:
    """The provider token of the caller's own connection; `waiting` surrounds the wait for Auth0.

    Raises:
        TokenRefusal: with the codes of DESIGN 2.5; recorded before it is raised.
    """
    picked: Picked | None = None
    try:
        setting, declared = _check_rules(ask)
        picked = _picked(ask)
        admitted = _admit(ask, picked, setting, declared)
        if not connection.in_atomic_block:
            close_old_connections()  # none of the pool is held while Auth0 is asked
        token, shared = exchange.exchange(
            ask.actor, ask.subject_token, ask.connection, picked, ask.wanted.login_hint, waiting
        )
        excess = scope_checks.check_given(ask, picked, declared, token, admitted.allowed)
        return _hand_out(ask, admitted, token, excess, shared=shared)
    except TokenRefusal as refusal:
        refusal.account = refusal.account or (picked.account if picked else None)
        _record_refusal(ask, refusal)
        raise


def _check_rules(ask: Ask) -> tuple[Setting, Declared]:
    """What is refused whichever account it is: nobody is asked, Auth0 neither."""
    _check_client(ask)
    freezes.check(ask.agent, ask.actor.sub, ask.connection)
    setting = access_gate.check_hours(ask.connection)
    declared = check_declared(ask.component, ask.connection, ask.scopes)
    check_decision(ask.component)
    return setting, declared


def _admit(ask: Ask, picked: Picked | None, setting: Setting, declared: Declared) -> _Admitted:
    """Refuse all that can be refused here before anybody's phone rings; then ask, or wake."""
    accounts = _usable(ask, picked)
    sleeping = access_gate.asleep(ask.connection, setting, accounts)
    allowed = scope_checks.check_asked(ask, picked, declared)
    if sleeping and not ask.prompt:
        title = catalogue.title(ask.connection)
        raise TokenRefusal.unprompted(f"{title} is paused.", sleeping[0])
    if sleeping and (not isinstance(allowed, Unasked) or setting.wake == OWNER):
        access_gate.wake(ask.actor, sleeping, ask.skill or ask.agent or "an agent")
    if isinstance(allowed, Unasked):
        raise refuse_or_ask.ask(allowed)
    return _Admitted(picked, tuple(accounts), allowed)


def _check_client(ask: Ask) -> None:
    if ask.client_id not in settings.ENV.broker_clients:
        raise TokenRefusal(
            403,
            "client_not_allowed",
            "This application may not ask for provider tokens. Add it to AUTH0_BROKER_CLIENTS.",
        )


def _usable(ask: Ask, picked: Picked | None) -> list[ConnectedAccount]:
    """The accounts that the exchange may use; where the vault chooses, all of them."""
    if picked is None or not picked.ambiguous:
        return [picked.account] if picked else []
    held = accounts_and_uses.accounts_of(ask.actor.iss, ask.actor.sub, ask.connection)
    return [account for account in held if account.state == State.CONNECTED]


def _picked(ask: Ask) -> Picked | None:
    """The account to use; None when the inventory cannot be completed and the vault decides."""
    whose = ask.actor.iss, ask.actor.sub
    accounts = accounts_and_uses.accounts_of(*whose, ask.connection)
    if not _any_held(accounts):
        if not accounts_and_uses.look_again(*whose):
            _check_unseen(ask)
            return None
        accounts = accounts_and_uses.accounts_of(*whose, ask.connection)
    if not _any_held(accounts):
        raise exchange.not_linked(ask.connection)
    return pick(accounts, ask.connection, ask.wanted)


def _any_held(accounts: Sequence[ConnectedAccount]) -> bool:
    return any(account.state not in NOT_HELD for account in accounts)


def _check_unseen(ask: Ask) -> None:
    """Nothing tells accounts apart now: what is named otherwise than Auth0 names it is not known,
    and what others restricted may be the one that the vault would use.

    Raises:
        TokenRefusal: `connection_suspended`, `account_ambiguous`.
    """
    if restriction_stack.barring(ask.actor.iss, ask.actor.sub, ask.connection):
        raise TokenRefusal(
            403,
            "connection_suspended",
            "An account of this connection is suspended or revoked, and Auth0 could not list your "
            "accounts, so none is used. Try again later, or ask an admin.",
        )
    if ask.wanted.account:
        raise TokenRefusal(
            409,
            "account_ambiguous",
            "Auth0 could not list your accounts, so nothing tells which one you mean. Name it by "
            "login_hint, the provider's own user id, or try again later.",
        )


def _hand_out(
    ask: Ask, admitted: _Admitted, token: VaultToken, excess: tuple[str, ...], *, shared: bool
) -> Given:
    """Count the use and record it, unless somebody refused it while Auth0 was asked.

    Args:
        excess: scopes of the token that its event names as excess.

    Raises:
        TokenRefusal: what refuses it now; nothing was written.
    """
    account = admitted.picked.account if admitted.picked else None
    now = clock.now()
    granted = tuple(sorted(token.scope))
    expires = now + timedelta(seconds=token.expires_in) if token.expires_in is not None else None
    data = {
        "thumbprint": token.thumbprint,
        "scopes": list(granted),
        "expires_in": token.expires_in,
        "expires_at": clock.stamp(expires) if expires else None,
        "excess_scopes": list(excess),
        "ambiguous_account": bool(admitted.picked and admitted.picked.ambiguous),
        "in_inventory": account is not None,
        "shared_exchange": shared,
    }
    with in_turn(), transaction.atomic():
        _check_again(ask, admitted, token, excess)
        if account is not None:
            accounts_and_uses.count(account, ask.agent, ask.skill, now, expires)
        event = _record(ask, "token.exchanged", "success", _target(account), data)
    return Given(
        access_token=token.access_token,
        token_type=token.token_type,
        expires_in=token.expires_in,
        scope=granted,
        connection=ask.connection,
        event_id=str(event.id),
    )


def _check_again(ask: Ask, admitted: _Admitted, token: VaultToken, excess: tuple[str, ...]) -> None:
    """What was allowed before Auth0 was asked is so now."""
    picked = admitted.picked
    if picked is None:  # no account that is counted shows what was restricted
        _check_unseen(ask)
    elif not picked.hint:
        _check_chosen(ask)
    setting, declared = _check_rules(ask)
    known = [account.pk for account in admitted.accounts]
    accounts = ConnectedAccount.objects.filter(pk__in=known) if known else ()
    access_gate.check_still_awake(ask.connection, setting, tuple(accounts))
    scope_checks.check_still(ask, picked, declared, token, excess)


def _check_chosen(ask: Ask) -> None:
    """The vault chose the account itself: it may be one that was restricted since.

    Raises:
        TokenRefusal: as `pick`; `connection_suspended` where one of them is restricted.
    """
    accounts = accounts_and_uses.accounts_of(ask.actor.iss, ask.actor.sub, ask.connection)
    if _any_held(accounts):
        pick(accounts, ask.connection, ask.wanted)
        refuse_unnamed(accounts, ask.connection)


def _record_refusal(ask: Ask, refusal: TokenRefusal) -> None:
    ours = refusal.status in {403, 404} and refusal.code != "connection_not_linked"
    outcome = "denied" if ours or refusal.excess else "failure"
    target = _target(refusal.account)
    data: dict[str, Any] = {"code": refusal.code, **refusal.facts}
    if refusal.approval:
        data["approval_id"] = refusal.approval
    if refusal.maybe_issued:
        data["maybe_issued"] = True
    with in_turn(), transaction.atomic():
        if refusal.excess:  # more was asked for than is declared
            _record(
                ask,
                "scope.escalated",
                "pending" if refusal.approval else "denied",
                target,
                {"excess_scopes": list(refusal.excess), **refusal.facts},
                severity=refusal.severity,
                approval=refusal.approval,
            )
        refusal.event_id = str(_record(ask, "token.refused", outcome, target, data).id)


def _record(
    ask: Ask,
    action: str,
    outcome: str,
    target: Target | None,
    data: Mapping[str, Any],
    *,
    severity: str = "",
    approval: str = "",
) -> Event:
    actor = ask.actor
    return record(
        replace(actor, via="broker"),
        action,
        outcome=outcome,
        source="broker",
        target=target,
        on_behalf_of=Subject(actor.iss, actor.sub, actor.name, actor.email),
        connection=ask.connection,
        agent=ask.agent,
        skill=ask.skill,
        severity=severity,
        approval=approval,
        data={
            "client": ask.client_id,
            "requested": list(ask.scopes),
            "attribution": "asserted",
            **({"account_id": target.name} if target else {}),
            **data,
        },
    )


def _target(account: ConnectedAccount | None) -> Target | None:
    return Target("connection", str(account.id)) if account else None
