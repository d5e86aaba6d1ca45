"""The weekly digest: one e-mail a person about all their saved views with weekly notifications.

It names each view, how many rows it gained in the last full week, and links to the view with that
range; never what an event holds. Its row (`audit.models.WeeklyDigest`) is due work like notices. A
crash between the e-mail and its record may send one twice, with the same Message-ID.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db import Error
from django.db.models import QuerySet
from django.urls import reverse

from approvals import clock
from approvals.models import Person
from approvals.notifications import delivery
from approvals.notifications.saved_view_notices import (
    AT_MOST_EVERY,
    BROKEN,
    LONGEST_WAIT_S,
    ROLE_LOST,
    owner_of,
)
from audit.db import leases
from audit.ledger.format import safe_display
from audit.models import NotifyBy, SavedView, ViewNotification, WeeklyDigest
from audit.recording.actors import READERS
from audit.saved_views import notify_setting_and_count, weekly_digest_schedule
from audit.saved_views.stored_filter_parsing import query_of
from audit.search import event_search
from audit.search.pagination import Total

log = logging.getLogger(__name__)

_LEASE: Final = timedelta(minutes=5)
"""For one view to be counted, or the e-mail to be sent."""
TOO_LONG: Final = "The filter has too many values for a weekly range. It is counted in no digest."
NOT_COUNTED: Final = "Its new rows could not be counted: {}."


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Why a view was not counted: for its page, in the e-mail, and the kind of database error."""

    detail: str
    mailed: str
    error: str = ""


type Counts = list[tuple[SavedView, Total | Uncounted]]
"""How many rows each view gained."""

_BROKEN: Final = Uncounted(BROKEN, "The filter cannot be run any more. Correct it:")
_TOO_LONG: Final = Uncounted(
    TOO_LONG, "The filter has too many values for a weekly range. Remove some:"
)


def work(row: WeeklyDigest) -> None:
    """Count what the person's weekly views gained, and send one e-mail if any did or may have."""
    _count_and_send(row)
    leases.release(_mine(row), row.lease)  # the caller releases the one from before it was renewed


def _count_and_send(row: WeeklyDigest) -> None:
    now, views = clock.now(), list(_views_of(row.owner))
    owner = owner_of(views[0]) if views else None
    if owner is None or not READERS.intersection(owner.roles_now):
        for view in views:
            notify_setting_and_count.switch_off(view, ROLE_LOST.format(now))
        _note(row, attempts=0, detail="", due=weekly_digest_schedule.next_due(now))
        return
    if why_not := notify_setting_and_count.unavailable(NotifyBy.WEEKLY, address=bool(owner.email)):
        _note(row, detail=why_not, due=now + AT_MOST_EVERY)
        _rows_of(views).update(detail=why_not)
        return
    monday = weekly_digest_schedule.covered_week(now)
    counts: Counts = []
    for view in views:
        if not _renew(row):
            return
        counts.append((view, _count(view, monday)))
    if _renew(row):
        _finish(row, owner, counts, monday, now)


LETTERS: Final = ((WeeklyDigest, work),)


def _views_of(owner: str) -> QuerySet[SavedView]:
    weekly = SavedView.objects.filter(owner=owner, notification__notify_by=NotifyBy.WEEKLY)
    return weekly.filter(removed=None).order_by("name", "id")


def _mine(row: WeeklyDigest) -> QuerySet[WeeklyDigest]:
    return WeeklyDigest.objects.filter(pk=row.pk)


def _renew(row: WeeklyDigest) -> bool:
    """Keep the lease; False where the last step took too long, and another worker has the row."""
    held, row.lease = row.lease, clock.now() + _LEASE
    return leases.renew(_mine(row), held, row.lease)


def _count(view: SavedView, monday: date) -> Total | Uncounted:
    query = query_of(view.filter)
    if query.errors:
        return _BROKEN
    query = weekly_digest_schedule.query_of_week(query, monday)
    if query.errors:
        return _TOO_LONG
    try:  # no transaction is open here, so an error ends its own statement only
        return event_search.total(query)
    except Error as error:
        kind = type(error).__name__
        log.warning("saved view %s was not counted for a digest: %s", view.pk, kind)
        said = "Could not be counted this week. Open it:"
        return Uncounted(NOT_COUNTED.format(kind), said, kind)


def _finish(row: WeeklyDigest, owner: Person, counts: Counts, monday: date, now: datetime) -> None:
    """Send it, try again later where the database counted nothing, or leave this week out."""
    totals = [found for _, found in counts if isinstance(found, Total)]
    failed = [found.error for _, found in counts if isinstance(found, Uncounted) and found.error]
    if failed and not totals:
        delivery.try_later(row, failed[0], longest_wait_s=LONGEST_WAIT_S)
    elif failed or any(total.count for total in totals):
        _send(row, owner, counts, monday, now)
    else:
        _note(row, attempts=0, detail="", due=weekly_digest_schedule.next_due(now))
    _show(row, counts)


def _send(row: WeeklyDigest, owner: Person, counts: Counts, monday: date, now: datetime) -> None:
    identifier = f"digest-{row.owner}-{monday}"
    send = partial(delivery.mail, identifier, owner.email, subject(monday), text(counts, monday))
    delivery.deliver(
        row,
        send,
        longest_wait_s=LONGEST_WAIT_S,
        afterwards={"attempts": 0, "due": weekly_digest_schedule.next_due(now)},
        without_address={"due": now + AT_MOST_EVERY},
    )


def _show(before: WeeklyDigest, counts: Counts) -> None:
    """Write at each view what became of the digest, for its page."""
    row = _mine(before).first()
    if row is None:
        return  # its owner was erased meanwhile
    for view, found in counts:
        if isinstance(found, Uncounted):
            _rows_of([view]).update(detail=found.detail)
    counted = _rows_of([view for view, found in counts if isinstance(found, Total)])
    counted.update(detail=row.detail)
    if row.sent != before.sent:
        counted.update(sent=row.sent)


def _rows_of(views: list[SavedView]) -> QuerySet[ViewNotification]:
    return ViewNotification.objects.filter(view__in=views, notify_by=NotifyBy.WEEKLY)


def _note(row: WeeklyDigest, **changes: Any) -> None:
    _mine(row).update(**changes)


def subject(monday: date) -> str:
    """`Weekly digest of your saved views: 23 Nov 2026 to 29 Nov 2026`, one line."""
    return f"Weekly digest of your saved views: {_range(monday)}"


def text(counts: Counts, monday: date) -> str:
    """The e-mail as plain text."""
    lines = [f"New rows in your saved views of the audit trail, {_range(monday)} (UTC):"]
    for view, found in counts:
        week = f"{_url('audit-view-open', view)}?week={monday}"
        lines += ["", f"    {safe_display.visible(view.name)}"]
        if isinstance(found, Total):
            lines += [f"New rows    {found}", week]
        else:
            lines += [found.mailed, week if found.error else _url("audit-view", view)]
    lines += [
        "",
        "You get this e-mail once a week, about the views for which you chose it. Change that, or "
        "stop it:",
        settings.PORTAL_URL + reverse("audit-views"),
    ]
    return "\n".join(lines) + "\n"


def _range(monday: date) -> str:
    return f"{monday:%-d %b %Y} to {weekly_digest_schedule.last_day(monday):%-d %b %Y}"


def _url(name: str, view: SavedView) -> str:
    return settings.PORTAL_URL + reverse(name, args=[view.id])
