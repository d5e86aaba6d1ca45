"""`ata mcp run`: between an agent and its MCP server, with the credential on one side only.

Before each request that may use the credential the broker is asked again, and every few seconds
while anything is written, in lines or not, or waits in a pipe, so that a block, a hold or a
disconnect makes the very next one fail, and ends the server that still holds a credential. A
failure that may pass is tried again after 5 to 30 s; a server whose credential expired meanwhile is
ended. Neither asking nor ending waits for somebody who does not read: other threads write, and
while much waits to be written, no more is read. A line that cannot be read is refused, and what is
forwarded is spelled here, so that a server reads no more in it than we did. When the token changed,
the server is restarted with the new one after its open requests are answered, and the handshake is
replayed; what a server keeps in memory between calls is lost then.
"""

from __future__ import annotations

import math
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from ata.errors import AtaError
from ata.mcp_run import messages
from ata.mcp_run import supervisor_input_events as events
from ata.mcp_run.agent_stdin_reader import read_agent
from ata.mcp_run.bounded_line_reader import BoundedLine, Id, answer_too_long, too_long
from ata.mcp_run.bounded_pipe_writer import CAPACITY, Buffered, Outbox
from ata.mcp_run.broker_recheck_schedule import SAID_NO, Renewal, not_asked
from ata.mcp_run.credentials import CHANGED, UNPROMPTED, Broker, Credentials
from ata.mcp_run.messages import Line
from ata.mcp_run.redaction import Redactor
from ata.mcp_run.server_process import Child
from ata.output.screen import Screen

DRAIN_S = 30.0
"""How long open requests may hold up a restart."""
HANDSHAKE_S = 30.0
_FLUSH_S = 5.0
_LONGEST_WAIT_S = 3600.0
_ERRORS_AT_ONCE = 2 * CAPACITY + 64 * 1024  # a server's standard error takes up to two CAPACITY
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_REPLAY_PREFIX = "ata-restart-"


