"""The watchdog: a process whose interpreter lock is never released ends; a busy one goes on."""

from __future__ import annotations

import subprocess
import sys

from serving import limits
from tests.support.stack import CHECKOUT


def watched(how: str, limit_s: float) -> subprocess.CompletedProcess[str]:
    """A process with the watchdog; killed after a minute."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.serving.starving", how, str(limit_s)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_twenty_seconds_without_a_turn_are_the_limit() -> None:
    assert limits.STARVED_S == 20


def test_a_process_that_holds_the_interpreter_ends_with_a_traceback_of_the_line() -> None:
    done = watched("stuck", 1.0)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Timeout (0:00:01)!" in done.stderr
    assert "tests/serving/starving.py" in done.stderr and "in stuck" in done.stderr


def test_a_busy_process_goes_on() -> None:
    done = watched("busy", 1.0)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_a_fork_of_a_watched_process_ends() -> None:
    """It has the lock of the timer but not the thread that would release it."""
    done = watched("forking", 1.0)
    assert (done.returncode, done.stderr) == (0, "")
