"""Few rows go in by a statement each, many by COPY: what is stored is the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from django.db import DataError, connection, models

from audit.db import bulk_insert
from audit.models import Event, EventRow, ImportedRow, Openings, Tile
from audit.recording.record import Draft, prepare
from tests.audit.factories import DraftFactory

pytestmark = pytest.mark.django_db
TEXTS = ("tab\there", "line\nbreak\r\n", "back\\slash \\N", 'quo"te', "Ünï \U0001f600", "\\.", "")
TIMES = (
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    datetime(2000, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 11, 26, 4, 16, 0, 120000, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
)
MANY = 14  # of fewer than eight, none is copied


def values(shift: int) -> dict[type[models.Model], list[tuple[Any, ...]]]:
    """Rows of every kind; `shift` tells their keys apart, nothing else."""
    numbers = range(MANY)
    ids = [UUID(int=1000 * shift + n) for n in numbers]
    times = [TIMES[n % len(TIMES)] for n in numbers]
    texts = [TEXTS[n % len(TEXTS)] for n in numbers]
    drafts: list[Draft] = [DraftFactory.build(id=id, target=None, reason="r") for id in ids]
    prepared = [prepare(draft, TIMES[-2]) for draft in drafts]
    rows = [
        (id, None if n % 2 else 100 * shift + n, time, time, *one.row[4:-2], text, text)
        for n, id, time, one, text in zip(numbers, ids, times, prepared, texts, strict=True)
    ]
    digest = bytes(range(32))
    return {
        Event: [
            (id, b"\0\xff" + text.encode(), digest, t)
            for id, t, text in zip(ids, times, texts, strict=True)
        ],
        Openings: [
            (id, text, {text: ["s", [text, 1.5, None, "\0"]]})
            for id, text in zip(ids, texts, strict=True)
        ],
        EventRow: rows,
        ImportedRow: [
            (id, digest, text, "t", text, t) for id, t, text in zip(ids, times, texts, strict=True)
        ],
        Tile: [(shift, 2**40 + n, b"\0" * n, digest) for n in numbers],
    }


@pytest.mark.parametrize("model", list(values(0)))
def test_many_rows_are_stored_as_single_ones_are(model: type[models.Model]) -> None:
    for row in values(1)[model]:
        bulk_insert.insert_values(model, [row])
    bulk_insert.insert_values(model, values(2)[model])
    names = [field.attname for field in model._meta.concrete_fields if field.name != "id"]
    keys = {"event", "seq", "level"}
    stored = list(model._default_manager.order_by("pk").values_list(*names))
    assert len(stored) == 2 * MANY
    for single, copied in zip(stored[:MANY], stored[MANY:], strict=True):
        for name, one, other in zip(names, single, copied, strict=True):
            if name in keys:
                assert type(one) is type(other)
            else:
                assert (bytes(one) if isinstance(one, memoryview) else one) == (
                    bytes(other) if isinstance(other, memoryview) else other
                )


def test_a_text_that_the_engine_cannot_keep_is_refused() -> None:
    rows = values(1)[EventRow]
    rows[-1] = (*rows[-1][:-1], "a\0b")
    if connection.vendor == "sqlite":  # which keeps it
        bulk_insert.insert_values(EventRow, rows)
        assert EventRow.objects.get(terms="a\0b").event == rows[-1][0]
        return
    with pytest.raises(DataError):
        bulk_insert.insert_values(EventRow, rows)
