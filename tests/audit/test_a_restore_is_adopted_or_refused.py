"""The drill of docs/backup.md: copy a live log, restore it, verify, adopt when it is old."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from tests.audit.test_sequencer_survives_being_killed import (
    RECORDER,
    ROOT,
    SEQUENCER,
    more,
    output,
    start,
)
from tests.support.forking import PORTAL
from tests.support.migrated import migrated

pytestmark = pytest.mark.stack
TOGETHER = """
import sys, django; django.setup()
from audit.recording.actors import SYSTEM
from audit.recording.record import Draft
from tests.support.recording import record_many
draft = Draft(actor=SYSTEM, action="audit.imported", data={"n": 1})
drafts = [draft] * int(sys.argv[1])
assert len(list(record_many(drafts))) == len(drafts)
"""


def environment(var_dir: Path) -> dict[str, str]:
    return os.environ | {
        "VAR_DIR": str(var_dir),
        "DATABASE_URL": f"sqlite:///{var_dir}/portal.sqlite3",
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "portal.settings"),
        "LEDGER_ORIGIN": "ledger.example/drill",
    }


def manage(var_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return PORTAL.run(["-m", "django", *arguments], cwd=ROOT, env=environment(var_dir))


def copy(live: Path, to: Path) -> Path:
    """The order of docs/backup.md, while everything runs."""
    to.mkdir()
    drafts = shutil.ignore_patterns(".*")  # they vanish while one copies
    shutil.copytree(live / "ledger", to / "ledger", ignore=drafts)
    source, target = (sqlite3.connect(one / "portal.sqlite3") for one in (live, to))
    source.backup(target)
    source.close()
    target.close()
    for name in ("evidence", "evidence-keys", "secrets"):
        if (live / name).exists():
            shutil.copytree(live / name, to / name)
    return to


def record_some(var_dir: Path, count: int) -> None:
    """Several events in one transaction, by a process that then ends."""
    done = PORTAL.run(["-c", TOGETHER, str(count)], cwd=ROOT, env=environment(var_dir))
    assert done.returncode == 0, done.stderr


def problems(var_dir: Path) -> dict[str, str]:
    report = json.loads(manage(var_dir, "verify_ledger", "--json").stdout.splitlines()[-1])
    return {one["code"]: one["message"] for one in report["problems"]}


def test_a_live_log_is_copied_restored_verified_and_an_old_copy_signs_only_once_adopted(
    tmp_path: Path,
) -> None:
    live = tmp_path / "live"
    live.mkdir()
    migrated(live / "portal.sqlite3")
    writers = [start(code, environment(live), pipesize=4096) for code in (RECORDER, SEQUENCER)]
    try:
        assert output(writers[1]).readline() == "up\n"
        while not (live / "ledger" / "last-signed").exists():
            output(writers[0]).readline()
        for _ in range(60):
            output(writers[0]).readline()
        good = copy(live, tmp_path / "good")
        more(writers[0], recorded(good), 60)
    finally:
        for process in writers:
            process.kill()
            process.communicate()

    # A copy taken while events arrived is whole.
    said = manage(good, "sequence")
    assert said.returncode == 0, said.stderr
    assert problems(good) == {}
    said = manage(good, "ledger_adopt")
    assert said.returncode == 0 and "holds everything" in said.stdout

    # The newest state beside an old database: it lacks what was signed, and refuses.
    assert manage(live, "sequence").returncode == 0
    signed, root = (live / "ledger" / "last-signed").read_text().split()
    shutil.copy(live / "ledger" / "last-signed", good / "ledger" / "last-signed")
    record_some(good, 1)
    refused = manage(good, "sequence")
    assert refused.returncode != 0 and "refuses to sign" in refused.stderr
    assert "truncated" in problems(good)
    looked = manage(good, "ledger_adopt", "--yes")
    assert looked.returncode != 0 and "Nothing was changed" in looked.stderr
    assert "signed entries are not in the database" in looked.stdout

    adopted = manage(good, "ledger_adopt", "--yes", "--reason", "the disk of Monday is gone")
    assert adopted.returncode == 0, adopted.stderr
    assert f"inconsistent with the checkpoint of {signed}" in adopted.stdout
    assert manage(good, "sequence").returncode == 0
    before = sizes(good)
    assert max(before) < int(signed)  # sequenced, and nothing signed at a size of the lost part
    record_some(good, int(signed))
    assert manage(good, "sequence").returncode == 0
    new = [size for size in sizes(good) if size not in before]
    assert new and min(new) > int(signed)
    assert problems(good) == {}
    (told,) = json.loads((good / "ledger" / "adopted.json").read_text())
    assert (told["signed_size"], told["signed_root"]) == (int(signed), root)
    # And an adoption that the log does not tell of, or the file does not hold, is named.
    (good / "ledger" / "adopted.json").unlink()
    assert "the log has an adoption" in problems(good)["state"]


def recorded(var_dir: Path) -> set[str]:
    with sqlite3.connect(var_dir / "portal.sqlite3") as database:
        return {str(UUID(id)) for (id,) in database.execute("SELECT id FROM audit_event")}


def sizes(var_dir: Path) -> list[int]:
    with sqlite3.connect(var_dir / "portal.sqlite3") as database:
        return [size for (size,) in database.execute("SELECT size FROM audit_checkpoint")]
