"""From a request to a file: streamed to the caller, or written by the worker.

A job is a due row. Its writer holds a lease and renews it; when they die, or a download is
broken off, the next one writes the file from its start. `audit.exported` is recorded with the
digest of the file, in the transaction that makes the file available.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet

from audit import clock
from audit.clock import rfc3339
from audit.db import leases
from audit.exports import lines_in_query_order
from audit.exports.formats import FORMATS
from audit.exports.manifest import words_of
from audit.ledger.query import EventQuery, InvalidQuery
from audit.models import ExportJob
from audit.proofs import proofs_and_tiles
from audit.recording.actors import Actor, EvidenceRef
from audit.recording.record import record
from audit.recording.trail_viewed_events import digest_of
from audit.search import event_search
from audit.sequencing import signed_state

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=7)
LEASE = timedelta(seconds=90)
_PIECE = 64 * 1024  # bytes
_STATE = ExportJob.State


class UnsupportedFormat(ValueError):
    """There is no such file format; the message lists those there are."""


class NothingSigned(Exception):
    """There is no signed tree yet, so an export could not say what it is of."""


class ExportGone(Exception):
    """The file is not there (any more): failed, expired, or being written by somebody else."""


def request(
    actor: Actor, query: EventQuery, format_name: str, *, person: str = "", streamed: bool = False
) -> ExportJob:
    """Note an export of the events of `query` in the newest signed tree; the worker writes it.

    Args:
        actor: who asks; named in the manifest and in the event.
        query: its place (cursor) plays no part; rows are in the order of the log.
        format_name: a key of FORMATS.
        person: `subject_key` of the only person whose own events these may be; "" is everybody's.
        streamed: the caller sends it now, by `write`; the worker begins it only if that stops.

    Raises:
        UnsupportedFormat, NothingSigned, InvalidQuery.
    """
    if format_name not in FORMATS:
        raise UnsupportedFormat(
            f"there is no export format {format_name!r}; use {' or '.join(FORMATS)}"
        )
    if query.errors:
        raise InvalidQuery(query.errors)
    newest = signed_state.newest_checkpoint()
    if newest is None or signed_state.is_former(newest):
        raise NothingSigned("the log has signed nothing yet; start the worker and try again")
    query, now = query.in_log_order(), clock.now()
    expected = event_search.expected(query, size=newest.size, person=person)
    requester = _requester(actor)
    return ExportJob.objects.create(
        owner=actor.key,
        requester=requester,
        person=person,
        format=format_name,
        params=query.to_params(),
        words=words_of(query, requester, own=bool(person)),
        tree_size=newest.size,
        root=bytes(newest.root),
        checkpoint=proofs_and_tiles.signed_note(newest),
        expected=expected.count,
        estimated=not expected.exact,
        created=now,
        expires=now + KEPT_FOR,
        state=_STATE.RUNNING if streamed else _STATE.WAITING,
        lease=now + LEASE if streamed else None,
    )


def stream(job_id: UUID) -> Iterator[bytes]:
    """The file in pieces: as it is written when nobody writes it yet, else from the disk.

    Claims at once, so that a refusal comes before the first piece.

    Raises:
        ExportGone: there is nothing to hand out; the message says why.
    """
    if _claim(job_id, clock.now()):
        return write(ExportJob.objects.get(id=job_id))
    job = ExportJob.objects.filter(id=job_id).first()
    if job is None or job.state == _STATE.EXPIRED:
        raise ExportGone("this export is no longer kept; make it again")
    if job.state == _STATE.FAILED:
        raise ExportGone(f"this export failed: {job.error}")
    if job.state != _STATE.READY:
        raise ExportGone("this export is being written; try again in a moment")
    try:
        return _pieces(path_of(job).open("rb"))
    except OSError:
        raise ExportGone("the file of this export is gone; make it again") from None


def run(job_id: UUID) -> None:
    """Write the file, unless somebody does."""
    if _claim(job_id, clock.now()):
        for _ in write(ExportJob.objects.get(id=job_id)):
            pass


def run_due() -> int:
    """Write every export that waits or whose writer died; returns how many were tried."""
    due = ExportJob.objects.filter(_free(clock.now())).order_by("created")
    ids = list(due.values_list("id", flat=True)[:20])
    for job_id in ids:
        try:
            run(job_id)
        except Exception:
            log.exception("export %s failed", job_id)  # noted in its row; the others go on
    return len(ids)


def drop_expired(now: datetime) -> int:
    """Delete files past their time, and forget who asked for them; returns how many."""
    done = ExportJob.objects.filter(expires__lte=now).exclude(state=_STATE.EXPIRED)
    for job in list(done):
        path_of(job).unlink(missing_ok=True)
        drop_drafts(job)
        job.state, job.lease = _STATE.EXPIRED, None
        job.requester = {**job.requester, "name": "", "email": ""}
        job.save(update_fields=["state", "lease", "requester"])
    return len(done)


def path_of(job: ExportJob) -> Path:
    """Where the finished file is."""
    folder: Path = settings.VAR_DIR / "exports"
    return folder / f"{job.id}.{job.format}"


def drop_drafts(job: ExportJob) -> None:
    """Delete what a writer that was killed has left: it holds the same personal values."""
    path = path_of(job)
    for draft in path.parent.glob(f".{path.name}.*"):
        draft.unlink(missing_ok=True)


def _free(now: datetime) -> Q:
    unfinished = Q(state__in=(_STATE.WAITING, _STATE.RUNNING), expires__gt=now)
    return unfinished & leases.unheld(now)


def _claim(job_id: UUID, now: datetime) -> bool:
    free = ExportJob.objects.filter(_free(now), id=job_id)
    # Rows that a writer who died had counted are written, and counted, again.
    return leases.claim(free, now + LEASE, state=_STATE.RUNNING, error="", rows=0)


def write(job: ExportJob) -> Iterator[bytes]:
    """Write a claimed job's file, yielding what is written."""
    path = path_of(job)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    digest, held, settled = hashlib.sha256(), True, False
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        drop_drafts(job)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for piece in _content(job):
                file.write(piece)
                digest.update(piece)
                job.size += len(piece)
                yield piece
                held = held and _renew(job)
            file.flush()
            os.fsync(file.fileno())
        job.sha256 = digest.hexdigest()
        if held:
            _finish(job, draft)
        settled = True
    except (InterfaceError, OperationalError):
        settled = True  # the database went away: written anew once the lease has run out
        raise
    except Exception as error:
        leases.release(
            _row(job),
            job.lease,
            state=_STATE.FAILED,
            error=f"{type(error).__name__}: {error}"[:500],
        )
        settled = True
        raise
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        if not settled:  # the reader went away: the worker writes it from its start
            leases.release(_row(job), job.lease, state=_STATE.WAITING)


