"""Holds and blocks at a gateway of each generation: by its command line and its local API."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.ata.outpost.commanded import Commanded

type Enrol = Callable[..., Commanded]
AGENTS = ("--agent=claudecode=observe", "--agent=codex=action")


@pytest.mark.parametrize("generation", ["0.8.4", "head"])
@pytest.mark.parametrize("kind", ["skill", "plugin"])
def test_a_hold_of_a_skill_or_plugin_is_a_disable_of_each_copy(
    commanded: Enrol, generation: str, kind: str
) -> None:
    edge = commanded(generation, *AGENTS)
    edge.put(kind, "claudecode", "pdf")
    edge.put(kind, "codex", "pdf")
    command = edge.send(edge.portal.restrict("hold", kind, "pdf"))
    [done] = edge.report()
    assert (done["id"], done["n"], done["state"]) == (command["id"], command["n"], "done")
    assert done["exit"] == 0 and done["seconds"] > 0
    rows = edge.entries(kind, "pdf")
    assert {row["connector"]: row["actions"] for row in rows} == {
        agent: {"runtime": "disable"} for agent in ("claudecode", "codex")
    }
    assert all(f"[ATA {command['tag']}]" in row["reason"] for row in rows)
    assert [row["reason"] for row in done["entries"]] == [row["reason"] for row in rows]
    assert edge.run_ids(f"{kind}-disable") == [command["tag"]]


def test_a_hold_of_a_skill_at_0_2_0_goes_through_openclaw(commanded: Enrol) -> None:
    edge = commanded("0.2.0", "--openclaw=connected")
    edge.send(edge.portal.restrict("hold", "skill", "pdf"))
    [done] = edge.report()
    assert done["state"] == "done"
    assert [row["actions"] for row in edge.entries("skill", "pdf")] == [{"runtime": "disable"}]


def test_a_hold_that_the_gateway_does_not_take_is_reported_as_failed(commanded: Enrol) -> None:
    edge = commanded("0.2.0", "--openclaw=never")
    edge.send(edge.portal.restrict("hold", "skill", "pdf"))
    [done] = edge.report()
    assert (done["state"], done["code"], done["entries"]) == ("failed", "not_applied", [])
    assert done["exit"] == 1


@pytest.mark.parametrize("generation", ["0.2.0", "0.8.4", "head"])
@pytest.mark.parametrize("kind", ["mcp", "tool"])
@pytest.mark.parametrize("act", ["hold", "block"])
def test_a_server_or_tool_is_blocked_by_its_exact_name(
    commanded: Enrol, generation: str, kind: str, act: str
) -> None:
    edge = commanded(generation)
    command = edge.send(edge.portal.restrict(act, kind, "Git Hub/x"))
    [done] = edge.report()
    assert (done["state"], done["exit"]) == ("done", 200)
    [row] = edge.entries(kind, "Git Hub/x")
    assert row["actions"] == {"install": "block"} and command["tag"] in row["reason"]


@pytest.mark.parametrize("generation", ["0.8.4", "head"])
def test_a_block_of_a_skill_is_a_disable_and_a_block(commanded: Enrol, generation: str) -> None:
    edge = commanded(generation, *AGENTS)
    edge.put("skill", "claudecode", "pdf")
    edge.send(edge.portal.restrict("block", "skill", "pdf"))
    [done] = edge.report()
    assert done["state"] == "done"
    assert {row["connector"]: row["actions"] for row in edge.entries("skill", "pdf")} == {
        "": {"install": "block"},
        "claudecode": {"runtime": "disable"},
    }


@pytest.mark.parametrize("generation", ["0.2.0", "0.8.4", "head"])
def test_a_hold_by_quarantine_moves_the_files_as_well(commanded: Enrol, generation: str) -> None:
    agents = ("--openclaw=connected",) if generation == "0.2.0" else AGENTS
    agent = "openclaw" if generation == "0.2.0" else "claudecode"
    edge = commanded(generation, *agents)
    folder = edge.put("skill", agent, "pdf")
    edge.send(edge.portal.restrict("hold", "skill", "pdf", strength="quarantine"))
    [done] = edge.report()
    assert done["state"] == "done" and not folder.exists()
    [row] = edge.entries("skill", "pdf")
    assert row["actions"] == {"runtime": "disable", "file": "quarantine"}


def test_a_hold_waits_for_a_gateway_that_is_down_and_says_so(commanded: Enrol) -> None:
    edge = commanded("head")
    edge.stop()
    command = edge.send(edge.portal.restrict("hold", "mcp", "github"))
    [failed] = edge.report()
    assert (failed["state"], failed["code"]) == ("failed", "gateway_down")
    assert edge.report() == [], "it is said once"
    edge.start()
    [done] = edge.report()
    assert (done["id"], done["state"]) == (command["id"], "done")
    assert edge.entries("mcp", "github")


def test_a_hold_by_the_command_line_waits_for_a_gateway_that_is_down(commanded: Enrol) -> None:
    """At 0.2.0 the command line asks the gateway to disable a skill."""
    edge = commanded("0.2.0", "--openclaw=connected")
    edge.stop()
    edge.send(edge.portal.restrict("hold", "skill", "pdf"))
    assert edge.refusals() == ["failed gateway_down"]
    edge.start()
    assert edge.refusals() == ["done "]
    assert [row["actions"] for row in edge.entries("skill", "pdf")] == [{"runtime": "disable"}]


def test_a_hold_is_carried_out_within_two_seconds_of_its_issue(commanded: Enrol) -> None:
    edge = commanded("head")
    with edge.outpost() as outpost:
        runner = threading.Thread(target=outpost.run, args=(lambda _: None,))
        runner.start()
        time.sleep(3)
        began = time.monotonic()
        edge.send(edge.portal.restrict("hold", "tool", "Bash"))
        while not edge.entries("tool", "Bash") and time.monotonic() - began < 10:
            time.sleep(0.05)
        held = time.monotonic() - began
        while not edge.receiver.outcomes and time.monotonic() - began < 15:
            time.sleep(0.05)
        reported = time.monotonic() - began
        outpost.stop()
        runner.join(30)
    assert held < 2 and reported < 5
