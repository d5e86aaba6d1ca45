"""One connection: since when it waits for what, and who waits for it."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from waitress.channel import ClientDisconnected, HTTPChannel

from serving.limits import (
    HEADERS_WITHIN_S,
    IDLE_S,
    LINGER_S,
    PATIENCE_S,
    READ_NOTHING_S,
    REQUEST_WITHIN_S,
)
from serving.request_parser_body_limit import Request, is_unread
from serving.waitress_response_overrides import Answer, Busy, Refusal


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection whose requests must come to their end and whose answers must be read."""

    parser_class = Request
    task_class = Answer
    error_task_class = Refusal

    begun = 0.0  # when the first byte of the unfinished request came
    timed: Any = None  # the request that `begun` is of
    lingers = False  # a refusal was said while a body may still come in
    lingering_until = 0.0
    answering_since = 0.0
    turn: object = None  # an unproven caller's, to be given back (`waiting_order`)
    taken = 0  # bytes of this answer that the other side took

    def received(self, data: bytes) -> bool:
        """Take in bytes, and note when the request they belong to began."""
        took: bool = super().received(data)
        if self.request is not self.timed:
            self.timed, self.begun = self.request, time.time()
        return took

    def service(self) -> None:
        """Answer one request; runs in a thread."""
        turn = self.turn  # of this request: the next one may have its own before this returns
        self.answering_since, self.taken = time.time(), 0
        if is_unread(self.requests[0]):
            self.lingers = True
        try:
            with self.server.turns, suppress(ClientDisconnected):  # while a next request waited
                super().service()
        finally:
            self.server.task_dispatcher.ended(turn)

    def refuse_as_busy(self) -> None:
        """Have the next request refused with 503."""
        self.requests[0].error = Busy("")

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Hand bytes to the socket; returns how many it took."""
        sent: int = super().send(data, do_close=do_close)
        self.taken += sent
        return sent

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to be made or sent."""
        return bool(self.requests or self.total_outbufs_len or self.lingering_until)

    @property
    def waits_since(self) -> float:
        """When the other side last owed us nothing."""
        return self.begun if self.request is not None else self.last_activity

    def speed(self) -> float:
        """Bytes a second that the other side takes of the answer."""
        return self.taken / max(time.time() - self.answering_since, 0.001)

    def is_overdue(self, now: float) -> bool:
        """Whether the other side has had its time."""
        if self.lingering_until:
            return now > self.lingering_until
        if self.requests:
            return False  # it is our turn, or `_flush_outbufs_below_high_watermark` looks after it
        if self.total_outbufs_len:
            return bool(now - self.last_activity > READ_NOTHING_S)
        if self.request is None:
            return bool(now - self.last_activity > IDLE_S)
        within = REQUEST_WITHIN_S if self.request.headers_finished else HEADERS_WITHIN_S
        return now - self.begun > within

    # A connection that is closed while bytes come in is reset, and a reset can overtake the
    # refusal: so say it, end our side, and throw away what comes for a moment (RFC 9112, 9.6).

    def readable(self) -> bool:
        """Whether bytes are wanted."""
        return bool(self.lingering_until) or bool(super().readable())

    def handle_read(self) -> None:
        """Bytes came."""
        if not self.lingering_until:
            super().handle_read()
            return
        with suppress(OSError):
            self.recv(65_536)

    def handle_close(self) -> None:
        """Close; a connection with a refusal lingers first."""
        if self.lingers and self.connected and self.close_is_ours:
            self.lingers, self.lingering_until = False, time.time() + LINGER_S
            self.will_close = False
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                return
        super().handle_close()

    @property
    def close_is_ours(self) -> bool:
        """Whether everything was said and we are the ones who end it."""
        return bool(self.will_close and not self.total_outbufs_len)

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Wait until the reader has taken enough of what is there; meanwhile a spare thread works.

        Raises:
            ClientDisconnected: the reader is gone, or too slow to be waited for.
        """
        if self.total_outbufs_len <= self.adj.outbuf_high_watermark:
            return
        with self.outbuf_lock:
            _, failed = self._flush_exception(self._flush_some, do_close=False)
            if failed or self._is_read(PATIENCE_S):
                return
            with self.server.spare_thread(self):
                while not self._is_read(1.0):
                    if time.time() - self.last_activity > READ_NOTHING_S:
                        self.give_up()
                        raise ClientDisconnected

    def _is_read(self, within: float) -> bool:
        """Give the loop a moment to send; whether enough is sent. Call with `outbuf_lock` held."""

        def enough() -> bool:
            if not self.connected or self.will_close:
                raise ClientDisconnected
            return bool(self.total_outbufs_len <= self.adj.outbuf_high_watermark)

        self.server.pull_trigger()
        return bool(self.outbuf_lock.wait_for(enough, within))

    def give_up(self) -> None:
        """Close without saying more; from any thread."""
        self.will_close = True
        self.server.pull_trigger()
