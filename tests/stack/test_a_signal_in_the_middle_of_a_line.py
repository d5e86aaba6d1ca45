"""`make up` tells of a signal even while it writes: it has to live to end what it started."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import Any

import pytest

from portal.env import Env
from scripts import processes


class Interrupted(io.StringIO):
    """A terminal that is as strict as Python's own about being written to by two at once."""

    def __init__(self, signals: int) -> None:
        super().__init__()
        self._left, self._writing = signals, False

    def write(self, text: str) -> int:
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


@pytest.fixture
def usual() -> Any:
    """The handlers as they were, for the manager puts its own there."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield kept
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_two_signals_while_a_line_is_written_end_everything(
    monkeypatch: pytest.MonkeyPatch, usual: Any
) -> None:
    said = Interrupted(signals=2)
    monkeypatch.setattr(sys, "stdout", said)
    monkeypatch.setattr(processes, "commands", lambda _env: {"one": ["sleep", "600"]})
    monkeypatch.setattr(processes, "_tell_when_ready", lambda *_: None)
    assert processes.run_all(Env(), dict(os.environ), on_ready=lambda: None) == 0
    assert said.getvalue().count("SIGTERM received") == 2
    assert "one stopped" in said.getvalue()
