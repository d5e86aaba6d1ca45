"""What an erasure does to exports that are kept: files that hold the person's events go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Min, Q

from audit.erasure import erase_names_in_text
from audit.erasure.subject_and_store_registry import MARK, Whose
from audit.exports import jobs
from audit.models import EventRow, ExportJob, Openings

TEXTS = ("requester", "params", "words", "error")
_STATE = ExportJob.State


def holding(first: int) -> Iterable[ExportJob]:
    """Exports with a file, or one being written, of a tree that has the entry `first`."""
    alive = Q(state__in=[_STATE.READY, _STATE.RUNNING])
    return ExportJob.objects.filter(alive, tree_size__gt=first)


def drop_holding(first: int) -> int:
    """Delete files of trees that have the entry `first`; returns how many.

    One that is being written starts again: what it has read may be erased by now.
    """
    dropped = 0
    with transaction.atomic():
        for job in list(holding(first)):
            running = job.state == _STATE.RUNNING
            job.state, job.lease = (_STATE.WAITING if running else _STATE.EXPIRED), None
            job.erased = not running
            if not running:  # name and e-mail of whoever asked go with the file
                job.requester = {**job.requester, "name": "", "email": ""}
            job.save(update_fields=["state", "lease", "erased", "requester"])
            _unlink(job)
            dropped += 1
    return dropped


def of(whose: Whose) -> set[Any]:
    """Exports that the person asked for, that name them, or whose file may hold their events."""
    found = set(_asked(whose).values_list("id", flat=True))
    first = _first_entry(whose.key)
    return found if first is None else found | {job.id for job in holding(first)}


def forget(whose: Whose) -> int:
    """Delete the files, and take the person out of who asked and what for; returns how many."""
    found = of(whose)
    if (first := _first_entry(whose.key)) is not None:
        drop_holding(first)
    pattern = whose.pattern()
    for job in list(_asked(whose)):
        own = job.owner == whose.key
        names = pattern is not None and erase_names_in_text.holds([job.params, job.words], pattern)
        if pattern is not None:
            job.requester = erase_names_in_text.cleaned(job.requester, pattern)
            job.error = erase_names_in_text.cleaned(job.error, pattern)
        if own:
            job.requester = {**job.requester, "sub": MARK, "name": "", "email": ""}
        if own or names:
            job.params, job.words = {}, MARK
            job.requester = {**job.requester, "name": "", "email": ""}
            job.state, job.lease, job.erased = _STATE.EXPIRED, None, True
        job.save(
            update_fields=["requester", "params", "words", "error", "state", "lease", "erased"]
        )
        _unlink(job)
    return len(found)


def _asked(whose: Whose) -> Any:
    own = ExportJob.objects.filter(owner=whose.key).exclude(requester__contains=f'"{MARK}"')
    naming = erase_names_in_text.naming(ExportJob.objects.all(), TEXTS, whose).values("pk")
    return ExportJob.objects.filter(Q(pk__in=own.values("pk")) | Q(pk__in=naming))


def _first_entry(key: str) -> int | None:
    events = Openings.objects.filter(subject=key).values("event")
    found: int | None = EventRow.objects.filter(event__in=events).aggregate(low=Min("seq"))["low"]
    return found


def _unlink(job: ExportJob) -> None:
    jobs.path_of(job).unlink(missing_ok=True)
    jobs.drop_drafts(job)
