"""A worker that was too slow gives back nothing that another one has taken over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from approvals import clock
from audit.db import leases
from connections.models import Schedule
from connections.sync import schedule
from connections.sync.schedule import Progress
from enforcement.audit_database import periodic_scan_import
from enforcement.models import Watch

NAME = "slow"


def taken_over(until: datetime) -> None:
    """As another worker writes it, once the first one's lease has run out."""
    Schedule.objects.filter(name=NAME).update(lease=until, done=7)


def test_a_job_that_lost_its_lease_stops_and_changes_nothing() -> None:
    now = clock.now()
    theirs = now + timedelta(minutes=5)

    def job(progress: Progress) -> None:
        taken_over(theirs)
        progress.say("too late")
        progress.stopped_at(99)
        progress.step()
        raise AssertionError("it goes on")

    assert schedule.run_due({NAME: job}, now) == 1
    row = Schedule.objects.get(name=NAME)
    assert (row.lease, row.done, row.detail, row.after) == (theirs, 7, "", 0)
    assert (row.due, row.finished) == (now, None), "the other worker says how it ended"


def test_a_job_that_reports_nothing_frees_no_other_workers_lease() -> None:
    now = clock.now()
    theirs = now + timedelta(minutes=5)
    schedule.run_due({NAME: lambda _: taken_over(theirs)}, now)
    row = Schedule.objects.get(name=NAME)
    assert (row.lease, row.finished) == (theirs, None)


def test_a_job_that_reports_keeps_its_lease_and_gives_it_back() -> None:
    now = clock.now()

    def job(progress: Progress) -> None:
        for _ in range(3):
            progress.step()
        progress.at(5, 9, 1)
        row = Schedule.objects.get(name=NAME)
        assert row.lease is not None and row.lease > now + schedule.LEASE - timedelta(seconds=1)

    schedule.run_due({NAME: job}, now)
    row = Schedule.objects.get(name=NAME)
    assert (row.lease, row.done, row.total, row.failed) == (None, 5, 9, 1)
    assert row.finished is not None and row.due > now


def test_a_slow_look_at_a_gateway_frees_no_other_workers_lease() -> None:
    now = clock.now()
    theirs = now + timedelta(minutes=5)
    Watch.objects.create(name="edge-1", due=now)

    def look(_: Watch) -> int:
        return Watch.objects.filter(name="edge-1").update(lease=theirs)

    assert periodic_scan_import._claimed("edge-1", now, look) == 1
    assert Watch.objects.get(name="edge-1").lease == theirs
    Watch.objects.update(lease=None, due=now)
    assert periodic_scan_import._claimed("edge-1", now, lambda _: 2) == 2
    assert Watch.objects.get(name="edge-1").lease is None


@pytest.mark.parametrize("held", [True, False])
def test_only_who_holds_a_lease_renews_and_releases_it(held: bool) -> None:
    now = clock.now()
    mine, other = now + timedelta(seconds=1), now + timedelta(seconds=2)
    Schedule.objects.create(name=NAME, due=now)
    row = Schedule.objects.filter(name=NAME)
    assert leases.claim(row.filter(leases.free(now)), mine)
    assert not leases.claim(row.filter(leases.free(now)), other), "it is held"
    token = mine if held else other
    assert leases.renew(row, token, now + timedelta(seconds=3)) is held
    assert leases.release(row, token) is False, "renewed, or never ours"
    assert leases.release(row, row.get().lease or now)
