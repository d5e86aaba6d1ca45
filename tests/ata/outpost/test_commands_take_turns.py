"""Which of several commands an outpost carries out next, one at a time."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path

from tests.ata.outpost.commanded import Commanded
from tests.support.stack import eventually

type Enrol = Callable[..., Commanded]


def started(edge: Commanded) -> list[str]:
    """The names of the components, in the order in which calls about them began, whole lines only:
    it may be read while the outpost writes."""
    journal = edge.folder.path / "commands.jsonl"
    lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
    records = [json.loads(line)["record"] for line in lines if line.endswith("\n")]
    names = {
        one["command"]["id"]: one["command"]["name"] for one in records if one["step"] == "accepted"
    }
    return [names[one["id"]] for one in records if one["step"] == "started"]


def slow(edge: Commanded) -> Path:
    """Enrol a command line that waits for a file; returns that file."""
    go, program = edge.home / "go", edge.home / "slow-defenseclaw"
    wait = f"while [ ! -e '{go}' ]; do sleep 0.05; done"
    program.write_text(f"#!/bin/sh\n{wait}\nexec '{edge.home / 'bin' / 'defenseclaw'}' \"$@\"\n")
    program.chmod(0o700)
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    said = {"cli_path": str(program), "cli_sha256": digest}
    edge.folder.write("enrolment.json", edge.folder.read("enrolment.json") | said)
    return go


def test_a_hold_by_the_local_api_waits_for_no_command_line(commanded: Enrol) -> None:
    edge = commanded("head")
    for name in ("pdf", "xlsx"):
        edge.put("skill", "claudecode", name)
        edge.send(edge.portal.restrict("hold", "skill", name))
    edge.send(edge.portal.restrict("hold", "mcp", "github"))
    assert {one["state"] for one in edge.report()} == {"done"}
    assert started(edge) == ["github", "pdf", "xlsx"]


def test_what_is_issued_while_a_command_line_runs_takes_its_turn_among_those_that_wait(
    commanded: Enrol,
) -> None:
    edge = commanded("head")
    go = slow(edge)
    for name in ("pdf", "xlsx"):
        edge.put("skill", "claudecode", name)
        edge.send(edge.portal.restrict("hold", "skill", name))
    outcomes: list[dict[str, object]] = []
    runner = threading.Thread(target=lambda: outcomes.extend(edge.carry_out()))
    runner.start()
    eventually(lambda: edge.receiver.asked and started(edge), "the first call")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    go.touch()
    runner.join(60)
    assert started(edge) == ["pdf", "Bash", "xlsx"]
    assert [one["state"] for one in outcomes] == ["done"] * 3


def test_commands_about_one_component_keep_their_order(commanded: Enrol) -> None:
    edge = commanded("head")
    edge.put("skill", "claudecode", "pdf")
    for act in ("hold", "block"):
        edge.send(edge.portal.restrict(act, "skill", "pdf"))
    assert [one["state"] for one in edge.report()] == ["done", "done"]
    [*rows] = edge.entries("skill", "pdf")
    assert {row["connector"] for row in rows} == {"", "claudecode"}


def test_what_was_accepted_waits_for_no_portal_that_hangs(commanded: Enrol) -> None:
    edge = commanded("head")
    go = slow(edge)
    for name in ("pdf", "xlsx"):
        edge.put("skill", "claudecode", name)
        edge.send(edge.portal.restrict("hold", "skill", name))
    edge.receiver.hangs_s = 4.0
    runner = threading.Thread(target=edge.carry_out)
    runner.start()
    eventually(lambda: edge.receiver.asked and started(edge), "the first call")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    go.touch()
    runner.join(60)
    assert started(edge)[:2] == ["pdf", "xlsx"]
