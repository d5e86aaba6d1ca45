"""Everything that is measured, on SQLite, and on PostgreSQL where BENCH_POSTGRES_URL says so.

    python -m benchmarks.run

Writing and importing start with an empty database each time; reading and exporting use the filled
one. Exits 1 where reading misses a bound.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from benchmarks.reading.run import LARGE, create, environment, folder
from benchmarks.reading.run import main as read

FRESH = "ata_bench_fresh"


def main() -> int:
    """Exit code."""
    server = os.environ.get("BENCH_POSTGRES_URL", "")
    engines = ["SQLite", *(["PostgreSQL"] if server else [])]
    for module in ("writing", "importing", "ledger"):
        for engine in engines:
            with _empty(engine, server) as empty:
                _measure(module, engine, empty)
    for engine in engines:
        with _empty(engine, server) as empty:
            _inventory(engine, empty)
    held = read([])
    for engine in engines:
        _measure("exporting", engine, _filled(engine, server))
    return held


def _inventory(engine: str, settings: dict[str, str]) -> None:
    print(f"\n### inventory, {engine}\n", flush=True)
    manage = [sys.executable, "manage.py"]
    for command in (["migrate", "--verbosity=0"], ["collectstatic", "--noinput", "--verbosity=0"]):
        subprocess.run([*manage, *command], env=settings, check=True)
    for module in ("filling", "measure"):
        subprocess.run(
            [sys.executable, "-m", f"benchmarks.inventory.{module}"],
            env=settings,
            check=module == "filling",
        )


def _measure(module: str, engine: str, settings: dict[str, str]) -> None:
    print(f"\n### {module}, {engine}\n", flush=True)
    if module != "writing":  # it makes its own tables
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"], env=settings, check=True
        )
    subprocess.run([sys.executable, "-m", f"benchmarks.{module}.measure"], env=settings, check=True)


@contextmanager
def _empty(engine: str, server: str) -> Iterator[dict[str, str]]:
    made = Path(tempfile.mkdtemp(prefix="ata-bench-"))
    url = f"sqlite:///{made / 'portal.sqlite3'}"
    if engine == "PostgreSQL":
        url = urlsplit(server)._replace(path=f"/{FRESH}").geturl()
        create(url)
    try:
        yield environment(made, url)
    finally:
        shutil.rmtree(made)
        if engine == "PostgreSQL":
            with psycopg.connect(server, autocommit=True) as connected:
                connected.execute(f'DROP DATABASE "{FRESH}" WITH (FORCE)'.encode())


def _filled(engine: str, server: str) -> dict[str, str]:
    base = folder()
    if engine == "SQLite":
        return environment(
            base / f"SQLite-{LARGE}", f"sqlite:///{base / f'sqlite-{LARGE}.sqlite3'}"
        )
    url = urlsplit(server)._replace(path=f"/ata_bench_{LARGE}").geturl()
    return environment(base / f"PostgreSQL-{LARGE}", url)


if __name__ == "__main__":
    sys.exit(main())
