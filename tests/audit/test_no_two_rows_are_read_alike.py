"""The digest by which a stretch is recognised tells any two contents of its rows apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import pytest
from django.db import connection, models

from audit import clock, rawread, sequencer
from audit.importing.rows import event_id
from audit.models import Entry, Event, EventRow, ImportedRow, Openings
from tests.attacks.tamper.columns import bends
from tests.audit.factories import DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db

REFERRED = [(Event, "id"), (Entry, "event_id")]
"""A reference and what it refers to: PostgreSQL lets neither be wrong."""
ODD = ["", "null", "[]", "1", "a", 'a"', 'a","', "a\\", "a\n", "a\\n", "a,b", "é", "\u2028", "a "]


@pytest.fixture
def stretch(unguarded: None) -> models.Model:
    """The search row of one of 256 signed events; one of them is remembered as imported."""
    ids = list(record_many([DraftFactory.build() for _ in range(256)]))
    sequencer.run_once()
    ImportedRow.objects.create(
        event=ids[5], digest=bytes(32), instance="i", table="t", row_id="1", seen=clock.now()
    )
    assert event_id("i", "t", "1") and digest()
    return EventRow.objects.get(seq=7)


def digest() -> bytes:
    """That of the stretch; empty where it cannot be read, which is never recognised."""
    found = rawread.stretch(0)
    return found.digest if found else b""


@contextmanager
def holding(row: models.Model, column: str, value: Any) -> Iterator[None]:
    """The row with another value, past every converter."""
    meta, quote = row._meta, connection.ops.quote_name
    assert meta.pk is not None
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT holding")
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA defer_foreign_keys = ON")
        cursor.execute(
            f"UPDATE {meta.db_table} SET {quote(column)} = %s "
            f"WHERE {quote(str(meta.pk.column))} = %s",
            [value, meta.pk.get_db_prep_save(row.pk, connection=connection)],
        )
        yield
        cursor.execute("ROLLBACK TO SAVEPOINT holding")


@pytest.mark.parametrize("model", [Event, Entry, EventRow, Openings, ImportedRow])
def test_each_column_of_each_row_counts(stretch: None, model: type[models.Model]) -> None:
    before = digest()
    row = model._default_manager.order_by("-pk")[0]
    for field in model._meta.concrete_fields:
        if connection.vendor == "postgresql" and (model, field.column) in REFERRED:
            continue
        value = bends(field, getattr(row, field.attname))[0]
        with holding(row, str(field.column), field.get_db_prep_save(value, connection=connection)):
            assert digest() != before, field
        assert digest() == before


def test_texts_and_their_columns_are_told_apart(stretch: models.Model) -> None:
    seen = set()
    for column in ("agent", "skill"):  # neighbours: nothing may move from one to the other
        for text in ODD:
            with holding(stretch, column, text):
                seen.add(digest())
    assert b"" not in seen and len(seen) == 2 * len(ODD) - 1  # both are empty by themselves


def test_the_longest_texts_are_told_apart_across_rows(stretch: models.Model) -> None:
    """They stand behind each other, apart from the rows that they belong to."""
    neighbour = EventRow.objects.get(seq=8)
    one, other = Openings.objects.order_by("id")[:2]
    words = [("", "ab"), ("a", "b"), ("ab", ""), ("a,b", ""), ("é", ""), ("", "é")]
    seen = set()
    for here, there in words:
        with holding(stretch, "terms", here), holding(neighbour, "terms", there):
            seen.add(digest())
    for here, there in (('"a"', '"bc"'), ('"ab"', '"c"'), ('"ab" ', '"c"'), ('"ab"', ' "c"')):
        with holding(one, "values", here), holding(other, "values", there):
            seen.add(digest())
    assert b"" not in seen and len(seen) == len(words) + 4


@pytest.mark.parametrize(
    ("table", "column"), [("audit_eventrow", "terms"), ("audit_openings", "values")]
)
def test_long_texts_of_another_type_are_told_apart(
    stretch: models.Model, table: str, column: str
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("other engines keep to the type of a column")
    odd = ["'ab'", "X'6162'", "12", "CAST(X'6162FF' AS TEXT)", "X'6162FF'", "''", "X''", "'12'"]
    seen: dict[bytes, list[str]] = {}
    for value in odd:
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT odd")
            cursor.execute(f'UPDATE {table} SET "{column}" = {value} WHERE rowid = 7')
            seen.setdefault(digest(), []).append(value)
            cursor.execute("ROLLBACK TO SAVEPOINT odd")
    seen.pop(b"", None)
    # A number that is put into a column of texts becomes one.
    assert sorted(map(len, seen.values())) == [1] * (len(odd) - 2) + [2]


def test_what_only_sqlite_keeps_is_told_apart_or_refused(stretch: models.Model) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("other engines keep to the type of a column")
    values = ["1", "null", "1.0", "1.5", b"1", b"null", "a\0b", "a", "a\0", "\\u0000"]
    casts = [f"CAST(X'{text}' AS TEXT)" for text in ("FF", "FE", "C3", "61FF")]
    seen: list[bytes] = []
    for value in values:
        with holding(stretch, "agent", value):
            seen.append(digest())
    for odd in (*casts, "1.5", "zeroblob(2)"):
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT odd")
            cursor.execute(f"UPDATE audit_eventrow SET skill = {odd} WHERE seq = 7")
            seen.append(digest())
            cursor.execute("ROLLBACK TO SAVEPOINT odd")
    for one, other in combinations([found for found in seen if found], 2):
        assert one != other


def test_an_opening_or_memory_more_or_less_counts(stretch: None) -> None:
    seen = {digest()}
    event = Entry.objects.get(seq=9).event_id
    added = Openings.objects.create(event=event, subject="nobody", values={})
    seen.add(digest())
    added.delete()
    ImportedRow.objects.all().delete()
    seen.add(digest())
    Openings.objects.filter(event=event).delete()
    seen.add(digest())
    assert len(seen) == 4 and b"" not in seen
