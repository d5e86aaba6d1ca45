"""Triggers that were dropped, switched off or hollowed out; files beside the database."""

from __future__ import annotations

from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from django.db import connection

from audit.db import insert_only
from audit.models import EvidenceItem, ExportJob
from audit.sequencing import signed_state
from tests.attacks.tamper.verifying import verified
from tests.audit.factories import ADA, OLU

pytestmark = pytest.mark.django_db


def names() -> list[str]:
    return sorted(name for _, name in insert_only._wanted())


def table_of(trigger: str) -> str:
    return trigger.rpartition("_no_")[0]


def problems() -> str:
    """What verification says about triggers."""
    from tests.attacks.tamper.verifying import report

    said = [p["message"] for p in report()["problems"]]
    assert {p["code"] for p in report()["problems"]} <= {"trigger"}
    return "\n".join(said)


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # no table can be altered while checks wait
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in statements:
            cursor.execute(statement)


def drop(trigger: str) -> str:
    on = f" ON {table_of(trigger)}" if connection.vendor == "postgresql" else ""
    return f"DROP TRIGGER {trigger}{on}"


def test_every_trigger_that_was_dropped_is_named(ledger: Path) -> None:
    run(*(drop(name) for name in names()))
    said = problems()
    assert all(f"the trigger {name} is missing" in said for name in names())


def test_every_trigger_of_the_same_name_that_does_nothing_is_named(ledger: Path) -> None:
    hollow = []
    if connection.vendor == "postgresql":
        run(
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN coalesce(NEW, OLD); END $$"
        )
    for name in names():
        verb = name.rpartition("_")[2].upper()
        if connection.vendor == "sqlite":
            body = f"BEFORE {verb} ON {table_of(name)} BEGIN SELECT 1; END"
        else:
            scope = "STATEMENT" if verb == "TRUNCATE" else "ROW"
            body = f"BEFORE {verb} ON {table_of(name)} FOR EACH {scope} EXECUTE FUNCTION nothing()"
        hollow += [drop(name), f"CREATE TRIGGER {name} {body}"]
    run(*hollow)
    said = problems()
    assert all(f"the trigger {name} was changed" in said for name in names())


def test_a_trigger_that_fires_under_a_condition_only_is_named(ledger: Path) -> None:
    name, table = "audit_event_no_update", "audit_event"
    if connection.vendor == "sqlite":
        refuse = "SELECT RAISE(ABORT, 'audit_event is insert-only: update refused')"
        body = f"BEFORE UPDATE ON {table} WHEN OLD.id IS NULL BEGIN {refuse}; END"
    else:
        body = (
            f"BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.id IS NULL) "
            "EXECUTE FUNCTION audit_refuse_change()"
        )
    run(drop(name), f"CREATE TRIGGER {name} {body}")
    assert f"the trigger {name} was changed" in problems()


