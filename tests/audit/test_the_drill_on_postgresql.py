"""The drill of docs/backup.md on PostgreSQL: dump a living house, restore, verify, adopt."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.audit.test_sequencer_survives_being_killed import (
    RECORDER,
    ROOT,
    SEQUENCER,
    more,
    output,
    start,
)
from tests.support.migrated import PG_BIN

SERVER = os.environ.get("TEST_DATABASE_URL", "")

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not SERVER.startswith("postgres"), reason="only on PostgreSQL"),
]


@contextmanager
def database() -> Iterator[str]:
    """The address of an empty database, dropped in the end."""
    name = f"drill_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}"))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def environment(var_dir: Path, url: str) -> dict[str, str]:
    return os.environ | {
        "VAR_DIR": str(var_dir),
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "portal.settings"),
        "LEDGER_ORIGIN": "ledger.example/drill",
    }


def manage(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )


def copy(live: Path, url: str, to: Path) -> Path:
    """The order of docs/backup.md, while everything runs."""
    to.mkdir()
    drafts = shutil.ignore_patterns(".*")  # they vanish while one copies
    shutil.copytree(live / "ledger", to / "ledger", ignore=drafts)
    dump = [str(PG_BIN / "pg_dump"), "-Fc", "-f", str(to / "portal.dump"), url]
    subprocess.run(dump, check=True, timeout=120)
    for name in ("evidence", "evidence-keys", "secrets"):
        if (live / name).exists():
            shutil.copytree(live / name, to / name)
    return to


def recorded(url: str) -> set[str]:
    with psycopg.connect(url) as database:
        return {str(id) for (id,) in database.execute("SELECT id FROM audit_event")}


def problems(env: dict[str, str]) -> dict[str, str]:
    said = manage(env, "verify_ledger", "--json")
    report = json.loads(said.stdout.splitlines()[-1])
    return {one["code"]: one["message"] for one in report["problems"]}


def test_a_dump_of_a_live_log_is_restored_verified_and_an_old_one_signs_only_once_adopted(
    tmp_path: Path,
) -> None:
    live = tmp_path / "live"
    live.mkdir()
    with database() as here, database() as there:
        running = environment(live, here)
        assert manage(running, "migrate", "-v", "0").returncode == 0
        writers = [start(code, running) for code in (RECORDER, SEQUENCER)]
        try:
            assert output(writers[1]).readline() == "up\n"
            while not (live / "ledger" / "last-signed").exists():
                output(writers[0]).readline()
            for _ in range(60):
                output(writers[0]).readline()
            good = copy(live, here, tmp_path / "good")
            more(writers[0], recorded(here), 60)
        finally:
            for process in writers:
                process.kill()
                process.communicate()
        restore = [str(PG_BIN / "pg_restore"), "--no-owner", "-d", there, str(good / "portal.dump")]
        subprocess.run(restore, check=True, timeout=120)
        restored = environment(good, there)
        assert manage(restored, "migrate", "-v", "0").returncode == 0

        # A dump made while events arrived is whole, with its triggers.
        said = manage(restored, "sequence")
        assert said.returncode == 0, said.stderr
        assert problems(restored) == {}
        said = manage(restored, "ledger_adopt")
        assert said.returncode == 0 and "holds everything" in said.stdout

        # The newest state beside the older database: it refuses until it is adopted.
        assert manage(running, "sequence").returncode == 0
        shutil.copy(live / "ledger" / "last-signed", good / "ledger" / "last-signed")
        refused = manage(restored, "sequence")
        assert refused.returncode != 0 and "refuses to sign" in refused.stderr
        assert "truncated" in problems(restored)
        adopted = manage(restored, "ledger_adopt", "--yes", "--reason", "the disk is gone")
        assert adopted.returncode == 0, adopted.stderr
        assert manage(restored, "sequence").returncode == 0
        assert "truncated" not in problems(restored)
