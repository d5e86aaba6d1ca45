"""The sequencer: gives every recorded event a leaf, and signs the tree.

Order of each batch: database commit, sync of the last-signed state, signature, publication. A
crash between any two is repaired by the next run: leaves without a checkpoint are signed then.
Work is found by the missing `Entry` row, never by a time or id that only grows.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import Exists, OuterRef, QuerySet

from audit import (
    clock,
)
from audit.db import (
    bulk_insert,
    process_locks,
)
from audit.db.durable_files import write_durably
from audit.erasure import (
    idle_database_connections,
)
from audit.keys import (
    key_events,
    keyring,
    log_identity,
    restored_database_adoption,
    rotation,
)
from audit.ledger import tree_edge as growing_trees
from audit.ledger.tree_edge import GrowingTree
from audit.models import Checkpoint, Entry, Event, EventRow, Tile
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.search import (
    fulltext_index,
    projection,
    rollups,
)
from audit.sequencing import (
    signed_state,
    stored_tree_queries,
)
from audit.sequencing.signed_state import SequencerStopped
from audit.witnesses import signing_stop

__all__ = ["Result", "Sequencer", "SequencerStopped", "loop", "run_once", "stopped_reason"]

BATCH = 2000
IDLE = timedelta(minutes=10)  # a checkpoint at least this often, so that a gap is visible
_REPEAT = timedelta(minutes=9)  # when the next is due; a minute is left for a try that fails
_PATIENT = 5  # times that a batch is read anew for an older event
_log = logging.getLogger(__name__)


class Overtaken(Exception):
    """An older event came to light: it gets its place first, and the batch is begun again."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run did. `busy` means that another process holds the lock and nothing was done.

    After `due_s` seconds the next checkpoint is due, even if nothing is recorded.
    """

    sequenced: int = 0
    size: int = 0
    root: bytes = b""
    signed: bool = False
    busy: bool = False
    due_s: float = 0.0


class Sequencer:
    """Extends one log. Keeps the right edge of the tree between runs; the database decides."""

    def __init__(self, *, batch: int = BATCH) -> None:
        self._batch = batch
        self._tree: GrowingTree | None = None

    def run_once(self, *, sweep: bool = True) -> Result:
        """Sequence and sign everything that waits.

        Args:
            sweep: also compare all events with all entries, which finds events whose search row is
                missing; costs a scan.

        Raises:
            SequencerStopped: signing would contradict what was signed; `ledger.alarm` is recorded.
            LedgerIdentityError: origin or key changed.
            DatabaseError: the database refused; nothing was signed.
        """
        with process_locks.alone("sequencer") as held:
            if not held:
                return Result(busy=True)
            try:
                result = self._run(sweep)
            except SequencerStopped as stopped:
                self._tree = None
                _raise_alarm(stopped)
                raise
            except BaseException:
                self._tree = None  # it may be ahead of what the database kept
                raise
        _clear_alarm()
        return result

    def _run(self, sweep: bool) -> Result:
        if objection := signing_stop.reason():
            raise SequencerStopped("witness", objection)
        restored_database_adoption.settle()
        key_events.settle()
        rotation.promote()
        growing = self._load()
        if first := restored_database_adoption.unplaced():
            self._commit(growing, first, patient=False)
        result = replace(self._publish(growing), sequenced=len(first))
        again = _PATIENT
        while batch := self._pending(sweep):
            try:
                self._commit(growing, batch, patient=again > 0)
            except Overtaken:
                again -= 1
                self._tree = None
                growing = self._load()
                continue
            again = _PATIENT
            published = self._publish(growing)
            result = replace(published, sequenced=result.sequenced + len(batch))
            if len(batch) < self._batch and not sweep:
                break  # what came meanwhile gathers: a batch costs its transaction and signature
        return result

    def _load(self) -> GrowingTree:
        size = stored_tree_queries.stored_size()
        if self._tree is None or self._tree.size != size:
            signed_state.check_heads(size)
            self._tree = GrowingTree.load(stored_tree_queries.read_tile, size)
        return self._tree

    def _pending(self, sweep: bool) -> list[tuple[UUID, bytes]]:
        """The next events without a leaf, oldest id first."""
        waiting = _waiting().order_by("event")
        ids = list(waiting.values_list("event", flat=True)[: self._batch])
        events = Event.objects.filter(leaf__isnull=True)
        if ids:
            events = events.filter(id__in=ids)
        elif not sweep:
            return []
        found = events.order_by("id").values_list("id", "leaf_hash")[: self._batch]
        return [(id, bytes(leaf)) for id, leaf in found]

    def _commit(
        self, growing: GrowingTree, batch: Sequence[tuple[UUID, bytes]], *, patient: bool
    ) -> None:
        """Give the batch its leaves, in one durable transaction.

        Raises:
            Overtaken: if `patient`; an older event was committed meanwhile, nothing is written.
        """
        first = growing.size
        full = growing.extend(leaf for _, leaf in batch)
        with transaction.atomic(durable=True), fulltext_index.gathering(len(batch)):
            bulk_insert.insert_values(Entry, [(first + i, id) for i, (id, _) in enumerate(batch)])
            insert_tiles(full)
            if projection.place(first, growing.size) < len(batch):
                projection.project_missing(first, growing.size)
            fulltext_index.index_range(first, growing.size)
            rollups.add_range(first, growing.size)
            if patient and older_waits(batch[-1][0]):
                raise Overtaken

    def _publish(self, growing: GrowingTree) -> Result:
        """Sign the tree unless its newest checkpoint is the same and young."""
        size, root = growing.size, growing.root()
        newest = signed_state.newest_checkpoint()
        now = clock.now()
        age = now - newest.created if newest else _REPEAT
        result = Result(size=size, root=root, due_s=(_REPEAT - age).total_seconds())
        # One that is dated later than now is not young: a clock was wrong.
        if newest and newest.size == size and timedelta() <= age < _REPEAT:
            if signed_state.signed_before(size):  # a restored state may lag behind its database
                signed_state.write_state(size, root)
            return result
        if size <= restored_database_adoption.floor():
            # Trees up to there were signed with what is lost now.
            return replace(result, due_s=_REPEAT.total_seconds())
        state = signed_state.read_state()
        if state and (state.size > size or (state.size == size and state.root != root)):
            raise SequencerStopped("inconsistent", f"{state.source} holds another tree of {size}")
        signers = keyring.signers()
        signed_state.write_state(size, root)
        signed = keyring.sign(signers, size, root, now)
        # The time of the signature, whatever the one before says
        # (`audit.verification.checks.checkpoint_order_and_times`).
        Checkpoint.objects.create(size=size, root=root, note=signed, created=now)
        return replace(result, signed=True, due_s=_REPEAT.total_seconds())


def insert_tiles(full: Iterable[growing_trees.Tile]) -> None:
    """Write tiles that became full, with the hash over each."""
    bulk_insert.insert_values(Tile, [(t.level, t.index, t.hashes, t.root) for t in full])


def older_waits(event: UUID) -> bool:
    """Whether an event that is older than the newest of a batch came to light since it was read.

    Who turns pages may have seen both waiting, the older one first, and would miss it or meet it
    twice if it got its place behind the other. On PostgreSQL what is committed after this look is
    not kept out. On SQLite nothing is, for we hold the only write; but the batch was read before.
    """
    return _waiting().filter(event__lt=event).exists()


def _waiting() -> QuerySet[EventRow]:
    """Rows of events without a leaf; one whose event has a leaf, or is none, keeps nobody waiting.

    Nothing guards these rows: emptying the index of thousands would stop the log otherwise.
    """
    event = Event.objects.filter(id=OuterRef("event"))
    leaf = Entry.objects.filter(event=OuterRef("event"))
    return EventRow.objects.filter(Exists(event), ~Exists(leaf), seq__isnull=True)


def run_once() -> Result:
    """Run a fresh sequencer once; see `Sequencer.run_once`."""
    return Sequencer().run_once()


def loop(stop: threading.Event, *, pause_s: float = 0.3) -> None:
    """Sequence until `stop` is set: within about `pause_s` of each event, signing when idle too.

    Errors are logged and the loop goes on, so that it resumes automatically once database or key
    are repaired.
    """
    sequencer, next_sweep, next_sign, wait = Sequencer(), 0.0, 0.0, pause_s
    while not stop.is_set():
        idle_database_connections.rest()
        try:
            sweep = time.monotonic() >= min(next_sweep, next_sign)
            if sweep or EventRow.objects.filter(seq__isnull=True).exists():
                result = sequencer.run_once(sweep=sweep)
                if not result.busy:
                    next_sign = time.monotonic() + max(result.due_s, 1.0)
                    if sweep:
                        next_sweep = time.monotonic() + IDLE.total_seconds()
            wait = pause_s
        except SequencerStopped as stopped:
            _log.critical("the sequencer refuses to sign: %s", stopped)
            wait = 10.0
        except (DatabaseError, OSError, log_identity.LedgerIdentityError):
            _log.exception("sequencing failed; trying again")
            wait = min(wait * 2, 10.0)
        stop.wait(wait)
    close_old_connections()


def stopped_reason() -> str:
    """Why the sequencer refuses to sign; empty while it does not."""
    path = log_identity.folder() / "stopped"
    try:
        return str(json.loads(path.read_text())["message"])
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError):
        return f"{path} is damaged; the worker writes or removes it at its next run"


def _raise_alarm(stopped: SequencerStopped) -> None:
    if stopped_reason() == str(stopped):
        return
    record(SYSTEM, "ledger.alarm", data={"code": stopped.code}, reason=str(stopped))
    content = json.dumps({"code": stopped.code, "message": str(stopped)})
    write_durably(log_identity.folder() / "stopped", content.encode())


def _clear_alarm() -> None:
    (log_identity.folder() / "stopped").unlink(missing_ok=True)
