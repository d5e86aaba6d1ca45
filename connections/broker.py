"""The token broker: one exchange at Auth0's vault, one event, nothing kept (DESIGN 1.5).

A token leaves only after its event is written; every refusal is an event too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from approvals import clock
from audit.actor import Actor, Subject, Target
from audit.record import Draft
from audit.together import Together
from auth0_client.vault import VaultToken
from connections import beyond, exchanging, freezing, observed
from connections.caller_rules import Component, check_decision, check_declared
from connections.just_in_time import waking
from connections.models import ConnectedAccount, State
from connections.picking import ANY, Picked, Wanted, pick
from connections.refusals import TokenRefusal
from outbound.waiting import Waiting

_together = Together(declines=TokenRefusal)


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

    @property
    def component(self) -> Component | None:
        """The component that asks, if it names itself."""
        return Component.parse(self.skill)


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
        _check_client(ask)
        _check_frozen(ask)
        picked = _picked(ask)
        declared = check_declared(ask.component, ask.connection, ask.scopes, beyond.takes_anonymous)
        check_decision(ask.component)
        allowed = beyond.check_asked(ask, picked, declared)
        _check_awake(ask, picked)
        token, shared = exchanging.exchange(
            ask.actor, ask.subject_token, ask.connection, picked, ask.wanted.login_hint, waiting
        )
        excess = beyond.check_given(ask, picked, declared, token, allowed)
        return _hand_out(ask, picked, excess, token, shared)
    except TokenRefusal as refusal:
        refusal.account = refusal.account or (picked.account if picked else None)
        _record_refusal(ask, refusal)
        raise


def _check_client(ask: Ask) -> None:
    if ask.client_id not in settings.ENV.broker_clients:
        raise TokenRefusal(
            403,
            "client_not_allowed",
            "This application may not ask for provider tokens. Add it to AUTH0_BROKER_CLIENTS.",
        )


def _check_frozen(ask: Ask) -> None:
    freezing.check(ask.agent, ask.actor.sub, ask.connection)


def _check_awake(ask: Ask, picked: Picked | None) -> None:
    """Refuse or wake what sleeps; where the vault chooses, whichever account it may choose."""
    accounts = [picked.account] if picked else []
    if picked is not None and picked.ambiguous:
        held = observed.held_accounts(ask.actor.iss, ask.actor.sub, ask.connection)
        accounts = [account for account in held if account.state == State.CONNECTED]
    waking.check(ask.actor, ask.connection, accounts, ask.skill or ask.agent or "an agent")


def _picked(ask: Ask) -> Picked | None:
    """The account to use; None when the inventory cannot be completed and the vault decides."""
    held = observed.held_accounts(ask.actor.iss, ask.actor.sub, ask.connection)
    if not held:
        if not observed.look_again(ask.actor.iss, ask.actor.sub):
            _check_unseen(ask)
            return None
        held = observed.held_accounts(ask.actor.iss, ask.actor.sub, ask.connection)
    if not held:
        raise exchanging.not_linked(ask.connection)
    return pick(held, ask.connection, ask.wanted)


def _check_unseen(ask: Ask) -> None:
    """Nothing tells accounts apart now: what is named otherwise than Auth0 names it is not known.

    Raises:
        TokenRefusal: `account_ambiguous`.
    """
    if ask.wanted.account:
        raise TokenRefusal(
            409,
            "account_ambiguous",
            "Auth0 could not list your accounts, so nothing tells which one you mean. Name it by "
            "login_hint, the provider's own user id, or try again later.",
        )


def _hand_out(
    ask: Ask, picked: Picked | None, excess: tuple[str, ...], token: VaultToken, shared: bool
) -> Given:
    now = clock.now()
    granted = tuple(sorted(token.scope))
    expires = now + timedelta(seconds=token.expires_in) if token.expires_in is not None else None
    data = {
        "thumbprint": token.thumbprint,
        "scopes": list(granted),
        "expires_in": token.expires_in,
        "expires_at": clock.stamp(expires) if expires else None,
        "excess_scopes": list(excess),
        "ambiguous_account": bool(picked and picked.ambiguous),
        "in_inventory": picked is not None,
        "shared_exchange": shared,
    }

    def handed() -> list[Draft]:
        _check_frozen(ask)  # again: somebody may have said no while Auth0 was asked
        check_decision(ask.component)
        if picked is not None:
            _note_use(ask, picked.account, now, expires)
        target = _target(picked.account if picked else None)
        return [_draft(ask, "token.exchanged", "success", target, data)]

    event = _together.write(handed)
    return Given(
        access_token=token.access_token,
        token_type=token.token_type,
        expires_in=token.expires_in,
        scope=granted,
        connection=ask.connection,
        event_id=str(event),
    )


def _note_use(ask: Ask, account: ConnectedAccount, now: datetime, expires: datetime | None) -> None:
    """Count the use, unless somebody refused the account while Auth0 was being asked."""
    refused = observed.used(account, ask.agent, ask.skill, now, expires)
    if refused is not None:
        raise refused


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
    refusal.event_id = str(_together.write(lambda: said))


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
