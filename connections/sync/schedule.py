"""Recurring looks at Auth0: due rows that any worker may take, with their progress."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from approvals import clock
from audit.db import leases
from auth0_client.errors import Auth0Error, RateLimited
from auth0_client.management_api import Budget
from connections.models import Schedule
from http_client.errors import HttpClientError

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)
AFTER_TROUBLE = timedelta(minutes=1)
LEASE = timedelta(minutes=2)
SPARED = 5
"""Calls that recurring jobs leave in the Management API's bucket."""


class Progress:
    """How far a job is, on its row, for readers. Who lost the lease writes nothing."""

    def __init__(self, name: str, lease: datetime) -> None:
        self._row, self._lease = Schedule.objects.filter(name=name), lease

    @property
    def after(self) -> int:
        """Where a job that resumes automatically was stopped; 0 at its beginning."""
        return self._row.values_list("after", flat=True).first() or 0

    def step(self) -> None:
        """One more is done; the lease of a long run is renewed.

        Raises:
            LeaseLost: the run said nothing for too long, and another worker took the job.
        """
        self._renew(done=F("done") + 1)

    def stopped_at(self, after: int) -> None:
        """It would go on from here."""
        self._row.filter(lease=self._lease).update(after=after)

    def at(self, done: int, total: int, failed: int) -> None:
        """How far a job is that counts for itself; the lease is renewed.

        Raises:
            LeaseLost: as `step`.
        """
        self._renew(done=done, total=max(done, total), failed=failed)

    def say(self, words: str) -> None:
        """Something that people should know about this run."""
        self._row.filter(lease=self._lease).update(detail=words[:300])

    def end(self, **changes: Any) -> None:
        """Give the job back, where it is still held."""
        leases.release(self._row, self._lease, **changes)

    def _renew(self, **changes: Any) -> None:
        until = clock.now() + LEASE
        if not leases.renew(self._row, self._lease, until, **changes):
            raise LeaseLost(f"another worker took over after {LEASE}")
        self._lease = until


class LeaseLost(RuntimeError):
    """Another worker has the job: this run stops."""


Job = Callable[[Progress], None]


def run_due(jobs: dict[str, Job], now: datetime, *, every: timedelta = EVERY) -> int:
    """Run every due job once; returns how many ran. Any number of workers may call it.

    `every` is the pace of these jobs; after trouble they are tried again in a minute at most.
    """
    known = set(Schedule.objects.values_list("name", flat=True))
    for name in jobs.keys() - known:
        Schedule.objects.get_or_create(name=name, defaults={"due": now})
    ran = 0
    due = set(Schedule.objects.filter(leases.free(now)).values_list("name", flat=True))
    for name in (job for job in jobs if job in due):
        row, until = Schedule.objects.filter(leases.free(now), name=name), now + LEASE
        if leases.claim(row, until, started=now, done=0, total=0, failed=0, detail=""):
            _run(name, jobs[name], every, Progress(name, until))
            ran += 1
    return ran


def _run(name: str, job: Job, every: timedelta, progress: Progress) -> None:
    due, finished = every, True
    started = clock.now()
    soon = min(every, AFTER_TROUBLE)
    try:
        job(progress)
    except RateLimited as error:
        due, finished = _patience(error), False
        progress.say(error.advice)
    except (Auth0Error, HttpClientError) as error:
        due, finished = soon, False
        progress.say(getattr(error, "advice", "Auth0 could not be reached."))
    except LeaseLost as lost:
        log.warning("scheduled job %s stops: %s", name, lost)
        return
    except Exception:
        log.exception("scheduled job %s failed", name)
        due, finished = soon, False
        progress.say("It stopped with an error; see the log.")
    now = clock.now()
    if finished:  # what takes long leaves the tenant as long to itself
        due = max(due, now - started)
    progress.end(due=now + due, **({"finished": now} if finished else {}))


def _patience(error: RateLimited) -> timedelta:
    """As long as the tenant said, an hour at most; a minute where it said nothing."""
    wait = error.wait_s(clock.now())
    return timedelta(seconds=min(max(60.0 if wait is None else wait, 1.0), 3600.0))


def spare(budget: Budget) -> None:
    """Leave the last calls of the tenant's rate limit to people who wait for a page.

    Raises:
        RateLimited: little is left; the job goes on where it was once the bucket is full.
    """
    low = budget.remaining is not None and budget.remaining < SPARED < (budget.limit or 0)
    if low and budget.reset_at is not None and budget.reset_at > clock.now():
        raise RateLimited("mgmt", "spared", reset_at=budget.reset_at)


def ask_now(name: str, now: datetime) -> Schedule:
    """Make a job due at once, unless it is running."""
    row, _ = Schedule.objects.get_or_create(name=name, defaults={"due": now})
    Schedule.objects.filter(name=name, due__gt=now).update(due=now)
    row.refresh_from_db()
    return row


def running(row: Schedule, now: datetime) -> bool:
    """Whether a worker holds it."""
    return row.lease is not None and row.lease >= now
