"""Killed at every step of the journal: what restricts is repeated where it does not show, what
relaxes is read back and never repeated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ata.outpost.commanded import Commanded

type Enrol = Callable[..., Commanded]
ROOT = Path(__file__).resolve().parents[3]
KILLED = """
import os, signal, sys
from pathlib import Path
from ata.log import durable_files
from ata.outpost.commands import command_journal, gateway_calls
from ata.outpost.report_loop import Outpost
from ata.outpost.state_folder import StateFolder
folder, step, when = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def die():
    os.kill(os.getpid(), signal.SIGKILL)
write = command_journal.CommandJournal.write
def written(self, name, **said):
    if name == step and when == "before":
        die()
    if name == step and when == "within":
        command_journal.append_durably = lambda *a: (durable_files.append_durably(*a), die())
    write(self, name, **said)
    if step in (name, f"{name} {said.get('call')}") and when == "after":
        die()
command_journal.CommandJournal.write = written
outpost = Outpost(StateFolder(folder))
outpost.run_once()
"""
STEPS = ("accepted", "started", "ended", "read_back", "concluded", "reported")


def killed(edge: Commanded, step: str, when: str) -> None:
    """Run the outpost until it is killed at a step."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(edge.folder.path), step, when],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("when", ["before", "within", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_hold_is_in_force_and_reported_after_a_kill(
    commanded: Enrol, step: str, when: str
) -> None:
    edge = commanded("head")
    command = edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    killed(edge, step, when)
    edge.report()
    assert {one["state"] for one in edge.receiver.outcomes} == {"done"}
    assert {one["id"] for one in edge.receiver.outcomes} == {command["id"]}
    assert [row["actions"] for row in edge.entries("tool", "Bash")] == [{"install": "block"}]
    edge.send(edge.portal.decide("release", edge.portal.intent("tool.release", "Bash")))
    assert edge.refusals()[-1] == "done "
    assert edge.entries("tool", "Bash") == [], "what it added is known after the kill"


@pytest.mark.parametrize("when", ["before", "within", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_release_is_made_once_whatever_kills_it(commanded: Enrol, step: str, when: str) -> None:
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    edge.report()
    edge.send(edge.portal.decide("release", edge.portal.intent("tool.release", "Bash")))
    killed(edge, step, when)
    made = edge.run_ids("api-enforce-unblock")
    was_started = bool(made) or step in ("ended", "read_back", "concluded", "reported")
    outcomes = edge.report()
    assert len(edge.run_ids("api-enforce-unblock")) <= 1
    if was_started:
        assert len(made) == len(edge.run_ids("api-enforce-unblock")) == 1
        assert edge.receiver.outcomes[-1]["state"] == "done"
        assert edge.entries("tool", "Bash") == []
    else:
        assert outcomes[-1]["state"] in ("done", "failed")


def test_a_release_that_was_begun_and_does_not_show_is_not_repeated(
    commanded: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    edge.report()
    edge.send(edge.portal.decide("release", edge.portal.intent("tool.release", "Bash")))
    killed(edge, "started", "after")
    monkeypatch.setattr("ata.outpost.commands.command_execution._ORPHAN_S", 1.0)
    [failed] = edge.report()
    assert (failed["state"], failed["code"]) == ("failed", "interrupted")
    assert edge.run_ids("api-enforce-unblock") == [] and edge.entries("tool", "Bash")
    edge.send(edge.portal.decide("release", edge.portal.intent("tool.release", "Bash")))
    assert edge.refusals() == ["done "]


def test_a_hold_that_others_undid_meanwhile_is_placed_again(commanded: Enrol) -> None:
    edge = commanded("head", "--agent=claudecode")
    edge.put("skill", "claudecode", "pdf")
    edge.send(edge.portal.restrict("hold", "skill", "pdf"))
    killed(edge, "ended", "after")
    edge.set_entry("skill", "pdf", {}, "claudecode")
    assert edge.refusals() == ["done "]
    assert [row["actions"] for row in edge.entries("skill", "pdf")] == [{"runtime": "disable"}]
    assert len(edge.run_ids("skill-disable")) == 2


def test_a_quarantine_that_was_begun_is_read_back_and_not_repeated(commanded: Enrol) -> None:
    edge = commanded("head", "--agent=claudecode")
    edge.put("skill", "claudecode", "pdf")
    hold = edge.portal.restrict("hold", "skill", "pdf", strength="quarantine")
    command = edge.send(hold)
    killed(edge, "started quarantine", "after")
    begun = f"sleep 1; exec {edge.home}/bin/defenseclaw skill quarantine '--reason=$1' pdf"
    words = ["sh", "-c", begun.replace("'", '"'), "sh", f"[ATA {command['tag']}]"]
    with subprocess.Popen(words, env={**os.environ, "DEFENSECLAW_RUN_ID": "begun"}):
        assert edge.refusals() == ["done "]
    assert edge.run_ids("skill-quarantine") == ["begun"]


def test_a_quarantine_that_was_begun_and_does_not_show_fails(
    commanded: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = commanded("head", "--agent=claudecode")
    folder = edge.put("skill", "claudecode", "pdf")
    edge.send(edge.portal.restrict("hold", "skill", "pdf", strength="quarantine"))
    killed(edge, "started quarantine", "after")
    monkeypatch.setattr("ata.outpost.commands.command_execution._ORPHAN_S", 1.0)
    assert edge.refusals() == ["failed not_applied"]
    assert folder.exists() and edge.run_ids("skill-quarantine") == []
    assert [row["actions"] for row in edge.entries("skill", "pdf")] == [{"runtime": "disable"}]
