"""Group commit: what several threads write at the same moment becomes durable at once.

A commit waits for the disk, and a disk takes a few hundred of them a second. So while one thread
commits, others gather; the first of them writes for all, in one transaction.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final
from uuid import UUID

from django.db import OperationalError, close_old_connections, connection, transaction

from audit.db import time_budget
from audit.db.write_queue import in_turn
from audit.recording.record import Draft, Prepared, prepared, write

log = logging.getLogger(__name__)

MOST: Final = 64
"""Pieces in one transaction: it holds the lock of SQLite, and rows of PostgreSQL, for so long."""

type Waiting = Callable[[], AbstractContextManager[None]]
type Change[T] = Callable[[Sequence[T]], Sequence[Exception | None]]


class _Piece[T]:
    """What one thread wants written, and what became of it."""

    def __init__(self, item: T | None, rows: Sequence[Prepared]) -> None:
        self.item = item
        self.rows = rows
        self.error: BaseException | None = None
        self.leads = False
        self.wake = threading.Event()  # it is written, or this thread is to write

    def outcome(self) -> UUID:
        if self.error is not None:
            raise self.error
        return self.rows[-1].id


class Together[T]:
    """Writes the pieces of its callers in as few transactions as there are moments.

    `change` makes the changes that belong to the events, for all items of a transaction at once,
    and answers for each of them, in order, with the error by which it is not to be written after
    all, or None. It has changed nothing for those that it declines; the others go on.
    """

    def __init__(self, change: Change[T]) -> None:
        self._change = change
        self._lock = threading.Lock()
        self._waiting: list[_Piece[T]] = []
        self._led = False

    def write(
        self, item: T | None, drafts: Sequence[Draft], waiting: Waiting = nullcontext
    ) -> UUID:
        """Change what `item` says, where there is one, and record events with it, durably.

        `waiting` surrounds the wait for a thread that writes for this one.

        Returns the id of the last event. `change` may run in another thread, with that thread's
        connection, and a second time for the item alone where the first transaction failed. Within
        a transaction of the caller's it is written there, alone.

        Raises:
            Exception: what `change` answered or raised, or what the database did. Nothing of the
                item is written then.
        """
        piece = _Piece(item, prepared(drafts))  # built by its own thread, outside the transaction
        if connection.in_atomic_block:
            self._alone(piece)
            return piece.outcome()
        with self._lock:
            self._waiting.append(piece)
            piece.leads, self._led = not self._led, True
        if not piece.leads:
            close_old_connections()  # the leader may need the last one of the pool
            with waiting():
                piece.wake.wait()
        if piece.leads:
            self._lead()
        return piece.outcome()

    def _lead(self) -> None:
        batch: Sequence[_Piece[T]] = ()
        time_budget.restart()  # others have no part in what this thread waited for
        try:
            with in_turn():
                batch = self._take()  # whoever came while other processes wrote is among them
                self._write(batch)
        except BaseException as error:  # of this thread, such as a signal: nobody waits for ever
            batch = batch or self._take()
            for piece in batch:
                piece.error = piece.error or error
            raise
        finally:
            with self._lock:
                self._led = bool(self._waiting)
                if self._led:
                    self._waiting[0].leads = True
                    self._waiting[0].wake.set()
            for piece in batch:
                piece.wake.set()

    def _take(self) -> Sequence[_Piece[T]]:
        with self._lock:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        return batch

    def _write(self, batch: Sequence[_Piece[T]]) -> None:
        if len(batch) == 1:
            self._alone(batch[0])
            return
        try:
            with transaction.atomic():
                self._record(batch)
        except OperationalError as error:  # the disk or the server: it would be no better alone
            for piece in batch:
                piece.error = error
        except Exception:
            log.info("%d writes together failed; each is made alone", len(batch))
            for piece in batch:
                piece.error = None
                self._alone(piece)

    def _alone(self, piece: _Piece[T]) -> None:
        try:
            with transaction.atomic():
                self._record([piece])
        except Exception as error:
            piece.error = error

    def _record(self, batch: Sequence[_Piece[T]]) -> None:
        asked = [(piece, piece.item) for piece in batch if piece.item is not None]
        if asked:
            wake = self._change([item for _, item in asked])
            for (piece, _), no in zip(asked, wake, strict=True):
                piece.error = no
        write([rows for piece in batch if piece.error is None for rows in piece.rows])
