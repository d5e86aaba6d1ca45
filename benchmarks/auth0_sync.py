"""Comparing many people with Auth0: time, requests and memory, with a kill and refusals on the way.

    python -m benchmarks.auth0_sync [PEOPLE [ACCOUNTS]]

The Management API is an Auth0-shaped server in a separate process; the database is SQLite. The
first comparison finds everybody's accounts and writes an event for each; it is killed with SIGKILL
in the middle and refused with 429 after that. The second finds nothing new.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.connections.many_worker import Worker
from tests.support.many_people import ManyPeople


def main() -> None:
    """Measure and print."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    accounts = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    os.environ.pop("TEST_DATABASE_URL", None)
    town = ManyPeople(people, accounts)
    with tempfile.TemporaryDirectory(prefix="ata-comparing-") as folder:
        try:
            _measure(town, people, Path(folder))
        finally:
            town.stop()


def _measure(town: ManyPeople, people: int, folder: Path) -> None:
    name = str(folder / "portal.sqlite3")
    env = os.environ | {"VAR_DIR": str(folder), "DATABASE_URL": f"sqlite:///{name}"}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], env=env, check=True)
    first = Worker(town.issuer, str(folder), name)
    first.ask(f"prepare {people}")
    first.tell("work 0")
    while town.counts().get("accounts", 0) < people // 2:
        time.sleep(0.1)
    first.kill()
    print(f"killed after {town.counts()['accounts']:,} people", flush=True)
    second = Worker(town.issuer, str(folder), name)
    town.control(refuse=1)
    stopped = second.ask("work 180")
    print(f"refused at {stopped['done']:,}, due again in {stopped['wait']:.0f} s")
    _until_done(second, people, "work 200")
    _say("everything appeared", second.ask("state"), town)
    before, cpu, began = town.counts(), second.ask("state")["cpu_s"], time.monotonic()
    second.ask("work 1000000")
    found = second.ask("state")
    asked = town.counts()["requests"] - before["requests"]
    print(
        f"again, nothing new: {time.monotonic() - began:.0f} s, {found['cpu_s'] - cpu:.1f} CPU s, "
        f"{asked:,} requests"
    )
    _say("after both", found, town)
    second.kill()


def _until_done(worker: Worker, people: int, line: str) -> None:
    began, cpu = time.monotonic(), worker.ask("state")["cpu_s"]
    done: dict[str, Any] = {"done": 0}
    while done["done"] < people:
        done = worker.ask(line)
    used = worker.ask("state")["cpu_s"] - cpu
    print(f"the rest: {time.monotonic() - began:.0f} s, {used:.1f} CPU s", flush=True)


def _say(when: str, found: dict[str, Any], town: ManyPeople) -> None:
    counts = town.counts()
    print(
        f"{when}: {found['accounts']:,} accounts, {found['events']:,} events, "
        f"{counts['accounts']:,} lists read, {counts['refused']:,} refused, "
        f"peak {found['rss_kib'] / 1024:.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main()
