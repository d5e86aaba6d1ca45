"""What a freeze leaves working: tokens that were issued before it, and applications at Auth0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import F, Q

from approvals import clock
from connections import account_names
from connections.models import NOT_HELD, AccessState, AppAccess, ConnectedAccount, FrozenKind
from connections.status.account_status import EVERYTHING

READ: Final = 500
"""Accounts with a token that may still work that are read at most."""
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class LiveToken:
    """An account of which the broker issued a token that has not expired, as far as it knows.

    Attributes:
        owner: name, e-mail or subject of the owner.
        agents: names of the agents that used the account, the latest first.
        until: when the last token issued for it expires; None where the provider named no end.
    """

    account: ConnectedAccount
    owner: str
    agents: tuple[str, ...]
    until: datetime | None

    @property
    def words(self) -> str:
        """Such as `Mia Member’s Slack account`."""
        return f"{self.owner}’s {account_names.in_words(self.account)}"

    @property
    def ends(self) -> str:
        """`until` in words."""
        return in_words(self.until) if self.until else "no end known"


@dataclass(frozen=True, slots=True)
class Remainder:
    """What goes on after one freeze, of what the portal knows.

    Attributes:
        tokens: the first few accounts with a token that may still work.
        more: how many such accounts are not in `tokens`.
        applications: consents and refresh tokens at Auth0 of the person who is frozen.
        ends_known: whether the end of each of these tokens is known.
    """

    tokens: tuple[LiveToken, ...]
    more: int
    applications: int
    ends_known: bool


def in_words(moment: datetime) -> str:
    """Such as `07:12:51 UTC`, with the day where it is not today."""
    day = "" if moment.date() == clock.now().date() else f"{moment.day} {moment:%b} "
    return f"{day}{moment:%H:%M:%S} UTC"


def live_tokens() -> list[LiveToken]:
    """Accounts of which a token is known to work still, the one that works longest first; then
    those that are held and whose last token has no known end, the one used last first."""
    every = ConnectedAccount.objects.prefetch_related("uses")
    live = every.filter(last_token_expires_at__gt=clock.now())
    found = list(live.order_by("-last_token_expires_at", "pk")[:READ])
    ends = Q(last_token_expires_at=None) | Q(last_token_expires_at__lte=F("last_used_at"))
    endless = every.filter(ends, last_used_at__isnull=False).exclude(state__in=NOT_HELD)
    found += endless.order_by("-last_used_at", "pk")[: READ - len(found)]
    names = account_names.people_names(one.sub for one in found)
    return [
        LiveToken(
            account=one,
            owner=names.get((one.iss, one.sub), one.sub),
            agents=_agents(one),
            until=None if one.token_without_end else one.last_token_expires_at,
        )
        for one in found
    ]


def _agents(account: ConnectedAccount) -> tuple[str, ...]:
    newest = sorted(account.uses.all(), key=lambda use: use.last, reverse=True)
    return tuple(dict.fromkeys(use.agent or "an unnamed agent" for use in newest))


def remainders(
    targets: Collection[tuple[str, str]], live: Sequence[LiveToken]
) -> dict[tuple[str, str], Remainder]:
    """What goes on after the freeze of each target, by its kind and name; one query."""
    people = [name for kind, name in targets if kind == FrozenKind.PERSON]
    held = AppAccess.objects.filter(sub__in=people).exclude(state=AccessState.GONE)
    applications = Counter(held.values_list("sub", flat=True))
    found = {}
    for kind, name in targets:
        of_it = [one for one in live if _is_about(kind, name, one)]
        found[kind, name] = Remainder(
            tokens=tuple(of_it[:_NAMED]),
            more=len(of_it[_NAMED:]),
            applications=applications[name] if kind == FrozenKind.PERSON else 0,
            ends_known=all(one.until for one in of_it),
        )
    return found


def of_any(targets: Collection[tuple[str, str]], live: Sequence[LiveToken]) -> list[LiveToken]:
    """Those tokens that at least one of the freezes is about, in their order."""
    return [one for one in live if any(_is_about(kind, name, one) for kind, name in targets)]


def _is_about(kind: str, name: str, live: LiveToken) -> bool:
    if kind == FrozenKind.AGENT:
        return name in live.agents
    if kind == FrozenKind.PERSON:
        return name == live.account.sub
    return name in {EVERYTHING, live.account.connection}
