"""What a person did at the terminal of a gateway, and what is concluded of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from audit import importing
from audit.recording.actors import Actor
from enforcement.gateways import effects_at_gateways, instances
from tests.enforcement.gateways import known
from tests.enforcement.outpost_device import Device
from tests.enforcement.stand_ins import StandIn, register
from tests.enforcement.test_an_outpost_gets_signed_commands import row
from tests.enforcement.test_disable_and_quarantine_at_the_terminal import (
    Start,
    decide,
    run,
    start,
    step,
)

__all__ = ["start"]
Do = Callable[[], None]
CONFIG = {"guardrail.mode": "action", "guardrail.connector": "claudecode"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def outpost(tmp_path: Path, start: Start) -> tuple[StandIn, Device]:
    """A gateway that an outpost reads, and of which the portal reads the database."""
    lab = start("head")
    known("admin2", "admin", name="Anna Admin")
    device = Device(instance="lab").enrol(known("admin", "admin").as_actor(via="web"))
    register(tmp_path, lab)
    listed = tmp_path / "demo/instances.toml"
    lines = listed.read_text().splitlines()
    listed.write_text("\n".join(one for one in lines if not one.startswith("gateway_token_file")))
    instances._cache.clear()
    device.send(config=CONFIG, entries=[], quarantine=[], health={"up": True})
    return lab, device


def test_a_quarantine_is_done_once_its_outpost_reported_what_came_of_it(
    outpost: tuple[StandIn, Device], olu: Actor, do_due: Do
) -> None:
    lab, device = outpost
    decide(olu, "quarantine")
    run(lab, "quarantine")
    do_due()
    assert step().state == "pending", f"the last report is older: {step().detail}"
    entry = row("pdf-exfil", file="quarantine") | {"connector": "claudecode"}
    lies = ["skills/claudecode/pdf-exfil"]
    device.send(entries=[entry], quarantine=lies)
    importing.run(lab.database, "lab")
    do_due()
    assert step().state == "done"
    assert "Not known for Claude Code: its files are in quarantine there" in step().detail


def wait_for(lab: StandIn, action: str) -> None:
    until = time.monotonic() + 20
    while action not in lab.actions():
        assert time.monotonic() < until, lab.actions()
        time.sleep(0.05)


@pytest.mark.parametrize("generation", ["0.8.4", "head"])
def test_what_is_said_of_a_block_on_the_command_line_is_what_the_gateway_does(
    start: Start, tmp_path: Path, generation: str
) -> None:
    lab = start(generation)
    register(tmp_path, lab)
    lab.command("skill", "block", "pdf-exfil")
    [at] = effects_at_gateways.everywhere("skill", "pdf-exfil")
    kept = generation == "head"
    assert any("keeps the folder that its entry names" in one for one in at.sentences) == kept
    assert any("it is moved to quarantine" in one for one in at.sentences) == (not kept)
    folder = lab.home / ".claude/skills/pdf-exfil"
    shutil.move(folder, lab.home / "away")
    shutil.move(lab.home / "away", folder)
    wait_for(lab, "watcher-block" if kept else "quarantine")
    assert folder.is_dir() == kept
