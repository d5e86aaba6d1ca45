"""A member's own connections, as their page shows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from audit.recording.actors import Actor
from connections import permissions
from connections.lifecycle import connect_revoke_suspend_resume
from connections.models import NOT_HELD, AppAccess, ConnectedAccount, SeenUse, State, Use
from connections.scopes import catalogue, third_person
from connections.scopes.catalogue import Scope
from connections.status import state_filters
from connections.status.account_status import Code, Standing


@dataclass(frozen=True, slots=True)
class Past:
    """An application that Auth0 gave tokens of an account past our broker, and the last UTC day."""

    client_id: str
    name: str  # the client id where nobody told another
    day: date


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
    past_us: tuple[Past, ...] = ()  # the last day first


@dataclass(frozen=True, slots=True)
class Summary:
    """`2 agents can act as you; last: github-mcp, 10:42`; and who did past our broker, last."""

    agents: int
    last_user: str
    last_used_at: datetime | None
    past_us: Past | None = None


def card(
    account: ConnectedAccount,
    actor: Actor,
    standing: Standing | None = None,
    past_us: tuple[Past, ...] = (),
    owner: str = "",
) -> Card:
    """An account as a card, with the acts that this person may take on it.

    `standing` is given where many accounts share one read of settings and freezes; `owner` is how
    the permissions name somebody else whose account it is.
    """
    scopes = catalogue.in_words(account.connection, account.scopes)
    own, admin = permissions.is_owner(actor, account), "admin" in actor.roles
    stands = standing or state_filters.of(account)
    undo = connect_revoke_suspend_resume.can_undo(
        account
    ) and connect_revoke_suspend_resume.may_resume(actor, account)
    asleep = account.state == State.SUSPENDED
    return Card(
        account=account,
        title=catalogue.title(account.connection),
        scopes=tuple(scopes if own else third_person.for_others(scopes, owner)),
        used_by=user_names(account),
        can_undo=undo,
        can_resume=asleep and (admin or connect_revoke_suspend_resume.may_resume(actor, account)),
        can_revoke=(own or admin)
        and not connect_revoke_suspend_resume.is_revoked_for(actor, account),
        can_suspend=(own or admin)
        and connect_revoke_suspend_resume.may_be_suspended(actor, account),
        can_wake=(own or admin) and stands.code == Code.ASLEEP and stands.opens is None,
        standing=stands,
        past_us=past_us,
    )


def past_us(accounts: Collection[ConnectedAccount]) -> dict[UUID, tuple[Past, ...]]:
    """Who used each account past our broker, by Auth0's tenant log; two queries."""
    seen = SeenUse.objects.filter(account__in=[account.pk for account in accounts])
    rows = list(seen.order_by("-day", "client_id"))
    owners = {account.iss for account in accounts}, {account.sub for account in accounts}
    apps = AppAccess.objects.filter(iss__in=owners[0], sub__in=owners[1])
    named = apps.exclude(client_name="").values_list("client_id", "client_name").distinct()
    names, found = dict(named.order_by("client_name")), dict[UUID, tuple[Past, ...]]()
    for row in rows:
        one = Past(row.client_id, names.get(row.client_id, row.client_id), row.day)
        found[row.account_id] = (*found.get(row.account_id, ()), one)
    return found


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
    rows = permissions.mine(actor).exclude(state__in=NOT_HELD).prefetch_related("uses")
    found = sorted(rows, key=lambda a: (order.get(State(a.state), 3), a.connection, str(a.pk)))
    standings, past = state_filters.of_all(found), past_us(found)
    return [card(one, actor, standings[one], past.get(one.pk, ())) for one in found]


def summary(actor: Actor) -> Summary:
    """Who can act as this person now, and who did last."""
    live = permissions.mine(actor).filter(state=State.CONNECTED)
    users = {user_name(use) for use in Use.objects.filter(account__in=live)}
    last = live.exclude(last_used_at=None).order_by("-last_used_at").first()
    seen = (one for some in past_us(live).values() for one in some)
    past = max(seen, key=lambda one: one.day, default=None)
    at = last.last_used_at if last else None
    return Summary(len(users), last_user(last) if last else "", at, past)


def last_user(account: ConnectedAccount) -> str:
    """What people call the last user of an account: its component, else its agent."""
    return account.last_skill.partition(":")[2] or account.last_agent or "an unnamed agent"