def test_a_trigger_of_somebody_else_is_named(ledger: Path) -> None:
    if connection.vendor == "sqlite":
        run("CREATE TRIGGER helper AFTER INSERT ON audit_event BEGIN SELECT 1; END")
    else:
        run(
            "CREATE FUNCTION helper() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN NULL; END $$",
            "CREATE TRIGGER helper BEFORE INSERT ON audit_event FOR EACH ROW "
            "EXECUTE FUNCTION helper()",
        )
    assert "the trigger helper on audit_event is not one of ours" in problems()


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_update", "audit_entry_no_update"),
        (
            "ALTER TABLE audit_tile ENABLE REPLICA TRIGGER audit_tile_no_delete",
            "no_delete is missing",
        ),
        (
            "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN NEW; END $$",
            "the function audit_refuse_change was changed",
        ),
        ("CREATE RULE quiet AS ON DELETE TO audit_event DO INSTEAD NOTHING", "the rule quiet"),
        ("SET LOCAL session_replication_role = replica", "session_replication_role is replica"),
    ],
)
def test_the_ways_of_postgresql_past_a_trigger_are_named(
    ledger: Path, attack: str, said: str
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has these ways")
    run(attack)
    assert said in problems()
    run("SET LOCAL session_replication_role = origin")


def test_a_last_signed_state_that_was_bent_set_back_or_taken_is_found(files: Path) -> None:
    state = files / "ledger" / "last-signed"
    whole = state.read_bytes()
    head = signed_state.read_state()
    assert head is not None
    state.write_bytes(whole[:-10])
    assert {code for code, _ in verified()} == {"state"}
    state.write_bytes(f"{head.size} {b64encode(bytes(32)).decode()}\n".encode())
    assert {code for code, _ in verified()} == {"root"}
    state.write_bytes(f"42 {b64encode(bytes(32)).decode()}\n".encode())
    assert {code for code, _ in verified()} == {"root", "state"}
    state.unlink()
    assert set(verified()) == {("state", head.size)}
    state.write_bytes(whole)
    assert verified() == {}


def test_a_log_key_or_name_that_was_replaced_bent_or_taken_is_found(files: Path) -> None:
    key, origin = files / "ledger" / "key", files / "ledger" / "origin"
    whole, name = key.read_bytes(), origin.read_bytes()
    other = bytes(b ^ 1 for b in b64decode(whole))
    key.write_bytes(b64encode(other))
    assert "put the key back" in verified()["key", None]
    for broken in (b"no seed", b""):
        key.write_bytes(broken)
        assert "key" in {code for code, _ in verified()}
    key.unlink()
    assert "restore the file" in verified()["key", None]
    assert not key.exists()
    key.write_bytes(whole)
    origin.write_bytes(b"another.example/log\n")
    assert "is of the log" in verified()["key", None]
    origin.unlink()
    assert "restore the file" in verified()["key", None]
    assert not origin.exists()
    origin.write_bytes(name)
    assert verified() == {}


def body_of(files: Path, kind: str) -> Path:
    digest = EvidenceItem.objects.get(kind=kind).digest
    return files / "evidence" / digest[:2] / digest


@pytest.mark.parametrize(
    ("kind", "index"), [("id_token", 0), ("approval_token", 1), ("issuer_keys", None)]
)
def test_an_evidence_body_that_was_bent_exchanged_or_taken_is_found(
    files: Path, kind: str, index: int | None
) -> None:
    body = body_of(files, kind)
    whole = body.read_bytes()
    for place in (0, 10, 30, len(whole) - 1):
        body.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert ("evidence", index) in verified(), place
    other = body_of(files, "approval_token" if kind == "id_token" else "id_token")
    body.write_bytes(other.read_bytes())
    assert ("evidence", index) in verified()
    body.unlink()
    assert "has lost its body" in verified()["evidence", index]


def test_an_evidence_body_without_a_row_is_found(files: Path) -> None:
    (files / "evidence" / "ab").mkdir(exist_ok=True)
    (files / "evidence" / "ab" / ("ab" * 32)).write_bytes(b"\0" * 50)
    assert "has a body and no row" in verified()["evidence", None]


def test_an_evidence_key_that_was_bent_exchanged_or_taken_is_found(files: Path) -> None:
    key = files / "evidence-keys" / OLU.key
    whole = key.read_bytes()
    key.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert ("evidence", 0) in verified()
    key.write_bytes((files / "evidence-keys" / "common").read_bytes())
    assert ("evidence", 0) in verified()
    key.unlink()
    assert "its person was not erased" in verified()["evidence", 0]
    key.write_bytes(whole)
    assert verified() == {}
    assert not (files / "evidence-keys" / ADA.key).exists()


def test_an_export_whose_file_was_changed_or_taken_is_found(files: Path) -> None:
    job = ExportJob.objects.order_by("created").first()
    assert job is not None
    path = files / "exports" / f"{job.id}.{job.format}"
    with path.open("ab") as file:
        file.write(b"\n")
    (index,) = {i for code, i in verified() if code == "work"}
    path.unlink()
    assert "has lost its file" in verified()["work", index]
