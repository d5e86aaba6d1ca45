"""What commit 1ebce96 left is migrated, opened and verified by this one, on both engines.

`sqlite.tar.xz` and `postgresql.tar.xz` were made by `make.py` in a checkout of that commit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from ata.session import SessionStore
from tests.support.migrated import PG_BIN, on_server
from tests.support.tenant import CHECKOUT

SERVER = os.environ.get("TEST_DATABASE_URL", "")
ENGINE = "postgresql" if SERVER else "sqlite"

pytestmark = pytest.mark.stack


@dataclass(frozen=True)
class Installation:
    """The older one, migrated; `env` is what its processes run with."""

    folder: Path
    env: dict[str, str]

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A management command of this checkout."""
        return self._run("-m", "django", *arguments)

    def ata(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line, in the folder of what was downloaded."""
        return self._run("-m", "ata", *arguments, cwd=self.folder / "downloads")

    def _run(self, *command: str, cwd: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=cwd,
            env=self.env | {"PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            timeout=300,
        )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    into = tmp_path_factory.mktemp("corpus")
    with tarfile.open(Path(__file__).with_name(f"{ENGINE}.tar.xz")) as archive:
        archive.extractall(into, filter="data")
    folder = into / ENGINE
    env = {name: value for name, value in os.environ.items() if not name.startswith("AUTH0_")}
    env |= {
        "VAR_DIR": str(folder / "var"),
        "DATABASE_URL": "",
        "LEDGER_ORIGIN": f"corpus.example/{ENGINE}",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    if ENGINE == "sqlite":
        yield _migrated(Installation(folder, env))
        return
    name = f"corpus_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(on_server(SERVER, "postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        try:
            url = on_server(SERVER, name)
            loaded = [
                PG_BIN / "psql",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-f",
                folder / "dump.sql",
                url,
            ]
            subprocess.run(loaded, check=True, stdout=subprocess.DEVNULL, timeout=120)
            yield _migrated(Installation(folder, env | {"DATABASE_URL": url}))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _migrated(found: Installation) -> Installation:
    for command in (("migrate", "-v", "0"), ("rebuild_projection", "--if-stale")):
        done = found.manage(*command)
        assert done.returncode == 0, done.stderr
    return found


def test_its_ledger_verifies(installation: Installation) -> None:
    done = installation.manage("verify_ledger", "--json")
    report = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, report["problems"]) == (0, []), done.stderr


def test_its_log_goes_on(installation: Installation) -> None:
    before = (installation.folder / "downloads" / "checkpoint").read_text().splitlines()
    assert installation.manage("sequence").returncode == 0
    after = installation.manage("checkpoint").stdout.splitlines()
    assert after[0] == before[0]
    assert int(after[1]) >= int(before[1])


def test_what_was_downloaded_from_it_verifies(installation: Installation, tmp_path: Path) -> None:
    key = ("--vkey", "log.key")
    proof = installation.ata("verify", "event.tlog-proof", "--entry", "event.entry", *key)
    assert proof.returncode == 0, proof.stdout + proof.stderr
    for form in ("csv", "ndjson", "ocsf"):  # rows of a workbook are not compared
        manifest, file = f"export.{form}.manifest.json", f"export.{form}"
        entries = str(_entries_of(installation.folder / "downloads", manifest, tmp_path))
        done = installation.ata("verify", manifest, file, "--entries", entries, *key)
        assert done.returncode == 0, (form, done.stdout, done.stderr)


def _entries_of(folder: Path, manifest: str, into: Path) -> Path:
    """The entries of the export's tree: the longer log of the same folder, cut to its size."""
    tree = json.loads((folder / manifest).read_text())["tree"]
    header, *entries = (folder / "log.ndjson").read_text().splitlines(keepends=True)
    path = into / "entries.ndjson"
    of_tree = {"checkpoint": tree["checkpoint"], "size": tree["size"]}
    first = json.dumps(json.loads(header) | of_tree, separators=(",", ":"), ensure_ascii=False)
    path.write_text("".join([first + "\n", *entries[: tree["size"]]]))
    return path


def test_its_session_files_are_read(installation: Installation) -> None:
    for name in ("operator", "member1"):
        session = SessionStore(installation.folder / "downloads" / f"session-{name}.json").load()
        assert session is not None and session.access_token


def test_a_modified_entry_of_it_is_found(installation: Installation, tmp_path: Path) -> None:
    """So that the checks above can fail."""
    manifest = "export.csv.manifest.json"
    entries = _entries_of(installation.folder / "downloads", manifest, tmp_path)
    entries.write_text(entries.read_text().replace("skill.blocked", "skill.allowed", 1))
    modified = ("--entries", str(entries), "--vkey", "log.key")
    done = installation.ata("verify", manifest, "export.csv", *modified)
    assert done.returncode == 1
    assert "✗ The entries are all those of that tree" in done.stdout
