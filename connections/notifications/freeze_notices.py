"""Notices to owners that somebody else froze an agent of theirs, or them, or lifted that.

A freeze of a service or of everything is on every page of those whom it concerns, and no letter:
it may concern everybody, and it must take effect at once.
"""

from __future__ import annotations

from typing import Final

from django.db.models import Q

from approvals.registry import CommitContext
from connections.models import NOT_HELD, ConnectedAccount, FrozenKind
from connections.notifications import notices_on_owner_pages

CODES: Final = frozenset(
    f"{kind}_{state}"
    for kind in (FrozenKind.AGENT, FrozenKind.PERSON)
    for state in ("frozen", "unfrozen")
)


def tell_owners(ctx: CommitContext, state: str) -> None:
    """One notice for each owner, about the account that was used last; none to the actor."""
    kind, name = FrozenKind(ctx.target.kind), ctx.target.name
    if (code := f"{kind}_{state}") not in CODES:
        return
    agent = name if kind == FrozenKind.AGENT else ""
    concerned = Q(uses__agent=agent) if agent else Q(sub=name)
    found = ConnectedAccount.objects.exclude(state__in=NOT_HELD).filter(concerned)
    others = found.exclude(iss=ctx.actor.iss, sub=ctx.actor.sub)
    newest = {(one.iss, one.sub): one for one in others.order_by("last_used_at", "pk")}
    by = ctx.actor.name or ctx.actor.email
    notices_on_owner_pages.tell(newest.values(), code, by, ctx.reason, agent=agent)
