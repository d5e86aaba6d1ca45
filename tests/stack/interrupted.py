"""A stack of one process whose terminal brings two signals in the middle of a line.

    python -m tests.stack.interrupted

Ends as `make up` does, and says last on standard error what was written. A program of its own, for
it takes the signals and forks.
"""

from __future__ import annotations

import io
import os
import signal
import sys

from portal.env import Env
from scripts import processes


class Interrupted(io.StringIO):
    """As strict as Python's own standard output about two that write at once."""

    def __init__(self, signals: int) -> None:
        super().__init__()
        self._left, self._writing = signals, False

    def write(self, text: str) -> int:
        """Write, and be interrupted by a signal meanwhile."""
        if self._writing:
            raise RuntimeError("reentrant call")
        self._writing = True
        try:
            if self._left and text.strip():
                self._left -= 1
                os.kill(os.getpid(), signal.SIGTERM)
            return super().write(text)
        finally:
            self._writing = False


def _one(env: Env) -> dict[str, list[str]]:
    del env
    return {"one": ["sleep", "60"]}


def main() -> int:
    """Run it to its end."""
    said = sys.stdout = Interrupted(signals=2)
    processes.commands = _one
    code = processes.run_all(Env(), dict(os.environ), on_ready=lambda: None, until=lambda: False)
    print(said.getvalue(), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
