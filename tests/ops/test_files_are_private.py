"""What lies under VAR_DIR is for the portal's own user, whatever umask it starts with."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from serving.private_file_modes import keep_private

ROOT: Final = Path(__file__).parents[2]
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
WRITE: Final = (
    "import sqlite3, pathlib; folder = pathlib.Path({0!r}); folder.mkdir(exist_ok=True);"
    "db = sqlite3.connect(folder / 'portal.sqlite3'); db.execute('PRAGMA journal_mode=WAL');"
    "db.execute('CREATE TABLE made (x)'); db.commit();"
    "(folder / 'first-start.log').write_text('x'); (folder / 'logs').mkdir();"
    "print(sorted(p.name for p in folder.iterdir()))"
)
STARTS: Final = {
    "the server": "import portal.wsgi",
    "the worker": "import django; django.setup(); from portal.loops import Loops; Loops(None)",
    "a command": "import runpy, sys; sys.argv = ['manage.py', 'version']\n"
    "try: runpy.run_path('manage.py', run_name='__main__')\nexcept SystemExit: pass",
    "make up": "from scripts import up\ndef stop(*_): raise SystemExit\n"
    "up.refuse_taken_ports = stop\ntry: up.main()\nexcept SystemExit: pass",
}


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def _loose(folder: Path) -> set[str]:
    return {p.name for p in (folder, *folder.rglob("*")) if p.lstat().st_mode & OTHERS}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_no_file_is_for_others_however_it_is_started(start: str, tmp_path: Path) -> None:
    var = tmp_path / "var"
    code = f"{start}\n{WRITE.format(str(var))}"
    env = os.environ | {"VAR_DIR": str(var), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert "portal.sqlite3" in made.stdout and "first-start.log" in made.stdout
    assert _loose(var) == set()


def test_what_was_loose_before_is_taken_from_others_at_the_start(tmp_path: Path) -> None:
    var, away = tmp_path / "var", tmp_path / "elsewhere"
    (var / "demo" / "edge-1").mkdir(parents=True)
    files = ("portal.sqlite3", "portal.sqlite3-wal", "portal.sqlite3-shm", "demo/edge-1/audit.db")
    for name in (*files, "first-start.log"):
        (var / name).write_text("x")
    (var / "run.sh").write_text("x")
    (var / "run.sh").chmod(0o755)
    away.write_text("x")
    (var / "link").symlink_to(away)
    assert keep_private(var) == 9
    assert _loose(var) == {"link"}  # a link has no mode; what it leads to is not ours
    assert stat.S_IMODE(away.stat().st_mode) == 0o644
    assert stat.S_IMODE((var / "run.sh").stat().st_mode) == 0o700
    assert keep_private(var) == 0
