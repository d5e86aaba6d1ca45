"""A row that was pushed first is checked as strictly as any other when the database is read."""

from __future__ import annotations

import json
import lzma
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from audit import importing
from audit.importing import pushed_row_matching
from audit.importing.source_row_identity import SourceRow
from audit.ingest.pushes import drain
from tests.audit import imports, pushing
from tests.audit.pushing import jsonl, real

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture(autouse=True)
def fleet(tmp_path: Path, settings: Any) -> None:
    pushing.register(tmp_path, settings)


@pytest.mark.django_db
def test_the_seal_of_a_row_that_was_pushed_first_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    path.write_bytes(lzma.decompress((RECORDED / "c-head.db.xz").read_bytes()))
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM audit_events")]
    jsonl(pushing.lines(pushing.record_of(row) for row in rows))
    drain.run_due()
    id, forged = rows[0]["id"], f"sha256:{'0' * 64}"
    imports.change(path, f"UPDATE audit_events SET projection_hash = '{forged}' WHERE id = '{id}'")
    report = importing.run(path, "edge-1")
    assert sum(report.integrity.values()) == len(rows)
    assert report.integrity["hash_mismatch"] == 1
    (changed,) = imports.events(action="defenseclaw.row_changed")
    assert (changed["severity"], changed["data"]["integrity"]) == ("HIGH", "hash_mismatch")
    assert imports.event(action="audit.imported")["severity"] == "HIGH"
    importing.run(path, "edge-1")
    assert len(imports.events(action="defenseclaw.row_changed")) == 1


@pytest.mark.django_db
def test_a_placeholder_hides_no_other_change_of_a_text() -> None:
    record = json.loads(real("c-head.jsonl").splitlines()[17])
    jsonl(json.dumps(record))
    drain.run_due()
    body = record["body"] | {"details": "reason=harmless <redacted>"}
    other = {**record["projection"], "redaction_profile": "other"}
    jsonl(json.dumps(record | {"body": body, "projection": other}))
    drain.run_due()
    assert len(imports.events(action="defenseclaw.row_changed")) == 1


@pytest.mark.parametrize(
    ("now", "then", "is_other"),
    [
        ("by <redacted len=8 sha=84ed0c96> at 5", "by alice at 5", False),
        ("by alice at 5", "by [masked: token] at 5", False),
        ("start and more", "start [cut: 14 characters in all, SHA-256 ab]", False),
        ("<redacted>", "anything at all", False),
        ("<redacted> b <redacted>", "a b c", False),
        ("by <redacted> at 5", "by <hashed x> at 5", False),
        ("by <redacted> at 5", "by alice at 6", True),
        ("<redacted> x <redacted>", "a b c", True),
        ("ab<redacted>bc", "abc", True),
        ("by <redacted> at 5", "to <hashed x> at 5", True),
        ("by <redacted", "by alice", True),
    ],
)
def test_texts_are_compared_around_what_is_hidden(now: str, then: str, is_other: bool) -> None:
    row = SourceRow("audit_events", -1, {"details": now})
    assert pushed_row_matching.disagree(row, {"details": then}) is is_other
