"""Reading the tenant log by checkpoint: a durable schedule that goes on where it was.

The log is read from the moment we began; what was before is not claimed to be known. Order is by
`log_id`; an empty page repeats the checkpoint (facts/auth0-wire.md section 6.4).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from approvals import auth0_clients, clock
from auth0_client.errors import BadRequest, NotFound
from auth0_client.management_api import LogPage, Management
from connections.models import Feed, LogFeed
from connections.sync import person_queue, schedule
from connections.sync.schedule import Progress
from connections.tenant_log import feed_gaps, record_entries
from connections.tenant_log.entry_parsing import entry_of

READER = "tenant-log"
EVERY = timedelta(seconds=30)
TAKE = 100
_MOST_PAGES = 500


def run_due(now: datetime | None = None) -> int:
    """Read on if it is time, and look at the people whom entries were about."""
    ran = schedule.run_due({READER: read}, now or clock.now(), every=EVERY)
    return ran + person_queue.run_due(now)


def read(progress: Progress) -> None:
    """Read to the end of the log, a page at a time, each kept with its checkpoint.

    Raises:
        RateLimited: the tenant wants us to wait; what was read is kept.
        Auth0Error, HttpClientError: the log cannot be read.
    """
    management = auth0_clients.management()
    if management is None:
        progress.say("No Management API client is configured (AUTH0_MGMT_CLIENT_ID).")
        return
    cursor = _cursor(management)
    for _ in range(_MOST_PAGES):
        if not cursor:
            break
        schedule.spare(management.budget)
        try:
            page = management.log_items_after(cursor, take=TAKE)
        except (BadRequest, NotFound):
            cursor = _begin_again(management)
            continue
        cursor = _keep(page, cursor)
        progress.step()
        if len(page.entries) < TAKE:
            break
    feed_gaps.watch_the_stream(clock.now())
    record_entries.tidy(clock.now())


def _keep(page: LogPage, cursor: str) -> str:
    following = page.next_from or cursor
    record_entries.take(
        Feed.CHECKPOINT, [entry_of(item) for item in page.entries], cursor=following
    )
    # A page that leads back to itself would be read for ever: nothing in it had an id.
    return following if following != cursor else ""


def _cursor(management: Management) -> str:
    """Where to go on; at the very first, the newest entry there is."""
    known = LogFeed.objects.filter(feed=Feed.CHECKPOINT).first()
    if known is None or known.since is None:
        return _begin(management)
    if not known.cursor:  # the log was empty when we began
        page = management.search_logs("", per_page=TAKE)
        mine = [entry_of(item) for item in page.entries]
        newest = str(page.entries[0]["log_id"]) if page.entries else ""
        record_entries.take(Feed.CHECKPOINT, mine, cursor=newest)
        return newest
    if known.heard is not None and clock.now() - known.heard > feed_gaps.AWAY:
        with transaction.atomic():
            row = feed_gaps.locked(Feed.CHECKPOINT)
            feed_gaps.lost(row, "away", clock.now())
            row.heard = clock.now()
            row.save()
    return known.cursor


def _begin(management: Management) -> str:
    newest = management.latest_log_id() or ""
    record_entries.take(Feed.CHECKPOINT, [], cursor=newest)
    return newest


def _begin_again(management: Management) -> str:
    """Auth0 no longer knows our checkpoint: say that entries are missing, and go on from now."""
    newest = management.latest_log_id() or ""
    with transaction.atomic():
        row = feed_gaps.locked(Feed.CHECKPOINT)
        feed_gaps.lost(row, "checkpoint_lost", clock.now())
        row.cursor, row.heard = newest, clock.now()
        row.save()
    return ""
