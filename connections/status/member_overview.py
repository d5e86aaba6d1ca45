"""A member's own connections, as their page shows them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Q

from approvals import clock
from audit.recording.actors import Actor
from connections import permissions
from connections.component_manifests import refused_components
from connections.lifecycle import connect_revoke_suspend_resume, freezes
from connections.models import (
    NOT_HELD,
    AccessState,
    AppAccess,
    ConnectedAccount,
    Freeze,
    FrozenKind,
    SeenUse,
    State,
    Use,
)
from connections.scopes import catalogue, permissions_in_third_person
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
    resume_asks: bool  # whether somebody must approve that
    can_revoke: bool
    can_suspend: bool
    can_wake: bool
    standing: Standing
    past_us: tuple[Past, ...] = ()  # the last day first


@dataclass(frozen=True, slots=True)
class Summary:
    """What was seen of what acts as a person, and what still works.

    Attributes:
        acting: `2 components and 1 agent`, of those that used an account that gives tokens now
            and are not frozen; an agent counts where it named no component.
        used_by: the same of those that used any account of the person, also one that ended.
        applications: how many have a consent or refresh token in force, as last read.
        tokens_until: when the last token issued for an account that gives no new ones expires;
            None where none works.
        frozen: the freeze of the person or of everything.
        frozen_parts: freezes of agents that used an account that the person has, and of services
            where they have one.
    """

    acting: str
    used_by: str
    last_user: str
    last_used_at: datetime | None
    applications: int
    tokens_until: datetime | None
    frozen: Freeze | None
    frozen_parts: tuple[Freeze, ...] = ()
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
    may_resume = connect_revoke_suspend_resume.may_resume(actor, account)
    suspended = account.state == State.SUSPENDED
    return Card(
        account=account,
        title=catalogue.title(account.connection),
        scopes=tuple(scopes if own else permissions_in_third_person.for_others(scopes, owner)),
        used_by=user_names(account),
        can_undo=may_resume and connect_revoke_suspend_resume.can_undo(account),
        can_resume=suspended and (admin or may_resume),
        resume_asks=suspended and not may_resume,
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


def cards(actor: Actor, *, also_live_tokens: bool = False) -> list[Card]:
    """The person's own accounts: live ones first, then what is ending. What is gone is none of
    them, but for `also_live_tokens` where a token that was issued before still works."""
    order = {State.CONNECTED: 0, State.NEEDS_RECONNECT: 1, State.SUSPENDED: 2}
    wanted = ~Q(state__in=NOT_HELD)
    if also_live_tokens:
        wanted |= Q(last_token_expires_at__gt=clock.now())
    rows = permissions.mine(actor).filter(wanted).prefetch_related("uses")
    found = sorted(rows, key=lambda a: (order.get(State(a.state), 3), a.connection, str(a.pk)))
    standings, past = state_filters.of_all(found), past_us(found)
    return [card(one, actor, standings[one], past.get(one.pk, ())) for one in found]


def summary(actor: Actor) -> Summary:
    """Who can act as this person now, who did last, and what goes on after a freeze or revocation.

    What was seen and which tokens work is read of every account, also of those that were revoked.
    """
    every, now = list(permissions.mine(actor)), clock.now()
    usable = {one.pk for one, stands in state_filters.of_all(every).items() if stands.usable}
    uses = list(Use.objects.filter(account__in=every))
    placed = list(Freeze.objects.exclude(kind=FrozenKind.PERSON).order_by("since", "id"))
    frozen = {one.name for one in placed if one.kind == FrozenKind.AGENT}
    refused = refused_components.among({use.skill for use in uses})
    acting = (
        use
        for use in uses
        if use.account_id in usable and use.agent not in frozen and use.skill not in refused
    )
    used = [(one.last_used_at, one) for one in every if one.last_used_at]
    at, last = max(used, key=lambda pair: pair[0], default=(None, None))
    held = [one for one in every if one.state not in NOT_HELD]
    ends = (one.last_token_expires_at for one in every if one.pk not in usable)
    alive = (until for until in ends if until and until > now)
    applications = AppAccess.objects.filter(iss=actor.iss, sub=actor.sub, state=AccessState.LIVE)
    return Summary(
        acting=_counted(acting),
        used_by=_counted(uses),
        last_user=last_user(last) if last else "",
        last_used_at=at,
        applications=len(set(applications.values_list("client_id", flat=True))),
        tokens_until=max(alive, default=None),
        frozen=freezes.in_force("", actor.sub, ""),
        frozen_parts=_frozen_parts(placed, held, uses),
        past_us=max(
            (one for some in past_us(held).values() for one in some),
            key=lambda one: one.day,
            default=None,
        ),
    )


def headline(actor: Actor, found: Summary) -> str:
    """The answer of Home and of My connected accounts; it never says more than was seen."""
    if found.frozen and found.frozen.name == actor.sub:
        return "Access to your accounts is frozen"
    if found.frozen:
        return "Access to everything is frozen"
    if found.acting:
        return f"{found.acting} can act for you"
    if found.used_by:
        return f"{found.used_by} used your accounts"
    if permissions.mine(actor).exclude(state__in=NOT_HELD).exists():
        return "No agent was seen using your accounts through this portal"
    return "You have no connected account"


def _counted(uses: Iterable[Use]) -> str:
    """`2 components and 1 agent`; empty where there is none."""
    listed = list(uses)
    components = len({user_name(use) for use in listed if use.skill})
    agents = len({user_name(use) for use in listed if not use.skill})
    counts = ((components, "component"), (agents, "agent"))
    return " and ".join(f"{n} {one}{'' if n == 1 else 's'}" for n, one in counts if n)


def _frozen_parts(
    placed: Iterable[Freeze], held: Iterable[ConnectedAccount], uses: Iterable[Use]
) -> tuple[Freeze, ...]:
    """The first freeze of each agent and service that these accounts have to do with."""
    services = {one.pk: one.connection for one in held}
    concerned = {(FrozenKind.SERVICE, name) for name in services.values()}
    concerned |= {(FrozenKind.AGENT, use.agent) for use in uses if use.account_id in services}
    found: dict[tuple[FrozenKind, str], Freeze] = {}
    for one in placed:
        found.setdefault((FrozenKind(one.kind), one.name), one)
    return tuple(one for key, one in found.items() if key in concerned)


def last_user(account: ConnectedAccount) -> str:
    """What people call the last user of an account: its component, else its agent."""
    return account.last_skill.partition(":")[2] or account.last_agent or "an unnamed agent"
