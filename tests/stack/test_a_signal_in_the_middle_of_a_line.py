"""`make up` tells of a signal even while it writes: it has to live to end what it started."""

from __future__ import annotations

import subprocess
import sys

from tests.support.stack import CHECKOUT


def test_two_signals_while_a_line_is_written_end_everything() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.stack.interrupted"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("SIGTERM received") == 2
    assert "one stopped" in done.stderr
