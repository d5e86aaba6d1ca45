"""One engine: start the stack, load it, kill at every instant, drain, judge."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from portal.env import BASE_DIR, env
from torture.cluster import Cluster
from torture.drained import BUSY, is_drained
from torture.http_users import signed_in
from torture.journal import Journal
from torture.kills import Kills
from torture.load import Load, child_environment
from torture.stack import Stack

_LOOK_EVERY = 50  # instants
_DRAIN_S = 600.0
_JUDGE_S = 900.0
PEOPLE = ("operator", "operator2", "auditor")


def main() -> int:
    """Exit code 0 when nothing was violated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--instants", type=int, required=True)
    parser.add_argument("--sources", type=Path, nargs="+", required=True)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    cluster = Cluster(env.VAR_DIR.parent) if options.postgres else None
    child = child_environment() | ({"DATABASE_URL": cluster.url} if cluster else {})
    stack = Stack(env.VAR_DIR, child, env.VAR_DIR.parent / "output.log")
    try:
        return _run(options, stack, cluster, child)
    finally:
        stack.stop()
        if cluster:
            cluster.stop()


def _run(
    options: argparse.Namespace, stack: Stack, cluster: Cluster | None, child: dict[str, str]
) -> int:
    env.VAR_DIR.mkdir(parents=True, exist_ok=True)
    # No sample history and no sample decisions: the load makes its own.
    (env.VAR_DIR / "first-start-done").write_text("completed\n")
    print(f"  started in {stack.start():.0f} s", flush=True)
    journal = Journal()
    people = {name: signed_in(name) for name in PEOPLE}
    load = Load(people, journal, options.seed, options.sources, child)
    kills = Kills(stack, journal, options.seed, cluster)
    load.start()
    journal.wait_for("report", 30)
    began = time.monotonic()
    for number in range(1, options.instants + 1):
        print(f"  {number:3} {time.monotonic() - began:6.1f} s  {kills.instant()}", flush=True)
        if number % _LOOK_EVERY == 0 and number < options.instants:
            _judge(journal, stack, child)
    took = time.monotonic() - began
    if not stack.wait_ready():
        journal.violated("the stack is not ready after the last instant")
        kills.restart()
    load.paused.set()
    drained = _drain(stack, journal, child)
    load.end()
    drained |= _judge(journal, stack, child, "final")
    _verify(journal, child)
    each = took / max(1, options.instants)
    print(f"  {options.instants} instants, {each:.1f} s each; seed {options.seed}")
    print(f"  kills: {dict(kills.counts)}; starts of 'make up': {stack.starts}")
    print(f"  acknowledged: {dict(journal.acks)}; refused or broken off: {dict(load.failed)}")
    print(f"  stored: {drained}")
    print(f"  {len(journal.violations)} violations", flush=True)
    return 1 if journal.violations else 0


def _drain(stack: Stack, journal: Journal, child: dict[str, str]) -> dict[str, Any]:
    """Until nothing is open any more, or what is has stayed so long that the judge shall say it."""
    until = time.monotonic() + _DRAIN_S
    counts: dict[str, Any] = {}
    left: dict[str, Any] = {}
    began = time.monotonic()
    while time.monotonic() < until:
        counts = _judge(journal, stack, child, say=False)
        if is_drained(counts):
            break
        still = {name: number for name, number in counts.items() if name in BUSY}
        if still != left:  # much is left where it was killed often: it goes on, so it may
            left, until = still, time.monotonic() + _DRAIN_S
        time.sleep(2)
    print(f"  drained in {time.monotonic() - began:.0f} s", flush=True)
    return counts


def _judge(
    journal: Journal, stack: Stack, child: dict[str, str], *more: str, say: bool = True
) -> dict[str, Any]:
    path = stack.var_dir.parent / "journal.json"
    journal.save(path)
    done = subprocess.run(
        [sys.executable, "-m", "torture.judge", str(path), *more],
        cwd=BASE_DIR,
        env=child,
        capture_output=True,
        text=True,
        timeout=_JUDGE_S,
        check=False,
    )
    if done.returncode:
        if say:
            journal.violated(f"the judge ended with {done.returncode}: {done.stderr[-1500:]}")
        return {}
    found = json.loads(done.stdout.splitlines()[-1])
    for words in found["violations"] if say else ():
        journal.violated(words)
    return dict(found["counts"])


def _verify(journal: Journal, child: dict[str, str]) -> None:
    """`manage.py verify_ledger` must end with 0."""
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_ledger"],
        cwd=BASE_DIR,
        env=child,
        capture_output=True,
        text=True,
        timeout=_JUDGE_S,
        check=False,
    )
    print(f"  {done.stdout.strip()}")
    if done.returncode:
        journal.violated(f"verify_ledger ended with {done.returncode}: {done.stderr[-500:]}")


if __name__ == "__main__":
    sys.exit(main())
