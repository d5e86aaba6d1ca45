"""Old checkpoints go, by a rule that anybody can follow; the tree and every proof stay.

A checkpoint is about 4 KB and a busy log signs one each second. A week later nobody needs each of
them: proofs are made at the newest, the timed and the witnessed ones, and consistency between two
sizes is computed from tiles. Docs: ADR 23.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, count
from typing import Any, Final

from django.db import transaction

from audit import clock
from audit.clock import rfc3339
from audit.db import process_locks
from audit.keys import keyring
from audit.ledger.format import entry as entries
from audit.models import Checkpoint, Cosignature, Event, EventRow, TimeToken
from audit.recording.actors import SYSTEM
from audit.recording.record import record

AGE: Final = timedelta(days=7)
_LEFT: Final = ("audit.exported", "audit.sampled", "connection.exported")
_READ: Final = 1_000
_AT_ONCE: Final = 500

type Wanted = Callable[[Collection[int]], Container[int]]
"""Called with some sizes; which of them are of trees of which every checkpoint stays."""


@dataclass(frozen=True, slots=True)
class Old:
    """A checkpoint older than `AGE`, as far as the rule asks."""

    id: int
    size: int
    root: bytes
    created: datetime


@dataclass(frozen=True, slots=True)
class Thinned:
    """What a run came to: checkpoints removed, and old ones that stay."""

    removed: int
    kept: int


_ran: datetime | None = None


def run_due() -> None:
    """Thin once a day (UTC) in each process; the others find nothing to do."""
    global _ran
    today = _day(clock.now())
    if _ran != today:
        run()
        _ran = today


def run() -> Thinned | None:
    """Remove what the rule does not keep; None while another process does.

    Recorded in the log before anything is deleted. Killed in between, the next run records the
    rest.
    """
    with process_locks.alone("thinning") as held:
        if not held:
            return None
        before = _day(clock.now()) - AGE
        wanted = _wanted()
        found = count()
        summary = _summary(superfluous(_counted(_older(before), found), wanted))
        removed = summary["removed"]
        kept = next(found) - removed
        if removed:
            data = {"before": rfc3339(before), "kept": kept, **summary}
            record(SYSTEM, "ledger.thinned", data=data)
            # What came to be wanted since it was told of stays.
            for some in batched(superfluous(_older(before), wanted), _AT_ONCE):
                with transaction.atomic():
                    Checkpoint.objects.filter(id__in=[one.id for one in some]).delete()
        return Thinned(removed, kept)


def superfluous(old: Iterable[Old], wanted: Wanted) -> Iterator[Old]:
    """Those of old checkpoints that are neither the first nor the last of an hour, nor wanted.

    Args:
        old: in the order of their ids; a few hundred of them are in memory at a time.
        wanted: which of some sizes are those of trees of which every checkpoint stays.
    """
    for some in batched(_between(old), _AT_ONCE):
        stay = wanted([one.size for one in some])
        yield from (one for one in some if one.size not in stay)


def _between(old: Iterable[Old]) -> Iterator[Old]:
    """Those whose neighbours are of the same hour."""
    before = middle = None
    for one in old:
        if before and middle and _hour(before) == _hour(middle) == _hour(one):
            yield middle
        before, middle = middle, one


def _hour(one: Old) -> datetime:
    return one.created.replace(minute=0, second=0, microsecond=0)


def _wanted() -> Wanted:
    """Trees that others cosigned, timed or took away, and at which a key begins or ends.

    Cosignatures and time tokens are asked for a few sizes at a time, by their index: there can be
    as many as checkpoints. The newest checkpoint stays by its size, however old it is.
    """
    few = {size for one in keyring.read().periods for size in (one.since, one.until)}
    few.add(Checkpoint.objects.order_by("-id").values_list("size", flat=True).first())
    few.update(_taken_away())

    def wanted(sizes: Collection[int]) -> set[int]:
        found = {size for size in sizes if size in few}
        for model in (Cosignature, TimeToken):
            found.update(model.objects.filter(size__in=sizes).values_list("size", flat=True))
        return found

    return wanted


def _taken_away() -> Iterator[int]:
    """Sizes of the trees of exports, logs, packs and samples, by the entries that tell of them."""
    left = EventRow.objects.filter(action__in=_LEFT).values("event")
    for body in Event.objects.filter(id__in=left).values_list("entry", flat=True).iterator():
        size = entries.parse(bytes(body))["data"].get("tree_size")
        if isinstance(size, int):
            yield size


def _older(before: datetime) -> Iterator[Old]:
    """Checkpoints signed before that moment.

    Time rises with the id, and only the id is sorted; one that is dated ahead is passed over.
    """
    last, now = 0, clock.now()
    while True:
        rows = Checkpoint.objects.filter(id__gt=last).order_by("id")
        found = rows.values_list("id", "size", "root", "created")[:_READ]
        some = [Old(id, size, bytes(root), created) for id, size, root, created in found]
        for one in some:
            if before <= one.created <= now:
                return
            if one.created < before:
                yield one
        if len(some) < _READ:
            return
        last = some[-1].id


def _counted(old: Iterable[Old], found: Iterator[int]) -> Iterator[Old]:
    """The same checkpoints; `found` counts on by one for each."""
    for one in old:
        next(found)
        yield one


def _summary(removed: Iterable[Old]) -> dict[str, Any]:
    """What the log says of those that go, gathered one head at a time."""
    number = first = last = 0
    heads = hashlib.sha256()
    for number, one in enumerate(removed, 1):
        first, last = first if number > 1 else one.size, one.size
        heads.update(f"{one.size} {b64encode(one.root).decode()}\n".encode())
    return {
        "removed": number,
        "first_size": first,
        "last_size": last,
        "heads_sha256": heads.hexdigest(),
    }


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
