"""Notifications about new rows of saved views: whether they are on, and how many rows there are.

A row is new by its index in the log, never by its time. `approvals.notifications` sends them: it
knows people, mail and the webhook.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings

from audit import clock
from audit.evidence import log_proof_levels
from audit.ledger.query import EventQuery
from audit.models import EventRow, NotifyBy, SavedView, ViewNotification
from audit.saved_views import weekly_digest_schedule
from audit.search import search_sql
from audit.search.query_plan import Plan, plan_of
from audit.sequencing import stored_tree_queries

MOST: Final = 100
"""Up to so many new rows are counted exactly; more are "100+"."""
_RANGE: Final = 10_000
"""Indices of the log that one look covers."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one look found.

    Attributes:
        counted_to: rows below this index were counted.
        found: how many match, at most one more than `MOST`.
        complete: no row is left to count, or there are more than `MOST` anyway.
    """

    counted_to: int
    found: int
    complete: bool


def unavailable(by: NotifyBy, *, address: bool = True) -> str:
    """Why the owner cannot be notified so, and what to do about it; "" where they can.

    Args:
        address: whether the owner has an e-mail address; a command line's token does not tell.
    """
    mailed = by in (NotifyBy.EMAIL, NotifyBy.WEEKLY)
    if mailed and settings.MAILERS["default"]["BACKEND"].endswith("console.EmailBackend"):
        return "No mail server is configured. Set MAILER_URL where the portal runs."
    if mailed and not address:
        return "Your account has no e-mail address. An admin adds one at Auth0."
    if by == NotifyBy.WEBHOOK and not settings.ENV.APPROVAL_WEBHOOK_URL:
        return "No webhook is configured. Set APPROVAL_WEBHOOK_URL where the portal runs."
    return ""


def current(view: SavedView) -> NotifyBy:
    """How its owner is notified now."""
    kept = ViewNotification.objects.filter(view=view).first()
    return NotifyBy(kept.notify_by) if kept else NotifyBy.NONE


def choose(view: SavedView, by: NotifyBy) -> None:
    """Have the owner notified so from now on. What is switched on begins with the next row."""
    before = current(view)
    if by == before:
        return
    if by == NotifyBy.NONE:
        switch_off(view, "")
        return
    changes: dict[str, object] = {"notify_by": by, "attempts": 0, "detail": "", "due": clock.now()}
    if before in (NotifyBy.NONE, NotifyBy.WEEKLY) or by == NotifyBy.WEEKLY:
        changes |= _from_now()
    if by == NotifyBy.WEEKLY:
        changes["due"] = None
        weekly_digest_schedule.subscribe(view)
    ViewNotification.objects.update_or_create(view=view, defaults=changes)


def switch_off(view: SavedView, why: str) -> None:
    """Notify nobody any more; when something was last sent stays, so that the limit holds on."""
    ViewNotification.objects.filter(view=view).update(notify_by=NotifyBy.NONE, detail=why, due=None)


def start_again(view: SavedView) -> None:
    """Count from now on: the view finds other rows than before, or was not there."""
    kept = ViewNotification.objects.filter(view=view).exclude(notify_by=NotifyBy.NONE)
    kept.filter(notify_by=NotifyBy.WEEKLY).update(detail="")
    kept = kept.exclude(notify_by=NotifyBy.WEEKLY)
    kept.update(attempts=0, detail="", due=clock.now(), **_from_now())


def last_sent(kept: ViewNotification) -> datetime | None:
    """When the owner was last notified; of a weekly view by a digest, and since they chose it."""
    if kept.sent is None or (kept.notify_by == NotifyBy.WEEKLY and kept.sent < kept.since):
        return None
    return kept.sent


def _from_now() -> dict[str, object]:
    return {"counted_to": stored_tree_queries.stored_size(), "found": 0, "since": clock.now()}


def count(query: EventQuery, counted_to: int, found: int) -> Counted:
    """Count on from an index, with one query that reads a bounded range of the log.

    A relative range such as `after:today` moved on since the rows were recorded: it begins where it
    did when the first of them was.

    A filter by the strength of the log's proof takes in rows later than they came: only rows up to
    the strongest index that it can have now are counted, and the others when they get there.

    Raises:
        InvalidQuery: the filter cannot be run.
    """
    plan = plan_of(_as_of_first_row(query, counted_to), log_proof_levels.current())
    end = max(counted_to, _end(plan))
    if found > MOST:
        return Counted(end, found, complete=True)
    until = min(end, counted_to + _RANGE)
    found += search_sql.count_in(plan, counted_to, until, MOST + 1 - found)
    if found > MOST:
        return Counted(end, found, complete=True)
    return Counted(until, found, complete=until == end)


def _as_of_first_row(query: EventQuery, counted_to: int) -> EventQuery:
    if not query.relative:
        return query
    first = EventRow.objects.filter(seq__gte=counted_to).order_by("seq").first()
    return query.as_of(first.recorded_at) if first else query


def _end(plan: Plan) -> int:
    size = stored_tree_queries.stored_size()
    if plan.ranges is None:
        return size
    return max((size if end is None else min(end, size) for _, end in plan.ranges), default=0)
