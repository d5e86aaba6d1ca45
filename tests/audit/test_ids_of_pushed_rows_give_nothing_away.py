"""The id that a pushed event without one gets confirms no guess of what it is made of."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from audit import importing
from audit.importing import pushed_row_matching
from audit.importing.source_row_identity import SourceRow
from audit.ingest.pushes import drain
from audit.models import EventRow
from tests.audit import imports, pushing
from tests.audit.pushing import hec, real

pytestmark = pytest.mark.django_db

VALUES = {"timestamp": "2026-11-28T10:00:00.5Z", "action": "note", "target": "alice", "details": ""}
LINE = {"event": {"event_type": "x", "timestamp": "2026-11-28T10:00:00Z", "user": "alice"}}


@pytest.fixture(autouse=True)
def fleet(tmp_path: Path, settings: Any) -> None:
    pushing.register(tmp_path, settings)


def named() -> list[str]:
    row = SourceRow("audit_events", -1, VALUES)
    return [
        pushed_row_matching.id_of_one_without(VALUES),
        *(key.hex() for key in pushed_row_matching.keys_of(row)),
    ]


def test_they_differ_from_installation_to_installation(settings: Any) -> None:
    here = named()
    settings.EVIDENCE_KEY = secrets.token_bytes(32)
    assert not set(here) & set(named())


def test_no_entry_has_a_digest_that_a_guess_can_be_compared_with() -> None:
    hec(real("a-0.2.0.hec"))
    hec(json.dumps(LINE))
    drain.run_due()
    ids = {event["data"]["row_id"] for event in imports.events(source="defenseclaw")}
    written = json.dumps(LINE["event"], sort_keys=True, separators=(",", ":"))
    assert f"line-{hashlib.sha256(written.encode()).hexdigest()[:40]}" not in ids
    assert any(id.startswith("line-") for id in ids)


def test_a_row_is_found_while_the_key_is_being_replaced(tmp_path: Path, settings: Any) -> None:
    path = imports.empty(tmp_path / "gateway" / "audit.db", 0)
    imports.audit_row(path, "row-1", timestamp="2026-11-28T10:00:00.123456789Z")
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        (row,) = [dict(row) for row in database.execute("SELECT * FROM audit_events")]
    hec(pushing.event_of_0_2_0(row))
    drain.run_due()
    settings.EVIDENCE_KEY_PREVIOUS = settings.EVIDENCE_KEY
    settings.EVIDENCE_KEY = secrets.token_bytes(32)
    importing.run(path, "edge-1")
    assert EventRow.objects.filter(source="defenseclaw").count() == 1
