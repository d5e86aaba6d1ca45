"""`python -m tests.serving.starving HOW LIMIT_S`: a process with the watchdog."""

from __future__ import annotations

import os
import re
import sys
import threading
import time

from serving import limits, stuck_interpreter_watchdog


def stuck() -> None:
    """Backtracks for longer than anybody lives, and gives the interpreter lock to nobody."""
    re.match(r"(a+)+$", "a" * 64 + "b")


def busy() -> None:
    """Eight threads that compute for three times the limit."""
    until = time.monotonic() + 3 * limits.STARVED_S

    def compute() -> None:
        while time.monotonic() < until:
            sum(range(1000))

    threads = [threading.Thread(target=compute) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def forking() -> None:
    """Children that end as an interpreter does, while the timer is set back all the time."""
    for _ in range(20):
        pid = os.fork()
        if not pid:
            sys.exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3


if __name__ == "__main__":
    limits.STARVED_S = float(sys.argv[2])  # type: ignore[misc]
    stuck_interpreter_watchdog.start()
    {"stuck": stuck, "busy": busy, "forking": forking}[sys.argv[1]]()
    print("done")
