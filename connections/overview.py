"""A member's own connections, as their page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit.actor import Actor
from connections import actions, grounds, lookup, scopes
from connections.models import ConnectedAccount, State, Use
from connections.scopes import Scope
from connections.standing import Code, Standing


@dataclass(frozen=True, slots=True)
class Card:
    """One account with what agents may do with it and who did."""

    account: ConnectedAccount
    title: str
    scopes: tuple[Scope, ...]
    used_by: tuple[str, ...]
    can_undo: bool
    can_resume: bool
    can_revoke: bool
    can_suspend: bool
    can_wake: bool
    standing: Standing


@dataclass(frozen=True, slots=True)
class Summary:
    """`2 agents can act as you; last: github-mcp, 10:42`."""

    agents: int
    last_user: str
    last_used_at: datetime | None


def card(account: ConnectedAccount, actor: Actor, standing: Standing | None = None) -> Card:
    """An account as a card, with the acts that this person may take on it.

    `standing` is given where many accounts share one read of settings and freezes.
    """
    own, admin = lookup.is_owner(actor, account), "admin" in actor.roles
    live = account.state in {State.CONNECTED, State.NEEDS_RECONNECT}
    stands = standing or grounds.of(account)
    undo = own and actions.can_undo(account) and account.state_by == actor.sub
    asleep = account.state == State.SUSPENDED
    return Card(
        account=account,
        title=scopes.title(account.connection),
        scopes=tuple(scopes.in_words(account.connection, account.scopes)),
        used_by=user_names(account),
        can_undo=undo,
        can_resume=asleep and (admin or actions.may_resume(actor, account)),
        can_revoke=(own or admin) and (live or asleep),
        can_suspend=(own or admin) and live,
        can_wake=(own or admin) and stands.code == Code.ASLEEP and stands.opens is None,
        standing=stands,
    )


def user_names(account: ConnectedAccount) -> tuple[str, ...]:
    """Names of what used an account, newest first, each once."""
    newest = sorted(account.uses.all(), key=lambda use: use.last, reverse=True)
    return tuple(dict.fromkeys(user_name(use) for use in newest))


def user_name(use: Use) -> str:
    """What people call a user of an account: its component, else its agent."""
    return use.skill.partition(":")[2] or use.skill or use.agent or "an unnamed agent"


def cards(actor: Actor) -> list[Card]:
    """The person's own accounts: live ones first, then what is ending; not what is gone."""
    order = {State.CONNECTED: 0, State.NEEDS_RECONNECT: 1, State.SUSPENDED: 2}
    rows = lookup.mine(actor).exclude(state=State.REVOKED)
    found = sorted(rows, key=lambda a: (order.get(State(a.state), 3), a.connection, str(a.pk)))
    standings = grounds.of_all(found)
    return [card(account, actor, standings[account]) for account in found]


def summary(actor: Actor) -> Summary:
    """Who can act as this person now, and who did last."""
    live = lookup.mine(actor).filter(state=State.CONNECTED)
    users = {user_name(use) for use in Use.objects.filter(account__in=live)}
    last = live.exclude(last_used_at=None).order_by("-last_used_at").first()
    return Summary(len(users), last_user(last) if last else "", last.last_used_at if last else None)


def last_user(account: ConnectedAccount) -> str:
    """What people call the last user of an account: its component, else its agent."""
    return account.last_skill.partition(":")[2] or account.last_agent or "an unnamed agent"
