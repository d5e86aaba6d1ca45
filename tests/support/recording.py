"""Many events for a test or a benchmark, written as the product's recorders write theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import batched
from uuid import UUID

from django.db import transaction

from audit.recording.record import Draft, prepared, write


def record_many(drafts: Iterable[Draft], *, batch: int = 1000) -> Iterator[UUID]:
    """Write many events, `batch` per transaction (or all in the caller's), and yield their ids.

    The iterator must be consumed: nothing is written ahead of it. A batch is written whole or not
    at all; batches before a failing one stay.

    Raises:
        UnknownAction, EntryError, IntegrityError: as `audit.recording.record.record`.
    """
    for some in batched(drafts, batch):
        rows = prepared(some)
        with transaction.atomic():
            write(rows)
        yield from (one.id for one in rows)
