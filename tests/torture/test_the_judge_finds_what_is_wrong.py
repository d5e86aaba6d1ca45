"""The judge of `make torture`: its own tree, and the violations it must not overlook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from approvals import clock
from audit.ledger.merkle import leaf_hash, root
from audit.models import Entry, Event
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing.sequencer import run_once
from torture import tree, windows
from torture.drained import is_drained
from torture.journal import Journal
from torture.stack import Stack, kill

ENTRIES = [b"entry %d" % n for n in range(70)]


def test_its_roots_are_those_of_the_library() -> None:
    sizes = range(len(ENTRIES) + 1)
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    assert tree.roots(ENTRIES, sizes) == {size: root(leaves[:size]) for size in sizes}


@pytest.mark.parametrize("size", [1, 64, 70])
def test_a_head_of_another_history_is_a_fork(size: int) -> None:
    heads = tree.roots(ENTRIES, [size])
    assert tree.forks(ENTRIES, heads) == []
    assert len(tree.forks([b"other", *ENTRIES[1:]], heads)) == 1
    assert len(tree.forks(ENTRIES[: size - 1], heads)) == 1, "a log that was cut off"


def test_two_roots_of_one_size_are_seen_at_once() -> None:
    journal = Journal()
    journal.head(3, "AAAA")
    journal.head(3, "AAAA")
    assert journal.violations == []
    journal.head(3, "BBBB")
    assert len(journal.violations) == 1


def test_a_window_opens_when_a_file_is_written(tmp_path: Path) -> None:
    late = f"import time, pathlib; time.sleep(0.3); pathlib.Path({str(tmp_path / 'x')!r}).touch()"
    with subprocess.Popen([sys.executable, "-c", late]):
        began = time.monotonic()
        assert windows.wait_for_write([tmp_path], 20)
        assert time.monotonic() - began < 15
    assert not windows.wait_for_write([tmp_path], 0.05)


@pytest.fixture
def somebody(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of a stack in `tmp_path`, started by hand."""
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)", "portal.wsgi"]
    process = subprocess.Popen(sleeping, env=os.environ | {"VAR_DIR": str(tmp_path)})
    yield process
    process.kill()
    process.wait()


def test_only_processes_of_this_stack_are_victims(
    tmp_path: Path, somebody: subprocess.Popen[bytes]
) -> None:
    ours = Stack(tmp_path, {}, tmp_path / "log")
    other = Stack(tmp_path / "other", {}, tmp_path / "log")
    until = time.monotonic() + 60
    while not ours.of("portal") and time.monotonic() < until:
        time.sleep(0.05)  # between fork and exec it is still a copy of us
    assert ours.of("portal") == [somebody.pid]
    assert other.processes() == {}
    assert kill(somebody.pid)
    somebody.wait()
    assert ours.of("portal") == []


def journal_of(*events: Any) -> dict[str, Any]:
    """What a driver would have saved that was told of these events."""
    told = {"events": [str(event) for event in events], "heads": {}, "exports": {}}
    found: dict[str, Any] = json.loads(json.dumps(told))
    return found


@pytest.mark.django_db
def test_a_lost_event_and_one_without_a_leaf_are_named(settings: Any, tmp_path: Path) -> None:
    from torture import judge

    settings.VAR_DIR = tmp_path
    one = record(SYSTEM, "audit.viewed")
    run_once()
    assert list(judge.acknowledged(journal_of(one.id), final=True)) == []
    late = record(SYSTEM, "audit.viewed")
    assert list(judge.acknowledged(journal_of(one.id, late.id), final=False)) == []
    assert any("never got a leaf" in said for said in judge.acknowledged(journal_of(), final=True))
    lost = clock.now() - timedelta(days=1)
    missing = Event(id="00000000-0000-7000-8000-000000000000", recorded_at=lost)
    assert any("is lost" in said for said in judge.acknowledged(journal_of(missing.id), False))
    assert Entry.objects.count() == 1


@pytest.mark.parametrize(
    ("counts", "drained"),
    [
        ({"events": 3, "leaves": 3, "approvals approved": 1}, True),
        ({"events": 3, "leaves": 3, "approvals open": 1}, False),
        ({"events": 4, "leaves": 3}, False),
        ({}, False),
    ],
)
def test_a_judge_that_could_not_count_ends_no_wait(counts: dict[str, int], drained: bool) -> None:
    assert is_drained(counts) is drained
