"""Ends a process whose interpreter stands still, so that its keeper starts another.

One call that never gives the interpreter lock back, such as a regular expression that backtracks
without end, stops every thread of the process: it answers nobody, and no Python code in it can
notice. faulthandler waits in a thread of C that needs no interpreter lock. A Python thread sets its
timer back; when that thread gets no turn in time, all tracebacks go to standard error and the
process exits with 1. `scripts/keep.sh`, or the parent under `--processes`, starts another.

What is done by then is a transaction or it is undone, as after any kill.

- Threads that only work are no reason: the interpreter lock changes hands every 5 ms.
- Sleep of the machine does not count: the timer is CLOCK_MONOTONIC (Linux with glibc 2.30 or later;
  elsewhere it may be the time of day, and waking up restarts the process).
- A process that was stopped (SIGSTOP, a frozen container) for longer than the limit is restarted
  when it goes on: its timer ran all the while.
"""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from functools import cache
from typing import Final

from serving import limits

_STDERR: Final = 2  # by number: Celery puts an object without one in the place of `sys.stderr`
_REARMED: Final = 20  # times within the limit

_timer = threading.Lock()


@cache
def start() -> None:
    """Watch this process until it ends; a second call does nothing. Its forks are not watched."""
    # A fork has the timer's lock but not its thread, and would wait for that thread when it ends.
    os.register_at_fork(
        before=_disarm, after_in_parent=_timer.release, after_in_child=_timer.release
    )
    limit_s = limits.STARVED_S
    threading.Thread(target=_rearm, args=(limit_s,), name="watchdog", daemon=True).start()


def _rearm(limit_s: float) -> None:
    while True:
        with _timer:
            faulthandler.dump_traceback_later(limit_s, exit=True, file=_STDERR)
        time.sleep(limit_s / _REARMED)


def _disarm() -> None:
    _timer.acquire()
    faulthandler.cancel_dump_traceback_later()
