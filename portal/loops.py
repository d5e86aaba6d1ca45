"""The worker's loops: due work every second, sequencing, watching the gateways.

Loops run as threads inside the Celery worker, supervised: one that fails is started again. Any
number of workers may run them, since due rows are claimed and the log has one holder by lock.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import close_old_connections

from audit.erasure import idle_database_connections
from portal.background_job_pool_per_peer import Lanes
from portal.ops import telemetry
from serving import stuck_interpreter_watchdog
from serving.private_file_modes import keep_private

log = logging.getLogger("portal.loops")

Loop = Callable[[threading.Event], None]

_TURN_S = 0.0005
"""A loop that waited for a disk gets the interpreter back after so long at most, not after 5 ms: it
waits at each row, so loops that only compute made what gateways push ten seconds late."""


def repeat(work: Callable[[], object], every_s: float) -> Loop:
    """A loop that calls `work` every so many seconds until it is stopped."""

    def loop(stop: threading.Event) -> None:
        while not stop.is_set():
            started = time.monotonic()
            with idle_database_connections.working():
                work()
                close_old_connections()
            stop.wait(max(0.05, every_s - (time.monotonic() - started)))

    return loop


def loops() -> dict[str, Loop]:
    """Name and loop of everything the worker does unasked."""
    from accounts import expired_row_cleanup
    from approvals import clock
    from approvals.due_work import ASKING, LETTERS, STEPS, sweep
    from approvals.erasure import replay
    from approvals.notifications import saved_view_notices as views
    from approvals.notifications import saved_view_weekly_digest
    from audit import (
        due_exports_and_cleanup,
        exports,
        witnesses,
    )
    from audit.erasure import (
        process_caches,
    )
    from audit.exports import line_block_cache
    from audit.ingest.pushes import drain
    from audit.proofs import (
        timestamping,
    )
    from audit.sequencing import (
        checkpoint_thinning,
        sequencer,
    )
    from audit.verification import (
        continuous,
        requested_runs,
    )
    from connections.access_reviews import large_reviews
    from connections.application_grants import consent_and_token_sync
    from connections.idle_access import idle_and_active_events
    from connections.notifications import owner_emails_and_webhook as owners
    from connections.sync import auth0_reachability, connected_accounts
    from connections.tenant_log import reader
    from enforcement.audit_database import periodic_scan_import
    from enforcement.decisions import fleet_codes

    asking = Lanes("asking", threads=4)
    steps = Lanes("steps", threads=8)
    letters = Lanes("letters", threads=2)
    view_notices = Lanes("view-notices", threads=1)  # many views delay no letter about a request
    digests = Lanes("weekly-digests", threads=1)  # a long count delays no notice
    return {
        "asking": repeat(lambda: sweep(asking, ASKING), 0.5),
        "remote-steps": repeat(lambda: sweep(steps, STEPS), 0.5),
        "letters": repeat(lambda: sweep(letters, LETTERS), 1.0),
        "owner-letters": repeat(lambda: sweep(letters, owners.LETTERS), 2.0),
        "view-notices": repeat(lambda: sweep(view_notices, views.LETTERS), 2.0),
        "weekly-digests": repeat(lambda: sweep(digests, saved_view_weekly_digest.LETTERS), 30.0),
        "sequencer": sequencer.loop,
        "witnesses": witnesses.loop,
        "time": timestamping.loop,
        "verifying": continuous.loop,
        "audit-due": repeat(due_exports_and_cleanup.run, 1.0),
        "gateway-pushes": repeat(drain.run_due, 0.25),
        "export-lines": repeat(line_block_cache.fill, 5.0),  # a fifth of the time, for a cache
        "exports": repeat(exports.run_due, 1.0),  # a short one does not wait behind a long one
        "audit-verify": repeat(requested_runs.run_due, 1.0),
        "thinning": repeat(checkpoint_thinning.run_due, 600.0),
        "erasures": repeat(replay.run_due, 30.0),
        "remembered": repeat(process_caches.look, 2.0),
        "gateways": repeat(periodic_scan_import.poll_due, 1.0),
        "fleet-codes": repeat(fleet_codes.end_without_admin, 5.0),
        "inventory": repeat(connected_accounts.run_due, 5.0),
        "dozing": repeat(idle_and_active_events.run, 20.0),
        "tenant": repeat(auth0_reachability.run_due, 5.0),
        "applications": repeat(consent_and_token_sync.run_due, 5.0),
        "tenant-log": repeat(reader.run_due, 5.0),
        "reviews": repeat(large_reviews.run_due, 1.0),
        "tidy": repeat(_tidy, 60.0),
        "sessions": repeat(lambda: expired_row_cleanup.tidy(clock.now()), 300.0),
    }


def _tidy() -> None:
    from approvals import clock
    from approvals.due_work import tidy
    from connections.access_reviews import store_closing_result, store_opening_list

    for what in (tidy, store_opening_list.tidy, store_closing_result.tidy):
        what(clock.now())


def supervise(name: str, loop: Loop, stop: threading.Event) -> None:
    """Run a loop; when it fails, say so and start it again."""
    while not stop.is_set():
        try:
            loop(stop)
        except Exception:
            log.exception("loop %s failed; starting it again", name)
            close_old_connections()
            stop.wait(2)


class Loops(bootsteps.StartStopStep):  # type: ignore[misc]  # celery has no types
    """Starts the loops with the worker and stops them with it.

    After Beat, where there is one: it is forked, and a fork of a process whose threads are at work
    may find their locks held for ever (POSIX fork). Without this, the order is that of a set.
    """

    requires = {"celery.worker.components:Pool", "celery.worker.components:Beat"}

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        keep_private(settings.VAR_DIR)
        self.stop_now = threading.Event()
        self.threads: list[threading.Thread] = []

    def start(self, worker: Any) -> None:
        """One supervised thread a loop; a worker that stands still is ended."""
        stuck_interpreter_watchdog.start()
        telemetry.start("worker")
        sys.setswitchinterval(_TURN_S)
        for name, loop in loops().items():
            thread = threading.Thread(
                target=supervise, args=(name, loop, self.stop_now), name=name, daemon=True
            )
            thread.start()
            self.threads.append(thread)

    def stop(self, worker: Any) -> None:
        """Let each loop finish what it holds."""
        self.stop_now.set()
        for thread in self.threads:
            thread.join(5)
