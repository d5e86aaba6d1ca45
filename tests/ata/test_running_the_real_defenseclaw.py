"""`ata dc -- …`: decided first, then the real program runs with the tag of the decision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ata.commands.enforcement import run_real_defenseclaw
from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn
from tests.ata.test_deciding import APPROVAL, OPERATION, WHY, approval, asked

TAG = f"{OPERATION}.1-0a1b2c3d.{'ab' * 16}"
BLOCK = ("skill", "block", "pdf-exfil", "--reason", "reads $HOME; rm -rf /")
PROGRAM = """#!/bin/sh
case "$*" in
  *unblock*--help|*enable*--help) echo "Usage: --connector TEXT {options}"; exit 0;;
  guardrail*--help|setup*--help) echo "Usage: {options}"; exit {help};;
  *--help) echo "Usage: --reason TEXT"; exit {help};;
esac
for word in "$@"; do echo "$word" >> {log}; done
echo "run id $DEFENSECLAW_RUN_ID" >> {log}
echo "[skill] 'pdf-exfil' added to block list"
exit {code}
"""


OPTIONS = "--restart / --no-restart --yes --verify / --no-verify --non-interactive"


class Program:
    """A `defenseclaw` that writes down how it was run."""

    def __init__(self, folder: Path) -> None:
        self.path, self.log = folder / "defenseclaw", folder / "ran"
        self.write()

    def write(self, code: int = 0, help: int = 0, options: str = OPTIONS) -> None:
        text = PROGRAM.format(log=self.log, code=code, help=help, options=options)
        self.path.write_text(text)
        self.path.chmod(0o755)

    @property
    def words(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def steps(state: str, **changes: Any) -> dict[str, Any]:
    effect = {"instance": "edge-1", "label": "Block", "state": state, "detail": "", "tag": TAG}
    return {"operation": OPERATION, "effects": [effect], **changes}


def at(instance: str, body: Any) -> dict[str, Any]:
    return {**body, "effects": [{**one, "instance": instance} for one in body["effects"]]}


def waits_then(state: str) -> tuple[Reply, ...]:
    """The step as it is read before the command is run, and afterwards."""
    return Reply(200, steps("pending")), Reply(200, steps(state))


@pytest.fixture
def decides(portal: StandIn) -> StandIn:
    portal.on("POST", "/v1/decisions", Reply(201, steps("pending", event_id="e1")))
    portal.on("GET", f"/v1/decisions/{OPERATION}", *waits_then("done"))
    return portal


def dc(ata: Ata, program: Program, *words: str, options: tuple[str, ...] = ()) -> Any:
    given = ("--instance", "edge-1", "--cli", str(program.path), *options)
    return ata.here("dc", *given, "--", *words)


def test_the_tag_is_first_in_the_reason_and_the_run_id(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    done = dc(signed_in, program, *BLOCK)
    assert done.exit_code == 0, done.output
    (request,) = decides.seen("POST", "/v1/decisions")
    assert request.json == {
        "verb": "skill.block",
        "target": {"kind": "skill", "name": "pdf-exfil", "instance": "edge-1"},
        "reason": "reads $HOME; rm -rf /",
        "params": {"terminal": True},
    }
    reason = f"[ATA {TAG}] reads $HOME; rm -rf /"
    assert program.words == ["skill", "block", "pdf-exfil", "--reason", reason, f"run id {TAG}"]


def test_a_command_without_a_reason_gets_the_run_id_only(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    done = dc(signed_in, program, "skill", "unblock", "pdf-exfil", "--reason=clean again")
    assert done.exit_code == 0, done.output
    assert program.words == ["skill", "unblock", "pdf-exfil", f"run id {TAG}"]
    assert decides.seen("POST", "/v1/decisions")[0].json["reason"] == "clean again"


@pytest.mark.parametrize(
    ("outcome", "exit_code", "ran"), [("approved", 0, True), ("denied", 3, False)]
)
def test_it_waits_for_the_approval_and_runs_nothing_without_one(
    signed_in: Ata, portal: StandIn, program: Program, outcome: str, exit_code: int, ran: bool
) -> None:
    portal.on("POST", "/v1/decisions", asked(operation=OPERATION))
    portal.on("GET", f"/v1/decisions/{OPERATION}", Reply(200, steps("pending")))
    closed = approval("closed", outcome, effects=steps("pending")["effects"] if ran else [])
    after = approval("closed", outcome, effects=steps("done")["effects"])
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("pending"), closed, after)
    done = dc(signed_in, program, *BLOCK)
    assert done.exit_code == exit_code, done.output
    assert bool(program.words) == ran


@pytest.mark.parametrize(
    "words",
    [
        ("skill", "block", "..", *WHY),
        ("mcp", "block", ".", *WHY),
        ("plugin", "restore", "~", *WHY),
        ("skill", "quarantine", "~root", *WHY),
        ("setup", "codex", "--yes"),
        ("setup", "guardrail", "--disable"),
        ("setup", "guardrail", "--mode", "action", "--disable-redaction"),
        ("setup", "guardrail", "--mode=observe"),
        ("guardrail", "mode", "observe"),
        ("guardrail", "disable", "--connector", "codex"),
        ("guardrail", "disable", "codex"),
        ("--yes", "guardrail", "disable"),
        ("Guardrail", "disable"),
        ("policy", "activate", "permissive"),
        ("mcp", "disable", "github"),
        ("tool", "quarantine", "Bash"),
        ("mcp", "set", "x", "--command", "y"),
        ("skill", "DISABLE", "pdf-exfil"),
        ("skill", "dis", "pdf-exfil"),
        ("SKILL", "enable", "pdf-exfil"),
        ("skill", "--reason", "x", "enable", "pdf-exfil"),
        ("--", "skill", "enable", "pdf-exfil"),
        ("skill", "enable", "--", "pdf-exfil"),
        ("skill", "restore", "pdf-exfil", "--path", "/tmp/x"),
        ("skill", "quarantine", "/srv/skills/pdf-exfil"),
        ("skill", "allow", "harmless/pdf-exfil"),
        ("skill", "block", "pdf-exfil", "--connector", "codex"),
        ("tool", "block", "Bash", "--source", "github"),
        ("skill", "block", "a", "b"),
        ("skill",),
    ],
)
def test_what_no_decision_covers_is_refused_before_anything_happens(
    signed_in: Ata, decides: StandIn, program: Program, words: tuple[str, ...]
) -> None:
    done = dc(signed_in, program, *words)
    assert done.exit_code == 2, done.output
    assert program.words == [] and decides.seen("POST", "/v1/decisions") == []


@pytest.mark.parametrize(
    ("act", "verb", "takes_reason"),
    [
        ("disable", "skill.quarantine", True),
        ("quarantine", "skill.quarantine", True),
        ("enable", "skill.restore", False),
        ("restore", "skill.restore", True),
    ],
)
def test_taking_out_of_use_and_bringing_back_are_decided_first(
    signed_in: Ata, decides: StandIn, program: Program, act: str, verb: str, takes_reason: bool
) -> None:
    done = dc(signed_in, program, "skill", act, "pdf-exfil", "--reason", "because")
    assert done.exit_code == 0, done.output
    (request,) = decides.seen("POST", "/v1/decisions")
    assert request.json["verb"] == verb and request.json["params"] == {
        "terminal": True,
        "act": act,
    }
    with_reason = ["--reason", f"[ATA {TAG}] because"] if takes_reason else []
    assert program.words == ["skill", act, "pdf-exfil", *with_reason, f"run id {TAG}"]


@pytest.mark.parametrize(
    ("words", "change", "options"),
    [
        (("guardrail", "disable"), "guardrail off", ["--yes", "--no-restart"]),
        (("guardrail", "enable"), "guardrail on", ["--yes", "--no-restart"]),
        (
            ("setup", "guardrail", "--mode", "observe"),
            "mode observe",
            ["--non-interactive", "--no-restart", "--no-verify"],
        ),
    ],
)
def test_a_setting_is_changed_without_a_restart_that_would_keep_the_run_id(
    signed_in: Ata,
    decides: StandIn,
    program: Program,
    words: tuple[str, ...],
    change: str,
    options: list[str],
) -> None:
    done = dc(signed_in, program, *words, "--reason", "maintenance")
    assert done.exit_code == 0, done.output
    (request,) = decides.seen("POST", "/v1/decisions")
    assert request.json == {
        "verb": "gateway.configure",
        "target": {"kind": "gateway", "name": "edge-1", "instance": "edge-1"},
        "reason": "maintenance",
        "params": {"terminal": change},
    }
    assert program.words == [*words, *options, f"run id {TAG}"]
    assert "defenseclaw-gateway restart" in done.output


@pytest.mark.parametrize(("code", "is_said"), [(0, True), (7, False)])
def test_a_setting_whose_row_never_arrived_needs_the_restart_as_well(
    signed_in: Ata, decides: StandIn, program: Program, code: int, *, is_said: bool
) -> None:
    program.write(code=code)
    decides.on("GET", f"/v1/decisions/{OPERATION}", *waits_then("failed"))
    done = dc(signed_in, program, "guardrail", "enable", "--reason", "maintenance")
    assert done.exit_code == 1
    assert ("defenseclaw-gateway restart" in done.output) is is_said


def test_a_generation_that_always_restarts_changes_no_setting(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    program.write(options="--restart --verify / --no-verify --non-interactive")
    done = dc(signed_in, program, "setup", "guardrail", "--mode", "action", "--reason", "x")
    assert done.exit_code == 1 and "with --no-restart; nothing was decided" in done.output
    assert decides.seen("POST", "/v1/decisions") == []


def test_a_setting_needs_the_name_of_its_gateway(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    given = ("--cli", str(program.path), "--", "guardrail", "disable", "--reason", "x")
    done = signed_in.here("dc", *given)
    assert done.exit_code == 2 and "--instance" in done.output
    assert program.words == []


def test_a_generation_without_the_command_decides_nothing(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    program.write(help=2)
    done = dc(signed_in, program, *BLOCK)
    assert done.exit_code == 1 and "has no `skill block`" in done.output
    assert decides.seen("POST", "/v1/decisions") == []


def test_without_a_program_nothing_is_decided(
    signed_in: Ata, decides: StandIn, tmp_path: Path
) -> None:
    done = signed_in.here("dc", "--cli", str(tmp_path / "none"), "--", *BLOCK)
    assert done.exit_code == 1 and "There is no program" in done.output
    assert decides.seen("POST", "/v1/decisions") == []


@pytest.mark.parametrize(
    "words",
    [
        "No row with the tag of this decision arrived within five minutes",
        "A later decision replaced it before it was sent.",
    ],
)
@pytest.mark.parametrize("asks", [True, False])
def test_nothing_is_run_once_the_portal_gave_up_on_the_step_or_replaced_it(
    signed_in: Ata, portal: StandIn, program: Program, words: str, *, asks: bool
) -> None:
    gave_up = steps("failed")
    gave_up["effects"][0]["detail"] = words
    committed = Reply(201, steps("pending", event_id="e1"))
    approved = approval("closed", "approved", effects=steps("pending")["effects"])
    portal.on("POST", "/v1/decisions", asked(operation=OPERATION) if asks else committed)
    portal.on("GET", f"/v1/approvals/{APPROVAL}", approval("pending"), approved)
    portal.on("GET", f"/v1/decisions/{OPERATION}", Reply(200, gave_up))
    done = dc(signed_in, program, "skill", "unblock", "pdf-exfil", "--reason", "clean again")
    assert done.exit_code == 1 and program.words == [], done.output
    assert "no longer waits" in done.output and words in " ".join(done.output.split())


def test_nothing_is_run_where_only_the_step_of_another_gateway_is_open(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    decides.on("GET", f"/v1/decisions/{OPERATION}", Reply(200, at("edge-2", steps("pending"))))
    done = dc(signed_in, program, *BLOCK)
    assert done.exit_code == 1 and program.words == [], done.output


def test_nothing_is_run_where_the_decision_cannot_be_read_again(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    decides.on("GET", f"/v1/decisions/{OPERATION}", Reply(404, {"code": "not_found"}))
    done = dc(signed_in, program, *BLOCK)
    assert done.exit_code == 1 and program.words == [], done.output
    assert "`defenseclaw` was not run" in done.output


@pytest.mark.parametrize(
    "words", [BLOCK, ("guardrail", "disable", "--reason", "maintenance")], ids=["skill", "setting"]
)
def test_another_gateway_than_that_of_the_outpost_here_is_refused_before_it_is_decided(
    signed_in: Ata,
    decides: StandIn,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setattr(run_real_defenseclaw, "_enrolled_here", lambda: "edge-2")
    done = dc(signed_in, program, *words)
    said = " ".join(done.output.split())
    assert done.exit_code == 2 and "that of edge-2, not of edge-1" in said, said
    assert program.words == [] and decides.seen("POST", "/v1/decisions") == []
    monkeypatch.setattr(run_real_defenseclaw, "_enrolled_here", lambda: "edge-1")
    assert dc(signed_in, program, *words).exit_code == 0


def test_what_is_so_already_is_not_run(signed_in: Ata, portal: StandIn, program: Program) -> None:
    body = {"code": "nothing_to_do", "detail": "It is blocked already."}
    portal.on("POST", "/v1/decisions", Reply(200, body))
    done = dc(signed_in, program, *BLOCK)
    assert done.exit_code == 0 and "was not run" in done.output
    assert program.words == []


def test_a_command_that_failed_is_said_so(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    program.write(code=7)
    done = dc(signed_in, program, *BLOCK, options=("--json",))
    assert done.exit_code == 1
    (line,) = done.stdout.splitlines()
    said = json.loads(line)
    assert (said["status"], said["exit_code"]) == ("failed", 7)


def test_the_only_gateway_is_taken_and_of_several_one_has_to_be_named(
    signed_in: Ata, decides: StandIn, program: Program
) -> None:
    page = "/v1/components/skill/pdf-exfil"
    both = [{"instance": "edge-1"}, {"instance": "edge-2"}]
    at_edge_2 = [Reply(one.status, at("edge-2", one.body)) for one in waits_then("done")]
    decides.on("POST", "/v1/decisions", Reply(201, at("edge-2", steps("pending"))))
    decides.on("GET", f"/v1/decisions/{OPERATION}", *at_edge_2)
    for gateways, exit_code in ((both, 2), (both[1:], 0), ([], 2)):
        decides.on("GET", page, Reply(200, {"gateways": gateways}))
        done = signed_in.here("dc", "--cli", str(program.path), "--", *BLOCK)
        assert done.exit_code == exit_code, done.output
    (request,) = decides.seen("POST", "/v1/decisions")
    assert request.json["target"]["instance"] == "edge-2"


def test_what_is_run_has_the_name_that_was_chosen_at_the_terminal(
    signed_in: Ata, portal: StandIn, program: Program
) -> None:
    unknown = {"code": "unknown_target", "detail": "No skill pdf-exfl.", "nearest": ["pdf-exfil"]}
    decided = Reply(201, steps("pending", event_id="e1"))
    portal.on("POST", "/v1/decisions", Reply(409, unknown), decided)
    portal.on("GET", f"/v1/decisions/{OPERATION}", *waits_then("done"))
    given = ("--instance", "edge-1", "--cli", str(program.path), "--", "skill", "block", "pdf-exfl")
    shown = signed_in.on_a_terminal("dc", *given, "--reason", "odd", typed="1\n")
    assert program.words[:3] == ["skill", "block", "pdf-exfil"], shown
    assert program.words[4] == f"[ATA {TAG}] odd"


@pytest.mark.parametrize("name", ["--reason=x", "-v", "a/b", "..", "~"])
def test_a_name_chosen_at_the_terminal_is_checked_before_it_is_decided(
    signed_in: Ata, portal: StandIn, program: Program, name: str
) -> None:
    unknown = {"code": "unknown_target", "detail": "No skill pdf-exfl.", "nearest": [name]}
    portal.on("POST", "/v1/decisions", Reply(409, unknown), Reply(201, steps("pending")))
    given = ("--instance", "edge-1", "--cli", str(program.path), "--", "skill", "block", "pdf-exfl")
    shown = signed_in.on_a_terminal("dc", *given, "--reason", "odd", typed="1\n")
    assert "takes a name" in shown and program.words == []
    assert len(portal.seen("POST", "/v1/decisions")) == 1


def test_a_claim_is_a_decision_with_a_reason(signed_in: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, {"event_id": "e1"}))
    assert signed_in.here("bypass", "claim", OPERATION).exit_code == 2
    done = signed_in.here("bypass", "claim", OPERATION, "--reason", "the portal was down")
    assert done.exit_code == 0, done.output
    (request,) = portal.seen("POST", "/v1/decisions")
    assert request.json == {
        "verb": "bypass.claim",
        "target": {"kind": "bypass", "name": OPERATION},
        "reason": "the portal was down",
    }
