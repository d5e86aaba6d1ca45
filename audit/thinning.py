"""Old checkpoints go, by a rule that anybody can follow; the tree and every proof stay.

A checkpoint is about 4 KB and a busy log signs one each second. A week later nobody needs each of
them: proofs are made at the newest, the timed and the witnessed ones, and consistency between two
sizes is computed from tiles. Docs: ADR 23.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched, groupby
from typing import Final

from django.db import transaction

from audit import clock, keyring, locks
from audit.actor import SYSTEM
from audit.clock import rfc3339
from audit.ledger import entry as entries
from audit.models import Checkpoint, Cosignature, Event, EventRow, TimeToken
from audit.record import record

AGE: Final = timedelta(days=7)
_LEFT: Final = ("audit.exported", "connection.exported")
_READ: Final = 5_000
_AT_ONCE: Final = 500


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

    Told in the log before anything goes. Killed in between, the next run tells of the rest.
    """
    with locks.thinning_lock() as held:
        if not held:
            return None
        before = _day(clock.now()) - AGE
        old = list(_older(before))
        gone = superfluous(old, wanted())
        if gone:
            _tell(gone, len(old) - len(gone), before)
            for some in batched(gone, _AT_ONCE):
                with transaction.atomic():
                    Checkpoint.objects.filter(id__in=[one.id for one in some]).delete()
        return Thinned(len(gone), len(old) - len(gone))


def superfluous(old: Iterable[Old], kept_sizes: Collection[int]) -> list[Old]:
    """Those of old checkpoints that are neither the first nor the last of an hour, nor wanted.

    Args:
        old: in the order of their ids.
        kept_sizes: sizes of trees of which every checkpoint stays.
    """
    gone: list[Old] = []
    for _, hour in groupby(
        old, key=lambda one: one.created.replace(minute=0, second=0, microsecond=0)
    ):
        _, *between = hour
        gone += [one for one in between[:-1] if one.size not in kept_sizes]
    return gone


def wanted() -> set[int]:
    """Sizes of trees that others cosigned, timed or took away, and at which a key begins or ends.

    The newest checkpoint stays by its size, however old it is.
    """
    found = set(Cosignature.objects.values_list("size", flat=True))
    found.update(TimeToken.objects.values_list("size", flat=True))
    found.update(_taken_away())
    for period in keyring.read().periods:
        found.update(size for size in (period.since, period.until) if size is not None)
    newest = Checkpoint.objects.order_by("-id").values_list("size", flat=True).first()
    return found if newest is None else found | {newest}


def _taken_away() -> Iterator[int]:
    """Sizes of the trees of exports, logs and packs that left, by the entries that tell of it."""
    left = EventRow.objects.filter(action__in=_LEFT).values("event")
    for body in Event.objects.filter(id__in=left).values_list("entry", flat=True).iterator():
        size = entries.parse(bytes(body))["data"].get("tree_size")
        if isinstance(size, int):
            yield size


def _older(before: datetime) -> Iterator[Old]:
    """Checkpoints signed before that moment: time rises with the id, and only the id is sorted."""
    last = 0
    while True:
        rows = Checkpoint.objects.filter(id__gt=last).order_by("id")
        found = rows.values_list("id", "size", "root", "created")[:_READ]
        some = [Old(id, size, bytes(root), created) for id, size, root, created in found]
        for one in some:
            if one.created >= before:
                return
            yield one
        if len(some) < _READ:
            return
        last = some[-1].id


def _tell(gone: list[Old], kept: int, before: datetime) -> None:
    lines = "".join(f"{one.size} {b64encode(one.root).decode()}\n" for one in gone)
    data = {
        "before": rfc3339(before),
        "removed": len(gone),
        "kept": kept,
        "first_size": gone[0].size,
        "last_size": gone[-1].size,
        "heads_sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }
    record(SYSTEM, "ledger.thinned", data=data)


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
