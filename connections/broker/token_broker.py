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
from django.db import close_old_connections, connection

from approvals import clock
from audit.db.group_commit import Together
from audit.recording.actors import Actor, Subject, Target
from audit.recording.record import Draft
from auth0_client.token_vault import VaultToken
from connections.broker import exchange, observations, scope_checks
from connections.broker.account_choice import ANY, Picked, Wanted, pick, refuse_unnamed
from connections.broker.component_rules import Component, Declared, check_decision, check_declared
from connections.broker.errors import TokenRefusal
from connections.idle_access import access_gate
from connections.idle_access.connection_rules import OWNER, Setting
from connections.lifecycle import freezes, restrictions
from connections.models import NOT_HELD, ConnectedAccount, State
from connections.scope_escalation.refuse_or_ask import Unasked
from connections.scopes import catalogue
from http_client.wait_hooks import Waiting


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
class _Handing:
    """A token about to leave: whose use it is, and what stood when it was found to be allowed."""

    ask: Ask
    use: observations.Seen | None
    admitted: _Admitted
    token: VaultToken
    excess: tuple[str, ...]  # as its event names it


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
        return _hand_out(_Handing(ask, None, admitted, token, excess), shared, waiting)
    except TokenRefusal as refusal:
        refusal.account = refusal.account or (picked.account if picked else None)
        _record_refusal(ask, refusal)
        raise


def _check_rules(ask: Ask) -> tuple[Setting, Declared]:
    """What is refused whichever account it is: nobody is asked, Auth0 neither."""
    _check_client(ask)
    _check_frozen(ask)
    setting = access_gate.check_hours(ask.connection)
    declared = _declared(ask)
    check_decision(ask.component)
    return setting, declared


def _admit(ask: Ask, picked: Picked | None, setting: Setting, declared: Declared) -> _Admitted:
    """Refuse all that can be refused here before anybody's phone rings; then ask, or wake."""
    accounts = _usable(ask, picked)
    sleeping = access_gate.asleep(ask.connection, setting, accounts)
    allowed = scope_checks.check_asked(ask, picked, declared)
    unasked = allowed if isinstance(allowed, Unasked) else None
    if sleeping and not ask.prompt:
        title = catalogue.title(ask.connection)
        raise TokenRefusal.unprompted(f"{title} is asleep.", sleeping[0])
    if sleeping and (unasked is None or setting.wake == OWNER):
        access_gate.wake(ask.actor, sleeping, ask.skill or ask.agent or "an agent")
    if isinstance(allowed, Unasked):
        raise scope_checks.people(allowed)
    return _Admitted(picked, tuple(accounts), allowed)


def _check_client(ask: Ask) -> None:
    if ask.client_id not in settings.ENV.broker_clients:
        raise TokenRefusal(
            403,
            "client_not_allowed",
            "This application may not ask for provider tokens. Add it to AUTH0_BROKER_CLIENTS.",
        )


def _declared(ask: Ask) -> Declared:
    return check_declared(ask.component, ask.connection, ask.scopes, scope_checks.takes_anonymous)


def _check_frozen(ask: Ask) -> None:
    freezes.check(ask.agent, ask.actor.sub, ask.connection)


def _usable(ask: Ask, picked: Picked | None) -> list[ConnectedAccount]:
    """The accounts that the exchange may use; where the vault chooses, all of them."""
    if picked is None or not picked.ambiguous:
        return [picked.account] if picked else []
    held = observations.held_accounts(ask.actor.iss, ask.actor.sub, ask.connection)
    return [account for account in held if account.state == State.CONNECTED]


def _picked(ask: Ask) -> Picked | None:
    """The account to use; None when the inventory cannot be completed and the vault decides."""
    whose = ask.actor.iss, ask.actor.sub
    accounts = observations.accounts_of(*whose, ask.connection)
    if not _any_held(accounts):
        if not observations.look_again(*whose):
            _check_unseen(ask)
            return None
        accounts = observations.accounts_of(*whose, ask.connection)
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
    if restrictions.barring(ask.actor.iss, ask.actor.sub, ask.connection):
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


