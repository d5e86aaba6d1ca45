"""How far each feed is, since when it watched without a break, and the breaks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from approvals import clock
from audit.clock import rfc3339
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from connections.models import Feed, LogFact, LogFeed, LogGap

AWAY: timedelta = timedelta(hours=24)
"""Entries may be gone after that: how long a tenant keeps them depends on its plan."""

LATE: timedelta = timedelta(minutes=15)
"""A stream that has not brought by then what the reader found is said to be silent."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Since when uses would have been seen; None: nobody watches. `gaps` are the newest breaks."""

    since: datetime | None
    heard: datetime | None
    gaps: tuple[LogGap, ...]


def watched() -> Watched:
    """What can be said about a use that was not seen."""
    feeds = [feed for feed in LogFeed.objects.all() if feed.since is not None]
    since = min((feed.since for feed in feeds if feed.since), default=None)
    heard = max((feed.heard for feed in feeds if feed.heard), default=None)
    return Watched(since, heard, tuple(LogGap.objects.all()[:10]))


def locked(feed: Feed) -> LogFeed:
    """A feed's row, begun now if it never was; entries are taken one delivery at a time.

    Both rows are locked in the caller's transaction: the same entry may come by both feeds.
    """
    for name in Feed:
        LogFeed.objects.get_or_create(feed=name)
    rows = {row.feed: row for row in LogFeed.objects.select_for_update().order_by("feed")}
    row = rows[feed]
    if row.since is None:
        row.since = clock.now()
    return row


def lost(feed: LogFeed, why: str, now: datetime) -> None:
    """A break whose end is now: unbroken watching begins again (the row is not saved).

    Args:
        why: `checkpoint_lost`, Auth0 no longer knows where we were; `away`, we did not look for so
            long that it may have dropped entries.
    """
    start = feed.newest or feed.since
    LogGap.objects.create(feed=feed.feed, why=why, start=start, end=now, found=now)
    feed.since = now
    _record(Feed(feed.feed), why, start, now)


def watch_the_stream(now: datetime) -> None:
    """Compare what the reader found with what a stream brought, if there is one."""
    with transaction.atomic():
        stream = locked(Feed.STREAM)
        if stream.heard is None:  # no stream was ever set up
            return
        going_on = LogGap.objects.filter(feed=Feed.STREAM, why="silent", end=None).first()
        missed = LogFact.objects.filter(
            feed=Feed.CHECKPOINT, at__gt=stream.heard, received__lt=now - LATE
        ).exists()
        if missed and going_on is None:
            LogGap.objects.create(feed=Feed.STREAM, why="silent", start=stream.heard, found=now)
            _record(Feed.STREAM, "silent", stream.heard, None)


def stream_is_back(now: datetime) -> None:
    """A delivery ends a silence; the reader brought what was missing meanwhile."""
    LogGap.objects.filter(feed=Feed.STREAM, why="silent", end=None).update(end=now)


def _record(feed: Feed, why: str, start: datetime | None, end: datetime | None) -> None:
    record(
        SYSTEM,
        "tenant_log.gap_found",
        source="auth0",
        severity="LOW" if why == "silent" else "",
        target=Target("tenant_log", feed.value),
        data={
            "why": why,
            "start": rfc3339(start) if start else None,
            "end": rfc3339(end) if end else None,
        },
    )
