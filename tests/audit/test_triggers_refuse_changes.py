"""Evidence tables take inserts only, and a missing trigger is noticed."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from audit import evidence, guards, sequencer
from audit.models import Checkpoint, Cosignature, Entry, Event, EvidenceItem, Tile
from audit.record import record_many
from tests.audit.factories import NOON, DraftFactory

pytestmark = pytest.mark.django_db

CHANGES = {
    Event: "recorded_at",
    Entry: "event_id",
    Tile: "n",
    Checkpoint: "size",
    Cosignature: "size",
    EvidenceItem: "kind",
}


@pytest.fixture
def filled() -> None:
    """One row at least in every guarded table."""
    list(record_many([DraftFactory.build() for _ in range(256)]))
    sequencer.run_once()
    evidence.put("acknowledgement", b"{}")
    Cosignature.objects.create(size=256, root=b"\0" * 32, name="w", line="x", created=NOON)


def refuses(statement: str) -> None:
    """Run a statement and expect the trigger's refusal."""
    with (
        pytest.raises(IntegrityError, match="insert-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize("model", CHANGES)
def test_an_update_is_refused(filled: None, model: type[Event]) -> None:
    column = CHANGES[model]
    assert model.objects.exists()
    refuses(f"UPDATE {model._meta.db_table} SET {column} = {column}")


@pytest.mark.parametrize("model", CHANGES)
def test_a_delete_is_refused(filled: None, model: type[Event]) -> None:
    refuses(f"DELETE FROM {model._meta.db_table}")


def test_truncating_is_refused_where_the_engine_has_it() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has TRUNCATE")
    refuses("TRUNCATE audit_event CASCADE")


def test_all_triggers_are_there_after_migrating() -> None:
    assert guards.missing_triggers() == []
    assert set(guards.GUARDED) >= {model._meta.db_table for model in CHANGES}


def test_a_dropped_trigger_is_named() -> None:
    table = " ON audit_event" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER audit_event_no_delete{table}")
    assert guards.missing_triggers() == ["audit_event_no_delete"]


def test_a_disabled_trigger_counts_as_missing() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL can disable a trigger")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_update")
    assert guards.missing_triggers() == ["audit_entry_no_update"]
