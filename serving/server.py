"""The event loop with its connections, and how it ends."""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from heapq import nsmallest
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from serving import limits, stuck_interpreter_watchdog
from serving.channel import Channel
from serving.waiting_order import Proven, Queue


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Threads that take requests in the order of `waiting_order`."""

    def __init__(self, threads: int, proven: Proven) -> None:
        super().__init__()
        self.queue = Queue(threads, proven)
        self.set_thread_count(threads)

    def ended(self, turn: object) -> None:
        """Note that a request was served, and wake a thread for who waited for that."""
        with self.lock:
            if self.queue.ended(turn):
                self.queue_cv.notify()

    def look_again(self) -> None:
        """Wake threads: an unproven caller served for long frees their turn by the clock alone."""
        with self.lock:
            self.queue_cv.notify(len(self.queue))

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """End all threads; requests that wait are cancelled."""
        with self.lock:
            self.queue.open()
        return bool(super().shutdown(cancel_pending, timeout))


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Serves one application on a listening socket until it is stopped."""

    channel_class = Channel

    def __init__(self, application: Callable[..., Any], listening: socket.socket, threads: int):
        self.threads = threads
        self.connections = _connections()
        self.waiting: set[Channel] = set()
        # At most so many threads work at a time, however many there are: threads that all want
        # the interpreter at once spend more time on taking turns than on work.
        self.turns = threading.Semaphore(threads)
        self.lent = 0  # threads that wait for somebody else, as they say themselves
        self.kept = 0  # as many more are kept, since the next wait comes soon
        self._waiting_lock = threading.Lock()
        self._stopping = False
        self.proven = Proven()
        host = listening.getsockname()[0]
        super().__init__(
            application,
            _sock=listening,
            bind_socket=False,
            dispatcher=Dispatcher(threads, self.proven),
            sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
            adj=Adjustments(
                threads=threads,
                connection_limit=self.connections,
                cleanup_interval=1,
                max_request_header_size=limits.LONGEST_HEADERS,
                inbuf_overflow=limits.BODY_IN_MEMORY,
                outbuf_high_watermark=limits.UNREAD,
                outbuf_overflow=4 * limits.UNREAD,  # an answer in one piece may be longer
                log_socket_errors=False,
                ident=None,
                server_name=host,
                # Which of them is believed is the application's own setting.
                clear_untrusted_proxy_headers=False,
            ),
        )

    def maintenance(self, now: float) -> None:
        """Close connections whose time is up."""
        for channel in list(self.active_channels.values()):
            if channel.is_overdue(now):
                channel.lingers = False
                channel.will_close = True
        self.task_dispatcher.look_again()
        with self._waiting_lock:
            if self.kept > self.lent:
                self.kept -= 1
                self._set_threads()

    def readable(self) -> bool:
        """Whether new connections are accepted; closes unfinished and idle ones for them first."""
        excess = len(self._map) + limits.SPARE_CONNECTIONS - self.connections
        if excess > 0 and self.accepting:
            quiet = [c for c in list(self.active_channels.values()) if not c.requests]
            for channel in nsmallest(excess, quiet, key=lambda c: c.waits_since):
                channel.lingers = False
                channel.will_close = True
        return bool(super().readable())

    @contextmanager
    def spare_thread(self, channel: Channel) -> Iterator[None]:
        """A thread more while that of `channel` waits; the slowest reader goes when too many do."""
        with self._waiting_lock:
            if len(self.waiting) >= limits.SPARE_THREADS:
                slowest = min(self.waiting, key=Channel.speed)
                self.waiting.discard(slowest)
                slowest.give_up()
            self.waiting.add(channel)
            self._set_threads()
        self._step_aside(channel)
        try:
            yield
        finally:
            with self._waiting_lock:
                self.waiting.discard(channel)
                self._set_threads()
            self.turns.acquire()

    @contextmanager
    def lent_thread(self, channel: Channel) -> Iterator[None]:
        """A thread more while this one waits for an answer of somebody else's.

        For the application, as `serving.waiting` of the WSGI environment: code that waits within it
        must hold nothing that is counted, such as a database connection of a pool.
        """
        with self._waiting_lock:
            self.lent += 1
            if self.kept < min(self.lent, limits.LENT_THREADS):
                self.kept += 1
                self._set_threads()
        self._step_aside(channel)
        try:
            yield
        finally:
            with self._waiting_lock:
                self.lent -= 1
            self.turns.acquire()

    def _step_aside(self, channel: Channel) -> None:
        self.turns.release()
        self.task_dispatcher.ended(channel.turn)

    def _set_threads(self) -> None:
        self.task_dispatcher.set_thread_count(self.threads + self.kept + len(self.waiting))

    def stop(self) -> None:
        """Let nobody in any more and end when all answers are sent; safe in a signal handler."""
        self._stopping = True
        with suppress(OSError):
            self.pull_trigger()

    def run(self, parent: int = 0) -> None:
        """Serve until `stop`, or until the process `parent` is gone, where one is named."""
        while not self._stopping and parent in (0, os.getppid()):
            wasyncore.poll2(1.0, self._map)
        self._end()

    def _end(self) -> None:
        self.accepting = False
        self.del_channel()
        self.socket.close()
        until = time.monotonic() + limits.STOP_WITHIN_S
        while self._close_idle() and time.monotonic() < until:
            wasyncore.poll2(0.2, self._map)
        for channel in list(self.active_channels.values()):  # wakes their threads
            channel.lingers = False
            channel.handle_close()
        self.task_dispatcher.shutdown(timeout=1)

    def _close_idle(self) -> bool:
        """Close connections without an answer under way; whether others are left."""
        channels = list(self.active_channels.values())
        for channel in channels:
            if not channel.is_busy:
                channel.will_close = True
        return bool(channels)


def _connections() -> int:
    """How many connections may be open: each needs up to three descriptors, files have theirs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * limits.CONNECTIONS
    if 0 <= soft < wanted:
        with suppress(ValueError, OSError):
            soft = wanted if hard < 0 else min(wanted, hard)  # negative is without limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return (
        limits.CONNECTIONS
        if soft < 0
        else min(limits.CONNECTIONS, max(soft // 4, 2 * limits.SPARE_CONNECTIONS))
    )


def serve(
    application: Callable[..., Any], listening: socket.socket, threads: int, parent: int = 0
) -> None:
    """Serve in this process until SIGTERM or SIGINT, or until the process `parent` is gone."""
    # A queue is what a busy moment looks like; each request in it would be a line.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = Server(application, listening, threads)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    stuck_interpreter_watchdog.start()
    server.run(parent)
