"""What held before is recognised; one changed byte, another key or other code, and it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection

from audit import erasure, known, rawread, rawrows, sequencer, verify
from audit.models import Event, EventRow, Openings
from tests.audit.factories import MIA, OLU, DraftFactory
from tests.support.migrated import migrated
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
SIZE = 600
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def log(unguarded: None) -> list[UUID]:
    """A signed log of which two stretches of 256 are known to hold."""
    ids = list(record_many([DraftFactory.build() for _ in range(SIZE)]))
    sequencer.run_once()
    assert verify.run().recognised == 0
    assert verify.run().recognised == 512
    return ids


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite reads by place")
def test_postgresql_puts_places_in_order_and_not_whole_entries() -> None:
    asked = rawrows.of("postgresql").entries.format(first=0, end=4096)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {asked}")
        (plan,) = cursor.fetchone()[0]
    assert plan["Plan"]["Node Type"] == "Nested Loop"


def found(**options: Any) -> set[tuple[str, int | None]]:
    report = verify.run(**options)
    return {(p.code, p.index) for p in report.problems if p.code != "trigger"}


def test_what_changed_since_is_opened_and_named(log: list[UUID]) -> None:
    EventRow.objects.filter(event=log[300]).update(outcome="denied")
    openings = Openings.objects.filter(event=log[9]).first()
    assert openings is not None
    openings.values["actor.name"][1] = "Somebody Else"
    openings.save()
    assert {("projection", 300), ("opening", 9)} <= found()
    assert verify.run().recognised == 0, "what did not hold must not be remembered"
    assert found(tree_only=True) == set()
    entry = bytes(Event.objects.get(id=log[400]).entry)
    Event.objects.filter(id=log[400]).update(entry=entry.replace(b'"', b"'", 1))
    assert ("leaf", 400) in found(tree_only=True)


def test_a_search_row_in_anothers_place_is_found(log: list[UUID]) -> None:
    for seq, event in ((10**6, log[60]), (60, log[61]), (61, log[60])):
        EventRow.objects.filter(event=event).update(seq=seq)
    assert {("projection", 60), ("projection", 61)} <= found()


def test_an_erasure_changes_what_is_known_and_is_no_finding(log: list[UUID]) -> None:
    erasure.erase_subject(OLU.key)
    erasure.erase_subject(MIA.key)
    sequencer.run_once()
    assert found() == set()
    assert verify.run().recognised == 512


def test_nobody_without_the_key_says_that_something_was_verified(
    log: list[UUID], settings: Any, var_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = var_dir / "ledger" / "verified"
    assert file.stat().st_size == 2 * 72 and file.stat().st_mode & 0o777 == 0o600
    record = file.read_bytes()
    for place in range(0, 72, 7):
        with file.open("r+b") as handle:
            os.pwrite(handle.fileno(), bytes([record[place] ^ 1]), place)
        digest = rawread.stretch(0)
        assert digest is not None
        assert known.Memory().recall(0, digest.digest) is None
        file.write_bytes(record)
    second = rawread.stretch(256)
    assert second is not None
    assert known.Memory().recall(256, second.digest) and not known.Memory().recall(0, second.digest)
    file.write_bytes(record[72:] + record[:72])
    assert verify.run().recognised == 0
    monkeypatch.setattr(known, "code", lambda: b"another version")
    assert verify.run().recognised == 0
    settings.EVIDENCE_KEY = bytes(32)
    assert verify.run().recognised == 0


def test_what_is_to_be_opened_again_is_and_only_once(log: list[UUID], var_dir: Path) -> None:
    at = known.begin()
    assert known.begun() == at
    assert verify.run(since=at + 60).recognised == 0
    assert verify.run(since=at - 60).recognised == 512, "what this turn has opened is done"
    out = StringIO()
    with pytest.raises(SystemExit):  # its triggers were dropped
        call_command("verify_ledger", "--resume", stdout=out)
    assert "512 entries had been opened before" in out.getvalue()


SEVERAL = """
import json, django
if __name__ == "__main__":
    django.setup()
    from django.db import connection
    from audit import sequencer, verify
    from audit.actor import SYSTEM
    from audit.record import record
    from tests.support.recording import record_many
    from tests.audit.factories import DraftFactory
    for _ in range(3):
        list(record_many([DraftFactory.build() for _ in range(500)]))
        sequencer.run_once()
    verify._WORTH_PROCESSES, verify._OF_A_PROCESS = 1000, 512

    def both(**options):
        said = []
        for processes in (1, 2):
            report = verify.run(processes=processes, **options).as_json()
            known = report.pop("recognised")
            said.append((known, report))
        assert said[0][1] == said[1][1], said
        return said[1]

    held = both()
    record(SYSTEM, "ledger.adopted", data={"of": "nothing that the file beside the log tells"})
    sequencer.run_once()
    with connection.cursor() as cursor:
        for table in ("audit_event", "audit_entry"):
            for verb in ("update", "delete"):
                cursor.execute(f"DROP TRIGGER {table}_no_{verb}")
        cursor.execute("UPDATE audit_eventrow SET outcome = 'denied' WHERE seq IN (3, 700)")
        cursor.execute("INSERT INTO audit_fts(rowid, terms) VALUES (900, 'ghost')")
        cursor.execute("DELETE FROM audit_rollup WHERE id = 1")
        cursor.execute("DELETE FROM audit_entry WHERE seq >= 1100 AND seq < 1110")
        cursor.execute("UPDATE audit_event SET entry = X'00' WHERE id = "
                       "(SELECT event_id FROM audit_entry WHERE seq = 1400)")
    bent = both()
    print(json.dumps({"held": held, "bent": bent, "tree": both(tree_only=True)}))
"""


def test_several_processes_say_what_one_says(tmp_path: Path) -> None:
    env = os.environ | {
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/several.sqlite3",
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "portal.settings"),
        "EVIDENCE_KEY": "07" * 32,
    }
    migrated(tmp_path / "several.sqlite3")
    ran = subprocess.run(
        [sys.executable, "-c", SEVERAL], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    known, held = said["held"]
    assert (known, held["ok"], held["size"]) == (1280, True, 1500), held["problems"]
    known, bent = said["bent"]
    where = {(problem["code"], problem["index"]) for problem in bent["problems"]}
    assert {("projection", 3), ("projection", 700), ("gap", 1100), ("leaf", 1400)} <= where
    assert {"counts", "index", "trigger", "state"} <= {code for code, _ in where} and known == 512
    tree = {(p["code"], p["index"]) for p in said["tree"][1]["problems"]}
    assert {("leaf", 1400), ("state", None)} <= tree
