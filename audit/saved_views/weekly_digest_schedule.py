"""The weekly digest of a person's saved views: which days it covers, and when it is due.

It covers the last seven full days up to Sunday (UTC), by event time, so that the link to a view
with that range lists what was counted. `approvals.notifications.saved_view_weekly_digest` sends it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from audit import clock
from audit.ledger.query import EventQuery
from audit.models import SavedView, WeeklyDigest

HOUR: Final = 7
"""Of Monday, UTC: from then on the digest of the week before is sent."""
_WEEK: Final = timedelta(days=7)


def covered_week(now: datetime) -> date:
    """The Monday that begins the week which a digest sent now covers."""
    day = (now.astimezone(UTC) - timedelta(hours=HOUR)).date()
    return day - timedelta(days=day.weekday()) - _WEEK


def next_due(now: datetime) -> datetime:
    """The first Monday at 07:00 UTC after now."""
    return datetime.combine(covered_week(now) + 2 * _WEEK, time(HOUR), UTC)


def monday(text: str) -> date:
    """The first day of a week, as a link to a view has it.

    Raises:
        ValueError: it is no Monday of the years 2000 to 9998, written as 2026-11-23.
    """
    day = date.fromisoformat(text)
    if day.isoformat() != text or day.weekday() or not 2000 <= day.year < date.max.year:
        raise ValueError
    return day


def last_day(monday: date) -> date:
    """The Sunday of that week."""
    return monday + _WEEK - timedelta(days=1)


def query_of_week(query: EventQuery, monday: date) -> EventQuery:
    """The query with only the events of that week; dates that it has keep their effect.

    A relative range begins where it did when the week began, and ends where it did when the week
    ended (`before:yesterday` on its Sunday), whenever that is asked.
    """
    began = datetime.combine(monday, time(), UTC)
    query = query.as_of(began, began + _WEEK).fixed()
    start, end = monday.isoformat(), (monday + _WEEK).isoformat()
    if any(clause.key in ("after", "before") for clause in query.clauses):
        # Another `after` would be an alternative to the first one.
        return query.including("before", start, excluded=True).including(
            "after", end, excluded=True
        )
    return query.including("after", start).including("before", end)


def subscribe(view: SavedView) -> None:
    """Have the owner of a view sent a digest each week, if they are not already."""
    WeeklyDigest.objects.get_or_create(owner=view.owner, defaults={"due": next_due(clock.now())})
