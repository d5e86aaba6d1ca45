"""Group commit: what several threads write at the same moment becomes durable at once.

A commit waits for the disk, and a disk takes a few hundred of them a second. So while one thread
commits, others gather; whoever is first among them writes for all, in one transaction.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from django.db import OperationalError, connection, transaction

from audit.record import Draft, record_many

log = logging.getLogger(__name__)

MOST: Final = 64
"""Pieces in one transaction: it holds the lock of SQLite, and rows of PostgreSQL, for so long."""

type Work = Callable[[], Sequence[Draft]]


class _Piece:
    """What one thread wants written, and what became of it."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.id: UUID | None = None
        self.error: BaseException | None = None
        self.leads = False
        self.told = threading.Event()  # it is written, or this thread is to write

    def outcome(self) -> UUID:
        if self.error is not None:
            raise self.error
        assert self.id is not None
        return self.id


class Together:
    """Writes the pieces of its callers in as few transactions as there are moments.

    `declines` is the error by which a piece says that it is not to be written after all; it has
    changed nothing then, and the others go on.
    """

    def __init__(self, declines: type[Exception]) -> None:
        self._declines = declines
        self._lock = threading.Lock()
        self._waiting: list[_Piece] = []
        self._led = False

    def write(self, work: Work) -> UUID:
        """Run `work` in a transaction and record the events that it returns, durably.

        Returns the id of the last of them.

        `work` may run in another thread, with that thread's connection, beside the work of others,
        and a second time alone where the first transaction failed. Within a transaction of the
        caller's it is written there, alone.

        Raises:
            Exception: what `work` raised, or what the database did. Nothing of it is written then.
        """
        piece = _Piece(work)
        if connection.in_atomic_block:
            self._alone(piece)
            return piece.outcome()
        with self._lock:
            self._waiting.append(piece)
            piece.leads, self._led = not self._led, True
        if not piece.leads:
            piece.told.wait()
        if piece.leads:
            self._lead()
        return piece.outcome()

    def _lead(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            self._write(batch)
        except BaseException as error:  # of this thread, such as a signal: nobody waits for ever
            for piece in batch:
                piece.error = piece.error or error
            raise
        finally:
            with self._lock:
                self._led = bool(self._waiting)
                if self._led:
                    self._waiting[0].leads = True
                    self._waiting[0].told.set()
            for piece in batch:
                piece.told.set()

    def _write(self, batch: Sequence[_Piece]) -> None:
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

    def _alone(self, piece: _Piece) -> None:
        try:
            with transaction.atomic():
                self._record([piece])
        except Exception as error:
            piece.error = error

    def _record(self, batch: Sequence[_Piece]) -> None:
        drafts: list[tuple[_Piece, Draft]] = []
        for piece in batch:
            try:
                drafts += [(piece, draft) for draft in piece.work()]
            except self._declines as no:
                piece.error = no
        for (piece, _), id in zip(drafts, record_many(d for _, d in drafts), strict=True):
            piece.id = id
