"""The seals of generation 8 are checked with its key, and its columns against its records."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from audit import importing
from audit.importing import ImportRefused, defenseclaw_seals
from tests.audit import imports

pytestmark = pytest.mark.django_db
WHERE = "WHERE id = (SELECT min(id) FROM audit_events)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return imports.sample(tmp_path, 8, 120)


def first_seal(path: Path) -> tuple[str, list[str]]:
    """Import, and what is said of the row that the test touched."""
    importing.run(path, "edge-1")
    connection = sqlite3.connect(path)
    (row_id,) = connection.execute("SELECT min(id) FROM audit_events").fetchone()
    connection.close()
    (event,) = (
        e
        for e in imports.events(source="defenseclaw")
        if e["data"].get("row_id") == row_id and e["data"]["table"] == "audit_events"
    )
    return event["data"]["integrity"], event["data"].get("mismatches", [])


def test_untouched_rows_are_verified_and_agree_with_their_columns(path: Path) -> None:
    report = importing.run(path, "edge-1")
    assert dict(report.integrity) == {"verified": report.by_table["audit_events"].rows}
    assert report.mismatches == 0
    assert imports.event(action="audit.imported")["severity"] == "INFO"


@pytest.mark.parametrize(
    ("sql", "status"),
    [
        (
            "projected_record_json = replace(projected_record_json, 'defenseclaw', 'mallory'), "
            "severity = severity",
            defenseclaw_seals.HASH_MISMATCH,
        ),
        (
            "payload_hmac = replace(payload_hmac, substr(payload_hmac, 1, 1), 'z')",
            defenseclaw_seals.INVALID,
        ),
        ("payload_hmac = lower(hex(zeroblob(32)))", defenseclaw_seals.HMAC_MISMATCH),
        ("integrity_algorithm = 'none'", defenseclaw_seals.INVALID),
        ("integrity_algorithm = NULL", defenseclaw_seals.INVALID),
        ("integrity_key_id = 'aaaaaaaaaaaa'", defenseclaw_seals.KEY_UNAVAILABLE),
        ("projection_hash = NULL", defenseclaw_seals.INVALID),
        (
            "projection_hash = 'sha256:' || lower(hex(zeroblob(32)))",
            defenseclaw_seals.HASH_MISMATCH,
        ),
        (
            "payload_hmac = NULL, integrity_algorithm = NULL, integrity_key_id = NULL",
            defenseclaw_seals.UNSIGNED,
        ),
        (
            "payload_hmac = NULL, integrity_algorithm = NULL, integrity_key_id = NULL, "
            "projected_record_json = NULL, projection_hash = NULL",
            defenseclaw_seals.NOT_PROJECTED,
        ),
        ("projected_record_json = NULL", defenseclaw_seals.INVALID),
    ],
)
def test_a_tampered_row_gets_the_status_that_names_the_damage(
    path: Path, sql: str, status: str
) -> None:
    imports.change(path, f"UPDATE audit_events SET {sql} {WHERE}")
    assert first_seal(path)[0] == status


def test_a_record_rewritten_with_its_hash_is_caught_by_the_key_only(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.create_function("sha256", 1, _sha256)
    with connection:
        connection.execute(
            "UPDATE audit_events SET projected_record_json = "
            f"replace(projected_record_json, '\"mandatory\":', '\"mandatory\": ') {WHERE}"
        )
        connection.execute(
            f"UPDATE audit_events SET projection_hash = sha256(projected_record_json) {WHERE}"
        )
    connection.close()
    assert first_seal(path)[0] == defenseclaw_seals.HMAC_MISMATCH


def _sha256(text: str) -> str:
    import hashlib

    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("column", ["severity", "action", "timestamp", "run_id"])
def test_a_column_that_contradicts_its_sealed_record_is_named(path: Path, column: str) -> None:
    value = "2026-01-01T00:00:00Z" if column == "timestamp" else "LOW-ISH"
    imports.change(
        path,
        f"UPDATE audit_events SET {column} = '{value}' WHERE id = "
        "(SELECT min(id) FROM audit_events)",
    )
    status, mismatches = first_seal(path)
    assert status == defenseclaw_seals.VERIFIED  # the seal covers the record, not the column
    if column != "run_id":
        assert mismatches == [column]


def test_an_import_of_tampered_rows_is_grave(path: Path) -> None:
    imports.change(path, f"UPDATE audit_events SET details = 'nothing here' {WHERE}")
    imports.change(
        path,
        "UPDATE audit_events SET projection_hash = 'sha256:' || lower(hex(zeroblob(32)))",
    )
    report = importing.run(path, "edge-1")
    assert report.integrity["hash_mismatch"] == report.by_table["audit_events"].rows
    assert imports.event(action="audit.imported")["severity"] == "HIGH"


def test_without_a_key_nothing_is_called_verified(path: Path) -> None:
    path.with_name("redaction-correlation.key").unlink()
    report = importing.run(path, "edge-1")
    assert dict(report.integrity) == {"key_unavailable": report.by_table["audit_events"].rows}


def test_a_key_named_by_hand_is_used(path: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.key"
    path.with_name("redaction-correlation.key").rename(moved)
    assert importing.run(path, "edge-1", key_file=moved).integrity["verified"] > 0


def test_a_key_registered_for_the_instance_is_used(
    path: Path, tmp_path: Path, settings: object
) -> None:
    path.with_name("redaction-correlation.key").rename(tmp_path / "edge.key")
    registry = tmp_path / "instances.toml"
    registry.write_text('[[instance]]\nname = "edge-1"\nhmac_key_file = "edge.key"\n')
    env = settings.ENV.model_copy(update={"DEFENSECLAW_INSTANCES_FILE": registry})  # type: ignore[attr-defined]
    settings.ENV = env  # type: ignore[attr-defined]
    assert importing.run(path, "edge-1").integrity["verified"] > 0
    assert importing.run(path, "edge-2").integrity["key_unavailable"] > 0


def test_a_key_that_the_embedded_mode_registered_is_used(
    path: Path, tmp_path: Path, var_dir: Path
) -> None:
    path.with_name("redaction-correlation.key").rename(tmp_path / "edge.key")
    (var_dir / "demo").mkdir()
    (var_dir / "demo" / "instances.toml").write_text(
        f'[[instance]]\nname = "edge-1"\nhmac_key_file = "{tmp_path / "edge.key"}"\n'
    )
    assert importing.run(path, "edge-1").integrity["verified"] > 0


def test_a_key_of_the_wrong_size_is_refused(path: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "short.key"
    wrong.write_bytes(b"short")
    with pytest.raises(ImportRefused, match="32 bytes"):
        importing.run(path, "edge-1", key_file=wrong)
