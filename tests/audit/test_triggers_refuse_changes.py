"""Evidence tables take inserts only, and a missing trigger is noticed."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from audit.db import insert_only
from audit.evidence import storage
from audit.models import (
    Checkpoint,
    Cosignature,
    Entry,
    Event,
    EvidenceItem,
    RepeatedTag,
    Tile,
)
from audit.sequencing import sequencer
from audit.verification import verify
from tests.audit.factories import NOON, DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db

CHANGES = {
    Event: "recorded_at",
    Entry: "event_id",
    Tile: "n",
    Checkpoint: "size",
    Cosignature: "size",
    EvidenceItem: "kind",
    RepeatedTag: "row_id",
}


@pytest.fixture
def filled() -> None:
    """One row at least in every guarded table."""
    list(record_many([DraftFactory.build() for _ in range(256)]))
    sequencer.run_once()
    storage.put("acknowledgement", b"{}")
    Cosignature.objects.create(size=256, root=b"\0" * 32, name="w", line="x", created=NOON)
    RepeatedTag.objects.create(tag="x", event=Event.objects.earliest("recorded_at").id, row_id="r")


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


@pytest.mark.parametrize("model", CHANGES)
def test_a_replacement_is_refused_where_the_engine_has_it(filled: None, model: type[Event]) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has REPLACE, which deletes without DELETE")
    table = model._meta.db_table
    refuses(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")


def test_truncating_is_refused_where_the_engine_has_it() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has TRUNCATE")
    refuses("TRUNCATE audit_event CASCADE")


def test_all_triggers_are_there_after_migrating() -> None:
    assert insert_only.problems() == []
    assert set(insert_only.GUARDED) >= {model._meta.db_table for model in CHANGES}


def test_a_dropped_trigger_is_named() -> None:
    table = " ON audit_event" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER audit_event_no_delete{table}")
    (problem,) = insert_only.problems()
    assert "audit_event_no_delete is missing" in problem


def test_a_disabled_trigger_counts_as_missing() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL can disable a trigger")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_update")
    (problem,) = insert_only.problems()
    assert "audit_entry_no_update is missing" in problem


POSTGRESQL_ONLY = "only PostgreSQL names triggers by table and functions by schema"
BEFORE = "BEFORE UPDATE ON audit_event FOR EACH ROW"
DROP = "DROP TRIGGER audit_event_no_update ON audit_event"
EVIL = (
    "CREATE SCHEMA evil",
    "CREATE FUNCTION evil.audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RETURN NEW; END $$",
)
INERT = {
    "a function of another schema": (
        *EVIL,
        DROP,
        f"CREATE TRIGGER audit_event_no_update {BEFORE} "
        "EXECUTE FUNCTION evil.audit_refuse_change()",
    ),
    "a condition that is never met": (
        DROP,
        f"CREATE TRIGGER audit_event_no_update {BEFORE} WHEN (false) "
        "EXECUTE FUNCTION audit_refuse_change()",
    ),
    "switched off": ("ALTER TABLE audit_event DISABLE TRIGGER audit_event_no_update",),
    "on replicas only": ("ALTER TABLE audit_event ENABLE REPLICA TRIGGER audit_event_no_update",),
}


def change(*statements: str) -> None:
    """What an owner of the database does to its triggers."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.parametrize("how", INERT)
def test_a_trigger_that_refuses_nothing_is_found(filled: None, how: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip(POSTGRESQL_ONLY)
    change(*INERT[how])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET recorded_at = recorded_at")
        assert cursor.rowcount == 256, "the trigger is inert"
    (problem,) = insert_only.problems()
    assert "audit_event_no_update" in problem
    assert [p.message for p in verify.run().problems if p.code == "trigger"] == [problem]


@pytest.mark.parametrize(
    "table", [table for table in insert_only.GUARDED if table != "audit_event"]
)
def test_a_stray_trigger_is_found_beside_a_namesake_of_another_table(table: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip(POSTGRESQL_ONLY)
    change(
        *EVIL,
        f"CREATE TRIGGER {table}_no_update BEFORE INSERT ON audit_event FOR EACH ROW "
        "EXECUTE FUNCTION evil.audit_refuse_change()",
    )
    (problem,) = insert_only.problems()
    assert f"{table}_no_update on audit_event" in problem


def test_a_trigger_of_sqlite_moved_to_another_table_is_found() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite names triggers by database")
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_tile_no_update'")
        ((made,),) = cursor.fetchall()
    moved = made.replace("ON audit_tile", "ON audit_rollup", 1)
    change("DROP TRIGGER audit_tile_no_update", moved)
    found = " ".join(insert_only.problems())
    assert "audit_tile_no_update is missing" in found
    assert "audit_tile_no_update on audit_rollup is not one of ours" in found
