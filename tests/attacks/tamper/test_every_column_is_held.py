"""Whoever edits any column of any table of the ledger is found, with the index and the reason."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, models

from audit.models import EventRow, Rollup
from tests.attacks.tamper import columns, owner
from tests.attacks.tamper.verifying import report, verified

pytestmark = pytest.mark.django_db


def cases(*, harmless: bool) -> list[Any]:
    """A case for each column that is held, or for each that is called harmless."""
    return [
        pytest.param(model, field, id=f"{model._meta.db_table}.{field.column}")
        for model, field in columns.fields()
        if model not in columns.NOT_HELD
        and ((model, str(field.column)) in columns.HARMLESS) == harmless
    ]


HELD = cases(harmless=False)


def test_every_table_of_the_room_is_among_the_cases(ledger: Path) -> None:
    tables = {t for t in connection.introspection.table_names() if t.startswith("audit_")}
    known = {model._meta.db_table for model in columns.MODELS}
    index = {t for t in tables if t == "audit_fts" or t.startswith("audit_fts_")}
    assert tables - index == known
    assert set(columns.CODES) | set(columns.NOT_HELD) == set(columns.MODELS)
    there = {(model, str(field.column)) for model, field in columns.fields()}
    assert set(columns.HARMLESS) <= there
    assert all(model._default_manager.exists() for model in columns.CODES)


@pytest.mark.parametrize(("model", "field"), HELD)
def test_a_changed_column_is_found(
    ledger: Path, model: type[models.Model], field: models.Field[Any, Any]
) -> None:
    for row, index in columns.victims(model, str(field.column)):
        before = getattr(row, field.attname)
        for value in columns.bends(field, before):
            owner.overwrite(model, row.pk, str(field.column), value)
            found = verified()
            named = {i for code, i in found if code in columns.CODES[model]}
            assert index in named, (before, value, found)
            owner.overwrite(
                model, value if field.primary_key else row.pk, str(field.column), before
            )


@pytest.mark.parametrize(("model", "field"), cases(harmless=True))
def test_a_column_that_is_called_harmless_is_no_part_of_what_is_verified(
    ledger: Path, model: type[models.Model], field: models.Field[Any, Any]
) -> None:
    row, _ = columns.victims(model, str(field.column))[0]
    value = columns.bends(field, getattr(row, field.attname))[0]
    owner.overwrite(model, row.pk, str(field.column), value)
    assert verified() == {}


@pytest.mark.parametrize(("model", "field"), HELD)
def test_no_value_however_odd_stops_the_verification(
    ledger: Path, model: type[models.Model], field: models.Field[Any, Any]
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite keeps any value in any column")
    if isinstance(field, models.JSONField) or (
        field.primary_key and isinstance(field, models.IntegerField)
    ):
        pytest.skip("SQLite itself refuses it")
    if isinstance(field, models.BooleanField):
        pytest.skip("whatever is not 1 is read as no")
    row, _ = columns.victims(model, str(field.column))[0]
    meta = model._meta
    assert meta.pk is not None
    owner.execute(
        f'UPDATE {meta.db_table} SET "{field.column}" = %s WHERE {meta.pk.column} = %s',
        b"\xff\x00odd",
        meta.pk.get_db_prep_save(row.pk, connection=connection),
    )
    assert not report()["ok"]


def test_what_a_search_row_says_stands_beside_what_its_entry_says(ledger: Path) -> None:
    EventRow.objects.filter(seq=1).update(outcome="denied", human="H0", actor_name="Nobody Real")
    message = verified()["projection", 1]
    assert "search row says outcome=denied, the entry says success" in message
    assert "human=H0, the entry says H2" in message
    assert "another actor_name" in message and "Nobody Real" not in message


@pytest.mark.parametrize("model", [EventRow, Rollup])
def test_a_bent_projection_is_made_anew_by_a_command(
    ledger: Path, model: type[EventRow] | type[Rollup]
) -> None:
    model.objects.update(outcome="denied")
    assert verified()
    call_command("rebuild_projection", stdout=StringIO())
    assert verified() == {}