def _row(job: ExportJob) -> QuerySet[ExportJob]:
    return ExportJob.objects.filter(id=job.id)


def _renew(job: ExportJob) -> bool:
    """Keep the lease; False when a slow reader let it run out and somebody else took over."""
    now = clock.now()
    if job.lease is not None and job.lease - now > LEASE / 2:
        return True
    held, job.lease = job.lease, now + LEASE
    return leases.renew(_row(job), held, job.lease, rows=job.rows)


def _content(job: ExportJob) -> Iterator[bytes]:
    format = FORMATS[job.format]
    pieces = format.file(_lines(job)) if format.file else (piece for piece, _ in _lines(job))
    if format.header:
        yield format.header
    waiting: list[bytes] = []
    waiting_size = 0
    for piece in pieces:
        waiting.append(piece)
        waiting_size += len(piece)
        if waiting_size >= _PIECE:
            yield b"".join(waiting)
            waiting, waiting_size = [], 0
    if waiting:
        yield b"".join(waiting)


def _lines(job: ExportJob) -> Iterator[tuple[bytes, int]]:
    found = lines_in_query_order.pieces(
        EventQuery.from_params(job.params),
        job.format,
        size=job.tree_size,
        person=job.person,
        few=job.expected <= event_search.CAP,
    )
    for piece, rows in found:
        job.rows += rows
        yield piece, rows


def _finish(job: ExportJob, draft: Path) -> None:
    """Make the file available and record the export, both or neither."""
    event, finished = clock.uuid7(), clock.now()
    with transaction.atomic():
        ready = leases.release(
            _row(job),
            job.lease,
            state=_STATE.READY,
            finished=finished,
            rows=job.rows,
            size=job.size,
            sha256=job.sha256,
            event=event,
        )
        if not ready:  # somebody took over and writes, and records, their own
            return
        record(
            _actor(job),
            "audit.exported",
            id=event,
            data={
                "export": str(job.id),
                "format": job.format,
                "count": job.rows,
                "bytes": job.size,
                "sha256": job.sha256,
                "tree_size": job.tree_size,
                "filter": digest_of(EventQuery.from_params(job.params)),
                "own": bool(job.person),
                "requested": rfc3339(job.created),
                "finished": rfc3339(finished),
                "expires": rfc3339(job.expires),
            },
            private={"query": job.params, "words": job.words},
        )
        draft.replace(path_of(job))


def _pieces(handle: BinaryIO) -> Iterator[bytes]:
    with handle:
        while piece := handle.read(_PIECE):
            yield piece


def _requester(actor: Actor) -> dict[str, object]:
    # Without the address: it would stay here after the event's own copy has been erased.
    return {
        "iss": actor.iss,
        "sub": actor.sub,
        "name": actor.name,
        "email": actor.email,
        "roles": sorted(actor.roles),
        "via": actor.via,
        "session": actor.session,
        "request": actor.request,
        "evidence": [[ref.kind, ref.digest] for ref in actor.evidence],
    }


def _actor(job: ExportJob) -> Actor:
    kept = dict(job.requester)
    evidence = tuple(EvidenceRef(kind, digest) for kind, digest in kept.pop("evidence"))
    return Actor(**kept | {"roles": frozenset(kept["roles"]), "evidence": evidence})
