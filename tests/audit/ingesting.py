"""Events ingested as an import does it, a batch after the other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import batched
from uuid import UUID

from audit.ingest.bulk_event_writer import Ingest, made
from audit.recording.record import Draft, prepared


def ingest(drafts: Iterable[Draft], *, batch: int = 2000) -> list[UUID]:
    """The ids, in the order of the drafts."""
    ids, writer = list[UUID](), Ingest()
    for some in batched(drafts, batch):
        rows = made(prepared(some))
        writer.write(rows)
        ids += rows.ids
    return ids
