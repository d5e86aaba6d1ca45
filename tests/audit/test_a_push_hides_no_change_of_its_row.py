"""A row that was pushed first is checked as strictly as any other when the database is read."""

from __future__ import annotations

import lzma
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from audit import importing
from audit.ingest.pushes import drain
from tests.audit import imports, pushing
from tests.audit.pushing import jsonl

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
