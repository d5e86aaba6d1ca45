"""Notices to the owners of saved views that gained rows: by e-mail, or to the team's webhook.

A notice says which view, how many rows and since when, and links to the view; never what an event
holds. Its row (`audit.models.ViewNotification`) is due work like letters about requests. What was
counted is written before the notice is sent, and taken back after: a crash in between may send a
notice twice (with the same Message-ID or webhook-id) and never loses one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from approvals import clock, people_and_roles
from approvals.models import Person
from approvals.notifications import delivery, webhook
from audit.ledger.format import safe_display
from audit.models import NotifyBy, SavedView, ViewNotification
from audit.recording.actors import READERS
from audit.saved_views import notify_setting_and_count
from audit.saved_views.notify_setting_and_count import MOST
from audit.saved_views.stored_filter_parsing import query_of

AT_MOST_EVERY: Final = timedelta(hours=1)
"""The least time between two notices about one view."""
_LOOK_EVERY: Final = timedelta(minutes=1)
LONGEST_WAIT_S: Final = 3600
BROKEN: Final = "The filter cannot be run any more. Nothing is sent until you correct it."
ROLE_LOST: Final = "Switched off on {:%-d %b %Y}: you could not read the audit trail any more."


def work(row: ViewNotification) -> None:
    """Count a view's new rows, and notify its owner if there are any and an hour has passed."""
    now, view = clock.now(), row.view
    if row.notify_by in (NotifyBy.NONE, NotifyBy.WEEKLY) or view.removed is not None:
        _note(row, due=None)  # `new_row_notifications` sets it again
        return
    query = query_of(view.filter)
    if query.errors:
        _note(row, detail=BROKEN, due=now + AT_MOST_EVERY)
        return
    counted = notify_setting_and_count.count(query, row.counted_to, row.found)
    if not _keep(row, counted):
        return
    if not counted.complete:
        _note(row, due=now)
    elif not counted.found:
        _note(row, detail="", due=now + _LOOK_EVERY)
    elif row.sent is not None and now < row.sent + AT_MOST_EVERY:
        _note(row, due=min(now + _LOOK_EVERY, row.sent + AT_MOST_EVERY))
    else:
        _notify(row, counted.found, now)


LETTERS: Final = ((ViewNotification, work),)


def _keep(row: ViewNotification, counted: notify_setting_and_count.Counted) -> bool:
    """Write down how far was counted; False where the owner started it again meanwhile."""
    same = ViewNotification.objects.filter(pk=row.pk, counted_to=row.counted_to, since=row.since)
    return same.update(counted_to=counted.counted_to, found=counted.found) == 1


def _notify(row: ViewNotification, found: int, now: datetime) -> None:
    owner = owner_of(row.view)
    if owner is None or not READERS.intersection(owner.roles_now):
        notify_setting_and_count.switch_off(row.view, ROLE_LOST.format(now))
        return
    by = NotifyBy(row.notify_by)
    if why_not := notify_setting_and_count.unavailable(by, address=bool(owner.email)):
        _note(row, detail=why_not, due=now + AT_MOST_EVERY)
        return
    delivery.deliver(
        row,
        partial(_send, row, owner, found, now),
        longest_wait_s=LONGEST_WAIT_S,
        afterwards={"found": 0, "since": now, "attempts": 0, "due": now + _LOOK_EVERY},
        without_address={"due": now + AT_MOST_EVERY},
    )


def _send(row: ViewNotification, owner: Person, found: int, now: datetime) -> None:
    view, identifier = row.view, f"{row.view_id}-{int(row.since.timestamp() * 1000)}"
    if row.notify_by == NotifyBy.WEBHOOK:
        webhook.send(identifier, document(view, found, row.since, now))
        return
    delivery.mail(identifier, owner.email, subject(view, found), text(view, found, row.since))


def owner_of(view: SavedView) -> Person | None:
    """The person who made the view, as the directory has them; None where it has not."""
    person = people_and_roles.find(settings.ENV.issuer, str(view.maker.get("sub", "")))
    return person if person is not None and person.subject.key == view.owner else None


def _note(row: ViewNotification, **changes: Any) -> None:
    ViewNotification.objects.filter(pk=row.pk).update(**changes)


def subject(view: SavedView, found: int) -> str:
    """`12 new rows: Refusals`, one line."""
    return f"{_rows(found)}: {safe_display.visible(view.name)}"


def text(view: SavedView, found: int, since: datetime) -> str:
    """The letter as plain text."""
    lines = [
        "A view of the audit trail that you saved has new rows:",
        "",
        f"    {safe_display.visible(view.name)}",
        "",
        f"New rows    {_number(found)}",
        f"Since       {since:%-d %b %Y %H:%M} UTC",
        "",
        "See them:",
        _url("audit-view-open", view),
        "",
        "You get at most one such letter an hour for each view. Change that, or stop it:",
        _url("audit-view", view),
    ]
    return "\n".join(lines) + "\n"


def document(view: SavedView, found: int, since: datetime, now: datetime) -> dict[str, Any]:
    """The body of a webhook: the name that the owner gave the view, and no person."""
    return {
        "type": "view.new_rows",
        "timestamp": clock.stamp(now),
        "data": {
            "view_id": str(view.id),
            "name": view.name,
            "new_rows": {"count": min(found, MOST), "exact": found <= MOST},
            "since": clock.stamp(since),
            "url": _url("audit-view-open", view),
        },
    }


def _rows(found: int) -> str:
    return f"{_number(found)} new row{'' if found == 1 else 's'}"


def _number(found: int) -> str:
    return str(found) if found <= MOST else f"{MOST}+"


def _url(name: str, view: SavedView) -> str:
    return settings.PORTAL_URL + reverse(name, args=[view.id])
