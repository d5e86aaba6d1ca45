"""One server process: started with its credential, watched, stopped with everything it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from ata.errors import AtaError
from ata.mcp_run.bounded_line_reader import MAX_LINE, BoundedLine, Reader
from ata.mcp_run.bounded_pipe_writer import CAPACITY, Buffered, Outbox
from ata.mcp_run.credentials import Credentials
from ata.mcp_run.redaction import Redactor

STOP_STEP_S = 3.0
"""How long a server may take after its input closed, and again after SIGTERM (MCP, lifecycle)."""
_LAST_OUTPUT_S = 1.0
_SIGNAL_BASE = 128
_READ_AT_ONCE = 64 * 1024
_LEFT_OUT = f"(ata: a line of more than {MAX_LINE:,} bytes is left out)\n".encode()


class Child:
    """A running server.

    Args:
        command: the program and its arguments.
        credentials: what its environment gets on top of ours.
        redactor: cleans what it writes to standard error.
        input: counts what waits until the server reads it.
        output: counts what the server wrote; while it is full, no more is read. The reader of a
            line frees its bytes.
        on_heard: called from a thread when it wrote anything, before that is a whole line.
        on_line: called from a thread with the child and each line of its output.
        on_error_text: called from a thread with each line of its standard error, cleaned.
        on_exit: called from a thread once it has ended and its output is read.

    Raises:
        AtaError: `command_failed` when the program cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        credentials: Credentials,
        redactor: Redactor,
        *,
        input: Buffered,
        output: Buffered,
        on_heard: Callable[[], None],
        on_line: Callable[[Child, BoundedLine], None],
        on_error_text: Callable[[bytes], None],
        on_exit: Callable[[Child], None],
    ) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the operator's own command
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=credentials.for_child(),
                # A group of its own: signals reach it once, through us, with all it started.
                start_new_session=True,
            )
        except OSError as error:
            raise AtaError(
                f"{command[0]} cannot be started: {error.strerror}.",
                code="command_failed",
                fix="Check the command after `--`.",
            ) from error
        self._on_heard, self._on_line, self._on_exit = on_heard, on_line, on_exit
        self._on_error_text, self._redactor = on_error_text, redactor
        stdin = _pipe(self._process.stdin)
        self._input = Outbox(stdin.fileno(), input, on_end=stdin.close)
        self._output = output
        pumps = self._thread(self._pump_output), self._thread(self._pump_errors)
        self._thread(self._watch, *pumps)

    def send(self, raw: bytes) -> None:
        """Write one line to the server as soon as it reads; one that has ended takes none."""
        self._input.add(raw)

    def close_input(self) -> None:
        """Tell the server that nothing more will come after what was sent."""
        self._input.finish()

    def signal(self, number: int) -> None:
        """Pass a signal on to the server and everything it started."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def stop(self) -> None:
        """End the server: close its input, then SIGTERM, then SIGKILL.

        What it did not read yet is dropped, and no pipe is waited for.
        """
        self._input.drop()
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                self._process.wait(STOP_STEP_S)
                return
            except subprocess.TimeoutExpired:
                self.signal(number)
        self._process.wait()

    def exit_code(self) -> int:
        """Its exit code once it has ended; 128 + n when signal n ended it, as shells say it."""
        code = self._process.wait()
        return code if code >= 0 else _SIGNAL_BASE - code

    def _thread(self, work: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, daemon=True)
        thread.start()
        return thread

    def _pump_output(self) -> None:
        for line in self._lines(_pipe(self._process.stdout)):
            self._output.wait()
            self._output.take(line.whole)
            self._on_line(self, line)

    def _pump_errors(self) -> None:
        for line in self._lines(_pipe(self._process.stderr)):
            self._on_error_text(_LEFT_OUT if line.outline else self._redactor.clean(line.raw))

    def _lines(self, pipe: IO[bytes]) -> Iterator[BoundedLine]:
        reader = Reader()
        while part := os.read(pipe.fileno(), _READ_AT_ONCE):
            self._on_heard()
            yield from reader.add(part)
        yield from reader.end()

    def _watch(self, *pumps: threading.Thread) -> None:
        self._process.wait()
        # What it started may hold the pipes open for ever; what it wrote itself is here by now.
        for pump in pumps:
            pump.join(_LAST_OUTPUT_S)
            while pump.is_alive() and self._output.used >= CAPACITY:
                pump.join(_LAST_OUTPUT_S)
        self._on_exit(self)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
