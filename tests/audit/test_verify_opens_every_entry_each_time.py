"""Each run opens every entry: what changed after one that held is named by the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from audit.models import Event, EventRow, Openings
from audit.sequencing import sequencer
from audit.verification import verify
from tests.audit.factories import MIA, OLU, DraftFactory
from tests.support.erasing import erase_person
from tests.support.migrated import migrated
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db
SIZE = 600
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def log(unguarded: None) -> list[UUID]:
    """A signed log that was verified."""
    ids = list(record_many([DraftFactory.build() for _ in range(SIZE)]))
    sequencer.run_once()
    assert found() == set()
    return ids


def found(**options: Any) -> set[tuple[str, int | None]]:
    report = verify.run(**options)
    return {(p.code, p.index) for p in report.problems if p.code != "trigger"}


def test_what_changed_after_a_verification_is_named(log: list[UUID]) -> None:
    EventRow.objects.filter(event=log[300]).update(outcome="denied")
    openings = Openings.objects.filter(event=log[9]).first()
    assert openings is not None
    openings.values["actor.name"][1] = "Somebody Else"
    openings.save()
    assert {("projection", 300), ("opening", 9)} <= found()
    assert found(tree_only=True) == set()
    entry = bytes(Event.objects.get(id=log[400]).entry)
    Event.objects.filter(id=log[400]).update(entry=entry.replace(b'"', b"'", 1))
    assert ("leaf", 400) in found(tree_only=True)


def test_a_search_row_in_anothers_place_is_found(log: list[UUID]) -> None:
    for seq, event in ((10**6, log[60]), (60, log[61]), (61, log[60])):
        EventRow.objects.filter(event=event).update(seq=seq)
    assert {("projection", 60), ("projection", 61)} <= found()


def test_an_erasure_is_no_finding(log: list[UUID]) -> None:
    erase_person(OLU.key)
    erase_person(MIA.key)
    sequencer.run_once()
    assert found() == set()


SEVERAL = """
import json, django
if __name__ == "__main__":
    django.setup()
    from django.db import connection
    from audit.sequencing import sequencer
    from audit.verification import verify
    from audit.recording.actors import SYSTEM
    from audit.recording.record import record
    from tests.support.recording import record_many
    from tests.audit.factories import DraftFactory
    for _ in range(3):
        list(record_many([DraftFactory.build() for _ in range(500)]))
        sequencer.run_once()
    verify._WORTH_PROCESSES = 1000

    def both(**options):
        said = [verify.run(processes=many, **options).as_json() for many in (1, 2)]
        assert said[0] == said[1], said
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
    tree = both(tree_only=True)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_openings RENAME TO elsewhere")
    print(json.dumps({"held": held, "bent": bent, "tree": tree, "unread": both()}))
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
    assert (said["held"]["ok"], said["held"]["size"]) == (True, 1500), said["held"]["problems"]
    where = {(problem["code"], problem["index"]) for problem in said["bent"]["problems"]}
    assert {("projection", 3), ("projection", 700), ("gap", 1100), ("leaf", 1400)} <= where
    assert {"counts", "index", "trigger", "state"} <= {code for code, _ in where}
    tree = {(p["code"], p["index"]) for p in said["tree"]["problems"]}
    assert {("leaf", 1400), ("state", None)} <= tree
    unread = {problem["code"] for problem in said["unread"]["problems"]}
    assert "unreadable" in unread and said["unread"]["checked"] == 0
