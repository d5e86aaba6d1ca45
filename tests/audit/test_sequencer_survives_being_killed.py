"""Recorders and sequencers killed at random leave a log that verifies and loses nothing."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from tests.support.migrated import migrated

pytestmark = pytest.mark.stack
ROOT = Path(__file__).resolve().parents[2]
# Each prints an id only after its transaction was committed: a printed id may never be lost.
RECORDER = """
import django; django.setup()
from audit.recording.actors import SYSTEM
from audit.recording.record import record
while True:
    print(record(SYSTEM, "audit.imported", data={"n": 1}).id, flush=True)
"""
INGESTER = """
import django; django.setup()
from audit.recording.actors import SYSTEM
from audit.ingest.bulk_event_writer import Ingest, made
from audit.recording.record import Draft, prepared
writer, drafts = Ingest(), [Draft(actor=SYSTEM, action="audit.imported", data={"n": 2})] * 300
while True:
    rows = made(prepared(drafts))
    writer.write(rows)
    print(*rows.ids, sep="\\n", flush=True)
"""
SEQUENCER = """
import django, threading; django.setup()
from audit.sequencing import sequencer
print("up", flush=True)
sequencer.loop(threading.Event(), pause_s=0.01)
"""
JUDGE = """
import django, sys, json; django.setup()
from audit.sequencing import sequencer
from audit.verification import verify
from audit.models import Entry, Event
sequencer.run_once()
report = verify.run()
printed = set(sys.stdin.read().split())
stored = set(map(str, Entry.objects.values_list("event_id", flat=True)))
print(json.dumps({"ok": report.ok, "why": str(report.first_bad), "lost": len(printed - stored),
                  "printed": len(printed), "size": report.size, "events": Event.objects.count()}))
"""


def start(code: str, env: dict[str, str], pipesize: int = -1) -> subprocess.Popen[str]:
    """A Python process with the portal's settings; it waits once nobody reads `pipesize` bytes."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pipesize=pipesize,
    )


def output(process: subprocess.Popen[str]) -> IO[str]:
    """What a started process prints."""
    assert process.stdout is not None
    return process.stdout


def more(process: subprocess.Popen[str], known: set[str], count: int) -> None:
    """Read what a recorder prints until so many events are there that are not known.

    Up to some hundred lines wait in its pipe, of events that are long recorded.
    """
    while count:
        line = output(process).readline()
        assert line, "the recorder ended"
        count -= line.strip() not in known


def test_a_log_whose_writers_are_killed_at_random_still_holds(tmp_path: Path) -> None:
    random.seed(20261124)
    env = os.environ | {
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/killed.sqlite3",
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "portal.settings"),
    }
    migrated(tmp_path / "killed.sqlite3")
    printed: list[str] = []
    for _ in range(3):
        writers = [start(code, env) for code in (RECORDER, INGESTER, SEQUENCER, SEQUENCER)]
        recorded, ingested, sequenced, _ = map(output, writers)
        printed += [recorded.readline(), ingested.readline()]
        assert sequenced.readline() == "up\n"
        time.sleep(random.uniform(0.2, 0.8))
        for process in writers:
            process.kill()
        for source in (recorded, ingested):
            printed += source.read().rpartition("\n")[0].split()
        for process in writers:
            process.communicate()
    judge = start(JUDGE, env)
    out, _ = judge.communicate("\n".join(printed), timeout=60)
    verdict = json.loads(out)
    assert verdict["ok"], verdict["why"]
    assert verdict["lost"] == 0 and verdict["printed"] > 10
    assert verdict["size"] == verdict["events"] >= verdict["printed"]
