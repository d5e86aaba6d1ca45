"""`ata skill|plugin quarantine|restore`: decided, then run by the real program on this host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn
from tests.ata.test_deciding import APPROVAL, OPERATION, approval, asked
from tests.ata.test_running_the_real_defenseclaw import TAG, Program, steps, waits_then

WHY = ("--reason", "reads keys")
NAME = "pdf-exfil"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def decides(portal: StandIn) -> StandIn:
    portal.on("POST", "/v1/decisions", Reply(201, steps("pending", event_id="e1")))
    portal.on("GET", f"/v1/decisions/{OPERATION}", *waits_then("done"))
    return portal


def run(ata: Ata, program: Program, *words: str) -> Any:
    return ata.here(*words, "--instance", "edge-1", "--cli", str(program.path), *WHY)


@pytest.mark.parametrize("kind", ["skill", "plugin"])
@pytest.mark.parametrize("act", ["quarantine", "restore"])
def test_it_is_decided_and_then_run_here_with_the_tag(
    signed_in: Ata, decides: StandIn, program: Program, kind: str, act: str
) -> None:
    options = ("--severity", "high", "--new", "--json")
    done = run(signed_in, program, kind, act, NAME, *options)
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["status"] == "done"
    (request,) = decides.seen("POST", "/v1/decisions")
    assert request.json == {
        "verb": f"{kind}.{act}",
        "target": {"kind": kind, "name": NAME, "instance": "edge-1"},
        "reason": "reads keys",
        "severity": "HIGH",
        "params": {"terminal": True, "act": act, "new": True},
    }
    reason = f"[ATA {TAG}] reads keys"
    assert program.words == [kind, act, NAME, "--reason", reason, f"run id {TAG}"]


@pytest.mark.parametrize(
    ("outcome", "exit_code"), [("denied", 3), ("expired", 4), ("cancelled", 5), ("failed", 1)]
)
@pytest.mark.parametrize("more", [(), ("--no-wait",)])
def test_without_an_approval_nothing_is_run(
    signed_in: Ata,
    portal: StandIn,
    program: Program,
    outcome: str,
    exit_code: int,
    more: tuple[str, ...],
) -> None:
    portal.on("POST", "/v1/decisions", asked())
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("pending"), approval("closed", outcome))
    done = run(signed_in, program, "skill", "restore", NAME, *more)
    assert done.exit_code == exit_code, done.output
    assert "`defenseclaw` was not run" in done.output and program.words == []


def test_no_wait_runs_it_and_does_not_wait_for_the_row(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    done = run(signed_in, program, "skill", "quarantine", NAME, "--no-wait", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["status"] == "committed"
    assert program.words[:3] == ["skill", "quarantine", NAME]
    assert len(decides.seen("GET", f"/v1/decisions/{OPERATION}")) == 1, "before it is run"


@pytest.mark.parametrize("more", [(), ("--no-wait",)])
def test_a_restore_approved_after_the_portal_gave_up_is_not_run(
    signed_in: Ata, portal: StandIn, program: Program, more: tuple[str, ...]
) -> None:
    portal.on("POST", "/v1/decisions", asked(operation=OPERATION))
    closed = approval("closed", "approved", effects=steps("failed")["effects"])
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("pending"), closed)
    portal.on("GET", f"/v1/decisions/{OPERATION}", Reply(200, steps("failed")))
    done = run(signed_in, program, "skill", "restore", NAME, "--json", *more)
    assert done.exit_code == 1 and program.words == [], done.output
    assert json.loads(done.stdout)["error"]["code"] == "step_closed"


@pytest.mark.parametrize("code", [0, 7])
def test_the_status_after_an_approval_is_what_came_of_the_command(
    signed_in: Ata, portal: StandIn, program: Program, code: int
) -> None:
    portal.on("POST", "/v1/decisions", asked(operation=OPERATION))
    closed = approval("closed", "approved", effects=steps("pending")["effects"])
    portal.on("GET", f"/v1/approvals/{APPROVAL}", closed)
    portal.on("GET", f"/v1/decisions/{OPERATION}", Reply(200, steps("pending")))
    program.write(code=code)
    done = run(signed_in, program, "skill", "restore", NAME, "--no-wait", "--json")
    said = json.loads(done.stdout.splitlines()[-1])
    assert done.exit_code == (1 if code else 0), done.output
    assert (said["status"], said["exit_code"]) == ("failed" if code else "committed", code)


def test_a_step_that_failed_elsewhere_counts_also_without_waiting(
    signed_in: Ata, portal: StandIn, program: Program
) -> None:
    elsewhere = {"instance": "edge-2", "label": "Hold", "state": "failed", "detail": ""}
    both = {**steps("pending"), "effects": [elsewhere, *steps("pending")["effects"]]}
    portal.on("POST", "/v1/decisions", Reply(201, both))
    portal.on("GET", f"/v1/decisions/{OPERATION}", Reply(200, both))
    done = run(signed_in, program, "skill", "quarantine", NAME, "--no-wait", "--json")
    assert done.exit_code == 1 and json.loads(done.stdout)["status"] == "failed", done.output


def test_an_unknown_name_is_refused_with_the_nearest(
    signed_in: Ata, portal: StandIn, program: Program
) -> None:
    body = {"code": "unknown_target", "detail": "No skill pdf-exfl.", "nearest": [NAME]}
    portal.on("POST", "/v1/decisions", Reply(409, body))
    done = run(signed_in, program, "skill", "quarantine", "pdf-exfl", "--json")
    assert done.exit_code == 1, done.output
    assert json.loads(done.stdout)["error"]["code"] == "unknown_target"
    assert program.words == []


@pytest.mark.parametrize(("act", "other"), [("quarantine", True), ("restore", False)])
def test_where_no_program_can_carry_it_out_nothing_is_decided(
    signed_in: Ata, decides: StandIn, tmp_path: Path, act: str, *, other: bool
) -> None:
    given = ("--cli", str(tmp_path / "none"), "--json")
    done = signed_in.here("skill", act, NAME, *WHY, *given)
    assert done.exit_code == 1, done.output
    said = json.loads(done.stdout)["error"]
    assert said["code"] == "no_defenseclaw" and "on the gateway's host" in said["fix"]
    assert ("ata skill hold" in said["fix"]) is other
    assert decides.seen("POST", "/v1/decisions") == []


def test_a_generation_without_the_command_decides_nothing(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    program.write(help=2)
    done = run(signed_in, program, "plugin", "quarantine", NAME)
    assert done.exit_code == 1 and "has no `plugin quarantine`" in done.output
    assert decides.seen("POST", "/v1/decisions") == []


def test_it_needs_a_reason_and_a_name_that_is_no_path(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    given = ("--instance", "edge-1", "--cli", str(program.path))
    assert signed_in.here("skill", "quarantine", NAME, *given).exit_code == 2
    assert run(signed_in, program, "skill", "quarantine", f"/srv/{NAME}").exit_code == 2
    assert program.words == [] and decides.seen("POST", "/v1/decisions") == []


@pytest.mark.parametrize("kind", ["mcp", "tool"])
def test_servers_and_tools_have_no_files_to_move(signed_in: Ata, kind: str) -> None:
    assert signed_in.here(kind, "quarantine", "x").exit_code == 2