class Supervisor:
    """Runs one server for one agent; all state belongs to the thread that calls `run`."""

    def __init__(self, broker: Broker, command: Sequence[str], screen: Screen) -> None:
        self._broker = broker
        self._command = command
        self._redactor = Redactor()
        self._screen = screen
        # Bounded by the buffers of its readers.
        self._events: SimpleQueue[events.Event] = SimpleQueue()
        self._for_agent, self._for_server, self._for_errors = Buffered(), Buffered(), Buffered()
        self._answers_out = Outbox(
            sys.stdout.fileno(), self._for_agent, on_broken=lambda: self._events.put(events.Stop(1))
        )
        self._errors_out = Outbox(sys.stderr.fileno(), self._for_errors)
        self._backlog: deque[events.Event] = deque()
        self._child: Child | None = None
        self._credentials: Credentials | None = None
        self._handshake: Line | None = None
        self._open: dict[Id, None] = {}
        self._deferred: deque[Line] = deque()
        self._drain_until = 0.0
        self._broker_lock = Lock()
        self._renewal = Renewal()
        self._last_asking: Thread | None = None
        self._agent_closed = False
        self._restarts = 0

    def run(self) -> int:
        """Pass lines both ways until the server ends; returns its exit code.

        When no credential can be had at the start, the server is not started; each request of
        the agent asks again and is answered with the reason.

        Raises:
            AtaError: at a terminal, where nobody speaks JSON-RPC, the reason itself;
                `command_failed` when the program cannot be started.
        """
        for number in _FORWARDED:
            signal.signal(number, self._on_signal)
        try:
            self._start(self._ask(prompt=True))
        except AtaError as error:
            if error.code in {"command_failed", "usage"} or sys.stdin.isatty():
                raise
            self._report(error)
        buffers = self._for_server, self._for_agent
        Thread(target=read_agent, args=(self._events, *buffers), daemon=True).start()
        try:
            return self._loop()
        finally:
            if self._child:
                self._child.stop()
            if self._last_asking:  # it may be storing a session that was refreshed
                self._last_asking.join(_FLUSH_S)
            self._answers_out.flush(_FLUSH_S)
            self._errors_out.flush(_FLUSH_S)

    def _loop(self) -> int:
        while True:
            event = self._next_event()
            match event:
                case events.ChildEnded(child) if child is self._child:
                    return child.exit_code()
                case events.Stop(code):
                    return code
                case events.AgentClosed():
                    self._agent_closed = True
                case events.FromAgent(line):
                    self._renewal.heard = True
                    self._read(line)
                    self._for_server.give_back(line.whole)
                case _:
                    self._hear(event)
            if self._deferred and (not self._open or time.monotonic() >= self._drain_until):
                self._finish_draining()
            self._ask_if_due()
            if self._agent_closed and not self._deferred:
                if self._child is None:
                    return 1
                self._child.close_input()

    def _hear(self, event: events.Event | None) -> None:
        """Heed what the server wrote and what was asked about it; of one that was ended nothing."""
        match event:
            case events.FromChild(child, line):
                if child is self._child:
                    self._from_child(line)
                self._for_agent.give_back(line.whole)
            case events.Asked(child, answer):
                self._renewal.asking = False
                if child is self._child:
                    self._take_answer(answer)

    def _next_event(self) -> events.Event | None:
        if self._backlog:
            return self._backlog.popleft()
        until = min(self._ask_at(), self._drain_until if self._deferred else math.inf)
        left = None if until == math.inf else max(0.0, until - time.monotonic())
        try:
            return self._events.get(timeout=left if left is None else min(left, _LONGEST_WAIT_S))
        except Empty:
            return None

    def _read(self, line: BoundedLine) -> None:
        if line.outline is not None:
            self._refuse_unreadable(line, messages.UNREADABLE)
        elif line.whole.strip():
            try:
                read = messages.read_line(line.whole)
            except messages.NoMessage:
                self._refuse_unreadable(line, messages.NO_MESSAGE)
            except ValueError:
                self._refuse_unreadable(line, messages.UNREADABLE)
            else:
                self._from_agent(read)

    def _refuse_unreadable(self, line: BoundedLine, code: int) -> None:
        """Answer who waits for an answer; where that cannot be known, a line too long ends us."""
        waiting = line.waiting()
        for request in (waiting and waiting.requests) or (None,):
            self._to_agent(messages.unreadable(request, code))
        if waiting is None and line.outline is not None:
            self._report(too_long())
            self._events.put(events.Stop(1))
        elif waiting and self._child:
            for question in waiting.questions:
                self._child.send(messages.unreadable(question, code))

    def _from_agent(self, line: Line) -> None:
        if self._deferred and (line.requests or line.asks):
            self._defer(line)
            return
        if (line.asks or self._child is None) and not self._admit(line):
            return
        self._forward(line)

    def _ask(self, *, prompt: bool) -> Credentials:
        """Ask the broker; only for what the agent wants people are asked for approval."""
        try:
            with self._broker_lock:
                credentials = self._broker.credentials(prompt=prompt)
        except AtaError as error:
            self._renewal.note(error)
            raise
        self._renewal.note(credentials)
        return credentials

    def _ask_at(self) -> float:
        """When to ask what no agent wants, on the monotonic clock; infinity for not at all."""
        if self._child is None:
            return math.inf
        buffers = self._for_agent, self._for_server, self._for_errors
        waiting = any(buffered.used for buffered in buffers)
        return self._renewal.due_at(waiting=waiting)

    def _ask_if_due(self) -> None:
        """Ask while a server holds a credential; end it where that expired without an answer."""
        if self._child is None or time.monotonic() < self._ask_at():
            return
        if failure := self._renewal.expired():
            self._report(failure)
            self._end_server(failure)
        elif not self._renewal.asking:
            self._renewal.asking = True
            self._last_asking = Thread(target=self._ask_apart, args=(self._child,), daemon=True)
            self._last_asking.start()

    def _ask_apart(self, child: Child) -> None:
        """Ask in a separate thread: a portal that hangs holds up nothing that is said."""
        answer: Credentials | AtaError = not_asked()
        try:
            with self._broker_lock:
                answer = self._broker.credentials(prompt=False)
        except AtaError as error:
            answer = error
        finally:
            self._events.put(events.Asked(child, answer))

    def _take_answer(self, answer: Credentials | AtaError) -> None:
        """Heed what was asked apart; a failure that stays the same is reported once."""
        failed = self._renewal.failed
        before = failed.code if failed else UNPROMPTED
        self._renewal.note(answer)
        if isinstance(answer, AtaError):
            if answer.code not in {UNPROMPTED, before}:
                self._report(answer)
            self._heed(answer)

    def _admit(self, line: Line) -> bool:
        """Ask the broker; False when the line was answered or has to wait for a restart."""
        try:
            credentials = self._ask(prompt=line.asks or line.opens)
            if self._child is None and (self._handshake is None or line.opens):
                self._start(credentials)
            elif self._child is None or credentials != self._credentials:
                if self._open:
                    self._defer(line)
                    self._drain_until = time.monotonic() + DRAIN_S
                    return False
                self._restart(credentials)
        except AtaError as error:
            self._refuse(line, error)
            self._heed(error)
            return False
        return True

    def _heed(self, error: AtaError) -> None:
        """End the server, and with a changed manifest ourselves, where the refusal says so."""
        if error.code in SAID_NO:
            self._end_server(error)
        if error.code == CHANGED:
            self._events.put(events.Stop(1))

    def _end_server(self, error: AtaError) -> None:
        """End the server and its credential; the next request starts a new server."""
        if self._child is None:
            return
        for request in self._open:
            self._to_agent(messages.refusal(request, error))
        self._open.clear()
        child, self._child, self._credentials = self._child, None, None
        child.stop()

    def _refuse(self, line: Line, error: AtaError) -> None:
        self._report(error)
        for request in line.requests:
            self._to_agent(messages.refusal(request, error))

    def _forward(self, line: Line) -> None:
        if self._child is None:
            return
        if line.opens:
            self._handshake = line
        self._open.update(dict.fromkeys(line.requests))
        self._child.send(line.raw)

    def _from_child(self, line: BoundedLine) -> None:
        if line.outline is not None:
            self._leave_out(line)
            return
        clean = self._redactor.clean(line.raw)
        answers = messages.answered_in(clean)
        if any(str(answer).startswith(_REPLAY_PREFIX) for answer in answers):
            return
        for answer in answers:
            self._open.pop(answer, None)
        self._to_agent(clean)

    def _leave_out(self, line: BoundedLine) -> None:
        """Answer for a server whose line is too long; where no id can be read, it is ended."""
        error, waiting = answer_too_long(), line.waiting()
        self._report(error)
        if waiting is None or self._child is None:
            self._end_server(error)
            return
        for answered in waiting.questions:
            if answered in self._open:
                del self._open[answered]
                self._to_agent(messages.refusal(answered, error))
        for question in waiting.requests:
            self._child.send(messages.unreadable(question, messages.UNREADABLE))

    def _finish_draining(self) -> None:
        for request in self._open:
            self._to_agent(messages.lost_in_restart(request))
        self._open.clear()
        waiting, self._deferred = self._deferred, deque()
        for line in waiting:
            self._for_server.give_back(line.raw)
            self._from_agent(line)

    def _defer(self, line: Line) -> None:
        """Keep a line until the server was restarted."""
        self._for_server.take(line.raw)
        self._deferred.append(line)

    def _start(self, credentials: Credentials) -> None:
        self._redactor.learn(credentials.environment.values())
        self._child = Child(
            self._command,
            credentials,
            self._redactor,
            input=self._for_server,
            output=self._for_agent,
            on_heard=self._note_heard,
            on_line=lambda child, line: self._events.put(events.FromChild(child, line)),
            on_error_text=self._to_errors,
            on_exit=lambda child: self._events.put(events.ChildEnded(child)),
        )
        self._credentials = credentials

    def _restart(self, credentials: Credentials) -> None:
        if self._child:
            self._child.stop()
        self._start(credentials)
        if self._handshake is None or self._child is None:
            return
        self._restarts += 1
        request = f"{_REPLAY_PREFIX}{self._restarts}"
        self._child.send(messages.with_id(self._handshake.raw, request))
        self._await_answer(request)
        self._child.send(messages.initialized())

    def _await_answer(self, request: Id) -> None:
        until = time.monotonic() + HANDSHAKE_S
        while (left := until - time.monotonic()) > 0:
            try:
                event = self._events.get(timeout=left)
            except Empty:
                break
            if isinstance(event, events.FromChild) and self._answers(event, request):
                self._for_agent.give_back(event.line.whole)
                return
            self._backlog.append(event)
            if isinstance(event, events.ChildEnded) and event.child is self._child:
                return
        raise AtaError(
            "The server did not come back after a restart with a new credential.",
            code="restart_failed",
            fix="Call it again, or restart the server.",
        )

    def _answers(self, event: events.FromChild, request: Id) -> bool:
        return event.child is self._child and request in messages.answered_in(event.line.whole)

    def _to_agent(self, raw: bytes) -> None:
        self._answers_out.add(raw)

    def _note_heard(self) -> None:
        """From a thread: the server wrote something, so that it is asked about soon."""
        if not self._renewal.heard:
            self._renewal.heard = True
            self._events.put(events.Heard())

    def _to_errors(self, text: bytes) -> None:
        self._for_errors.wait()
        self._errors_out.add(text)

    def _report(self, error: AtaError) -> None:
        """Write it to standard error; left out where nobody reads that."""
        if self._for_errors.used < _ERRORS_AT_ONCE:
            self._errors_out.add(f"{self._screen.error_text(error)}\n".encode())

    def _on_signal(self, number: int, _frame: object) -> None:
        if self._child:
            self._child.signal(number)
        else:
            self._events.put(events.Stop(128 + number))
