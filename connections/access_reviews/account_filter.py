"""Which accounts a review takes: the filter that an admin chose, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet

from audit.recording.actors import SYSTEM
from connections import inventory
from connections.inventory import LIVE, Query
from connections.models import ConnectedAccount
from connections.scopes import catalogue
from connections.status.account_status import Code, Ground

STATES: Final = (
    *(Code.CONNECTED, Code.EXPIRING, Code.ASLEEP),
    *(Code.NEEDS_RECONNECT, Code.SUSPENDED, Code.FROZEN),
)
"""Every way an account can stand that a decision could still change."""
SHOWS: Final = {
    "": "all of them",
    "idle": "those not seen in use for 90 days",
    "unseen": "those not seen in use through our broker since tracking began",
    "excess": "those over-privileged",
    "missing": "those with less scope than manifests need",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filter of a review; empty takes every account that an agent could still use.

    `state` is how an account stands (`connections.status.account_status`), not what its row says:
    what is due to expire, or fell asleep, has no separate row.
    """

    connection: str = ""
    state: str = ""
    show: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Wanted:
        """From a form or a row; what makes no sense is left out."""
        state, show = str(given.get("state", "")), str(given.get("show", ""))
        return cls(
            connection=str(given.get("connection", ""))[:128],
            state=state if state in STATES else "",
            show=show if show in SHOWS else "",
        )

    @classmethod
    def of(cls, query: Query) -> Wanted | None:
        """The same accounts as the inventory shows; None for what a review cannot ask for."""
        single = {key: values[0] for key, values in query.on.items() if len(values) == 1}
        found = cls.parse(single)
        # What a review does not know, or knows no such value of, was left out.
        return found if found.query().on == query.on and not query.q else None

    def query(self) -> Query:
        """As the inventory asks for it."""
        values = {key: getattr(self, key) for key in ("connection", "state", "show")}
        return Query(on={key: (value,) for key, value in values.items() if value})

    def as_json(self) -> dict[str, str]:
        """Plain JSON for rows, events and the result, with its words as they are read now."""
        return asdict(self) | {"in_words": self.in_words()}

    def in_words(self) -> str:
        """`GitHub accounts in the state “paused”, those not seen in use for 90 days`."""
        title = (
            f"{catalogue.title(self.connection)} accounts" if self.connection else "All accounts"
        )
        state = f" in the state “{Code(self.state).label}”" if self.state else ""
        return f"{title}{state}" + (f", {SHOWS[self.show]}" if self.show else "")


def words_of(kept: Mapping[str, Any]) -> str:
    """The filter of a review in the words that its opening froze."""
    return str(kept.get("in_words") or Wanted.parse(kept).in_words())


@dataclass(frozen=True, slots=True)
class Taken:
    """What a filter takes at a moment; the accounts are read by the caller.

    Attributes:
        number: how many accounts.
        excess: how many of them have scopes that no manifest declares.
        ground: what accounts stand on.
    """

    found: QuerySet[ConnectedAccount]
    number: int
    excess: int
    ground: Ground
    now: datetime

    def owners(self) -> int:
        """How many people own them; one query."""
        return self.found.order_by().values("iss", "sub").distinct().count()


def take(wanted: Wanted, now: datetime) -> Taken:
    """The accounts of a filter, by service and owner, as the inventory would find them."""
    asked = inventory.ask(SYSTEM, wanted.query(), now, within=Q(state__in=LIVE))
    found = ConnectedAccount.objects.filter(asked.conditions.all()).order_by(
        "connection", "sub", "id"
    )
    tally = asked.tally
    return Taken(found, tally.total(), tally.with_show("excess"), asked.ground, now)