def _hand_out(handed: _Handing, shared: bool, waiting: Waiting) -> Given:
    ask, token, picked = handed.ask, handed.token, handed.admitted.picked
    now = clock.now()
    granted = tuple(sorted(token.scope))
    expires = now + timedelta(seconds=token.expires_in) if token.expires_in is not None else None
    data = {
        "thumbprint": token.thumbprint,
        "scopes": list(granted),
        "expires_in": token.expires_in,
        "expires_at": clock.stamp(expires) if expires else None,
        "excess_scopes": list(handed.excess),
        "ambiguous_account": bool(picked and picked.ambiguous),
        "in_inventory": picked is not None,
        "shared_exchange": shared,
    }

    account = picked.account if picked else None
    use = observations.Seen(account, ask.agent, ask.skill, now, expires) if account else None
    draft = _draft(ask, "token.exchanged", "success", _target(account), data)
    event = _together.write(replace(handed, use=use), [draft], waiting)
    return Given(
        access_token=token.access_token,
        token_type=token.token_type,
        expires_in=token.expires_in,
        scope=granted,
        connection=ask.connection,
        event_id=str(event),
    )


def _last_look(handed: Sequence[_Handing]) -> list[TokenRefusal | None]:
    """Those whom somebody refused while Auth0 was asked; the uses of the others are counted.

    Accounts are locked in one order, so that no two transactions wait for each other.
    """
    refused = [_refused_meanwhile(one) for one in handed]
    uses = [(n, one.use) for n, one in enumerate(handed) if refused[n] is None and one.use]
    for n, use in sorted(uses, key=lambda use: (use[1].account.pk, use[1].at)):
        try:
            observations.count(use)
        except TokenRefusal as refusal:
            refused[n] = refusal
    return refused


def _refused_meanwhile(one: _Handing) -> TokenRefusal | None:
    ask, picked = one.ask, one.admitted.picked
    try:
        if picked is None:  # no account that is counted below shows what was restricted
            _check_unseen(ask)
        elif not picked.hint:
            _check_chosen(ask)
        setting, declared = _check_rules(ask)
        known = [account.pk for account in one.admitted.accounts]
        accounts = ConnectedAccount.objects.filter(pk__in=known) if known else ()
        access_gate.check_still_awake(ask.connection, setting, tuple(accounts))
        scope_checks.check_still(ask, picked, declared, one.token, one.excess)
    except TokenRefusal as refusal:
        return refusal
    return None


def _check_chosen(ask: Ask) -> None:
    """The vault chose the account itself: it may be one that was restricted since.

    Raises:
        TokenRefusal: as `pick`; `connection_suspended` where one of them is restricted.
    """
    accounts = observations.accounts_of(ask.actor.iss, ask.actor.sub, ask.connection)
    if _any_held(accounts):
        pick(accounts, ask.connection, ask.wanted)
        refuse_unnamed(accounts, ask.connection)


_together = Together(_last_look)


def _record_refusal(ask: Ask, refusal: TokenRefusal) -> None:
    ours = refusal.status in {403, 404} and refusal.code != "connection_not_linked"
    ours = ours or bool(refusal.excess)
    outcome = "denied" if ours else "failure"
    target = _target(refusal.account)
    data: dict[str, Any] = {"code": refusal.code, **refusal.facts}
    if refusal.approval:
        data["approval_id"] = refusal.approval
    if refusal.maybe_issued:
        data["maybe_issued"] = True

    said = [_excess(ask, refusal, target)] if refusal.excess else []
    said.append(_draft(ask, "token.refused", outcome, target, data))
    refusal.event_id = str(_together.write(None, said))


def _excess(ask: Ask, refusal: TokenRefusal, target: Target | None) -> Draft:
    """That more was asked for than is declared; pending while people are asked about it."""
    excess = {"excess_scopes": list(refusal.excess), **refusal.facts}
    outcome = "pending" if refusal.approval else "denied"
    return _draft(
        ask,
        "scope.escalated",
        outcome,
        target,
        excess,
        severity=refusal.severity,
        approval=refusal.approval,
    )


def _draft(
    ask: Ask,
    action: str,
    outcome: str,
    target: Target | None,
    data: Mapping[str, Any],
    *,
    severity: str = "",
    approval: str = "",
) -> Draft:
    actor = ask.actor
    return Draft(
        actor=replace(actor, via="broker"),
        action=action,
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


def split_scopes(header: str) -> Sequence[str]:
    """Scopes of the `ATA-Scopes` header: separated by spaces or commas, each once."""
    return list(dict.fromkeys(header.replace(",", " ").split()))
