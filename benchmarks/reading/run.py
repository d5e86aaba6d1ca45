"""Read a small and a large trail on both engines and print one table.

    python -m benchmarks.reading.run [--large 1000000] [--rounds 7] [--fill-only]

Databases are made once: SQLite files and ledgers in BENCH_DIR (a folder of the system's temporary
directory where nothing is said), databases of BENCH_POSTGRES_URL (left out where nothing is said).
Exits 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.reading.measure import ROUNDS, percentile

SMALL, LARGE = 10_000, 1_000_000
BOUND_MS = 150
GROWTH = 2.0


def main(arguments: list[str]) -> int:
    """Exit code."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--large", type=int, default=LARGE)
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--fill-only", action="store_true")
    options = asked.parse_args(arguments)
    base = folder()
    holds = True
    for engine, urls in _engines(base, options.large):
        results = {}
        for size, url in urls.items():
            settings = environment(base / f"{engine}-{size}", url)
            _make(settings, size)
            if not options.fill_only:
                results[size] = _measure(settings, options.rounds)
        if results:
            holds = _print(engine, results) and holds
    return 0 if holds else 1


def folder() -> Path:
    """Where the filled databases are kept."""
    return Path(os.environ.get("BENCH_DIR") or Path(tempfile.gettempdir()) / "ata-bench")


def _engines(base: Path, large: int) -> Iterator[tuple[str, dict[int, str]]]:
    yield "SQLite", {s: f"sqlite:///{base / f'sqlite-{s}.sqlite3'}" for s in (SMALL, large)}
    if server := os.environ.get("BENCH_POSTGRES_URL", ""):
        parts = urlsplit(server)
        yield (
            "PostgreSQL",
            {s: parts._replace(path=f"/ata_bench_{s}").geturl() for s in (SMALL, large)},
        )


def environment(var: Path, url: str) -> dict[str, str]:
    """The environment of a measured process: its folder and its database."""
    var.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "VAR_DIR": str(var),
        "DATABASE_URL": url,
    }


def _make(settings: dict[str, str], size: int) -> None:
    url = settings["DATABASE_URL"]
    if url.startswith("postgres"):
        create(url)
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "--verbosity=0"], env=settings, check=True)
    subprocess.run(
        [*manage, "collectstatic", "--noinput", "--verbosity=0"], env=settings, check=True
    )
    subprocess.run(
        [sys.executable, "-m", "benchmarks.filling", str(size)], env=settings, check=True
    )


def create(url: str) -> None:
    """Make a database on its server where there is none."""
    import psycopg

    parts = urlsplit(url)
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as server:
        name = parts.path.lstrip("/")
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            server.execute(f'CREATE DATABASE "{name}"'.encode())


def _measure(settings: dict[str, str], rounds: int) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reading.measure", str(rounds)],
        env=settings,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {line["name"]: line for line in lines}


def _print(engine: str, results: dict[int, dict[str, dict[str, Any]]]) -> bool:
    """Print the table of one engine; False where a bound is missed."""
    (small, few), (large, many) = sorted(results.items())
    print(f"\n### {engine}: milliseconds, p50 / p95 (processor time)\n")
    print(f"| query | {small:,} events | {large:,} events | SQL |")
    print("|---|---|---|---|")
    for name, line in many.items():
        print(f"| {name} | {_times(few[name])} | {_times(line)} | {line['queries']} |")
    all_few, all_many = _p95(few, "quiet"), _p95(many, "quiet")
    growth = all_many / all_few
    print(f"| **all** | **p95 {all_few:.0f}** | **p95 {all_many:.0f}, {growth:.1f} times** | |")
    print(f"| by the clock | p95 {_p95(few, 'wall'):.0f} | p95 {_p95(many, 'wall'):.0f} | |")
    return all_many <= BOUND_MS and growth <= GROWTH


def _times(line: dict[str, Any]) -> str:
    return f"{line['p50']:.0f} / {line['p95']:.0f} ({line['cpu']:.0f})"


def _p95(lines: dict[str, dict[str, Any]], which: str) -> float:
    return percentile([each for line in lines.values() for each in line[which]], 0.95)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
