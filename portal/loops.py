"""The worker's loops: due work every second, sequencing, watching the gateways.

Loops run as threads inside the Celery worker, supervised: one that fails is started again. Any
number of workers may run them, since due rows are claimed and the log has one holder by lock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import close_old_connections

from audit.erasure import idle_connections
from portal.worker_threads import Lanes
from serving import watchdog
from serving.private_files import keep_private

log = logging.getLogger("portal.loops")

Loop = Callable[[threading.Event], None]


def repeat(work: Callable[[], object], every_s: float) -> Loop:
    """A loop that calls `work` every so many seconds until it is stopped."""

    def loop(stop: threading.Event) -> None:
        while not stop.is_set():
            started = time.monotonic()
            with idle_connections.working():
                work()
                close_old_connections()
            stop.wait(max(0.05, every_s - (time.monotonic() - started)))

    return loop


def loops() -> dict[str, Loop]:
    """Name and loop of everything the worker does unasked."""
    from accounts import expiry
    from approvals import clock
    from approvals.erasure import replay
    from approvals.jobs import ASKING, LETTERS, STEPS, sweep
    from audit import (
        exports,
        jobs,
        witnesses,
    )
    from audit.erasure import (
        process_caches,
    )
    from audit.proofs import (
        timestamping,
    )
    from audit.sequencing import (
        checkpoint_thinning,
        sequencer,
    )
    from audit.verification import (
        continuous,
        requests,
    )
    from connections.access_reviews import large_reviews
    from connections.application_grants import grant_sync
    from connections.idle_access import idle_events
    from connections.notifications import letters as owners
    from connections.sync import auth0_status, reconcile
    from connections.tenant_log import reader
    from enforcement.gateways import watch

    asking = Lanes("asking", threads=4)
    steps = Lanes("steps", threads=8)
    letters = Lanes("letters", threads=2)
    return {
        "asking": repeat(lambda: sweep(asking, ASKING), 0.5),
        "remote-steps": repeat(lambda: sweep(steps, STEPS), 0.5),
        "letters": repeat(lambda: sweep(letters, LETTERS), 1.0),
        "owner-letters": repeat(lambda: sweep(letters, owners.LETTERS), 2.0),
        "sequencer": sequencer.loop,
        "witnesses": witnesses.loop,
        "time": timestamping.loop,
        "verifying": continuous.loop,
        "audit-due": repeat(jobs.run, 1.0),
        "exports": repeat(exports.run_due, 1.0),  # a short one does not wait behind a long one
        "audit-verify": repeat(requests.run_due, 1.0),
        "thinning": repeat(checkpoint_thinning.run_due, 600.0),
        "erasures": repeat(replay.run_due, 30.0),
        "remembered": repeat(process_caches.look, 2.0),
        "gateways": repeat(watch.poll_due, 1.0),
        "inventory": repeat(reconcile.run_due, 5.0),
        "dozing": repeat(idle_events.run, 20.0),
        "tenant": repeat(auth0_status.run_due, 5.0),
        "applications": repeat(grant_sync.run_due, 5.0),
        "tenant-log": repeat(reader.run_due, 5.0),
        "reviews": repeat(large_reviews.run_due, 1.0),
        "tidy": repeat(_tidy, 60.0),
        "sessions": repeat(lambda: expiry.tidy(clock.now()), 300.0),
    }


def _tidy() -> None:
    from approvals import clock
    from approvals.jobs import tidy
    from connections.access_reviews import closing, opening

    for what in (tidy, opening.tidy, closing.tidy):
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
        watchdog.start()
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
