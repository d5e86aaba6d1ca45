"""Commands that are not carried out, each with a code: forged, replayed, misnamed, or next to a
changed program or journal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from ata.cli import app
from ata.errors import AtaError
from ata.outpost.commands.command_journal import HEAD, LINES
from ata.outpost.enrolment import enrolled
from tests.ata.outpost.commanded import Commanded

type Enrol = Callable[..., Commanded]


def test_what_another_key_signed_is_refused_and_moves_no_number(commanded: Enrol) -> None:
    edge = commanded("head")
    genuine = edge.portal.hold_key
    edge.portal.hold_key = Ed25519PrivateKey.generate()
    edge.portal.n = 2**52
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    assert edge.refusals() == ["refused signature_refused"]
    edge.portal.hold_key, edge.portal.n = genuine, 1000
    edge.send(edge.portal.restrict("hold", "tool", "Read"))
    assert edge.refusals() == ["done "]
    assert edge.receiver.asked[-1] < 2**52 and edge.entries("tool", "Bash") == []


def test_an_edited_command_is_refused(commanded: Enrol) -> None:
    edge = commanded("head")
    envelope = edge.portal.restrict("hold", "tool", "Bash")
    envelope["command"]["name"] = "Read"
    edge.send(envelope)
    assert edge.refusals() == ["refused signature_refused"]
    assert edge.entries("tool", "Read") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"outpost": "f" * 32}, "other_outpost"),
        ({"instance": "edge-8"}, "other_outpost"),
        ({"act": "quarantine"}, "not_a_command"),
        ({"kind": "agent"}, "not_a_command"),
        ({"strength": "block"}, "not_a_command"),
        ({"schema": "ata.outpost.command.v2"}, "not_a_command"),
        ({"more": "fields"}, "not_a_command"),
        ({"tag": "x y"}, "not_a_command"),
        ({"tag": 5}, "not_a_command"),
        ({"tags": {"skill-disable": 5}}, "not_a_command"),
        ({"issued_at": "9999-01-01T00:00:00.000000Z"}, "not_a_command"),
        ({"issued_at": "2026-11-29T23:59:59.000000+23:59"}, "not_a_command"),
        ({"issued_at": "soon"}, "not_a_command"),
        ({"name": "-rf"}, "name_refused"),
        ({"name": "--connector=codex"}, "name_refused"),
        ({"name": ""}, "name_refused"),
        ({"name": "../pdf"}, "name_refused"),
        ({"name": "skills/pdf"}, "name_refused"),
        ({"name": "pdf\n"}, "name_refused"),
        ({"name": "pdf\x00"}, "name_refused"),
        ({"name": "pdf\u202efdp"}, "name_refused"),
        ({"name": "pdf\u200b"}, "name_refused"),
        ({"name": "pdf\u0065\u0301"}, "name_refused"),
        ({"name": " pdf"}, "name_refused"),
        ({"name": "x" * 256}, "name_refused"),
    ],
)
def test_what_is_not_for_this_outpost_or_has_another_form_is_refused(
    commanded: Enrol, changes: dict[str, Any], code: str
) -> None:
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "skill", "pdf") | {})
    edge.receiver.commands.clear()
    edge.send(edge.portal.sign(edge.portal.command("hold", "skill", "pdf") | changes))
    assert edge.refusals() == [f"refused {code}"]
    assert edge.run_ids("skill-disable") == []


def test_a_name_in_other_letters_is_held_all_the_same(commanded: Enrol) -> None:
    """Else a name would be a way around a hold."""
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "skill", "pdf-\u0445\u0435lper; rm $HOME"))
    assert edge.refusals() == ["done "]
    [row] = edge.entries("skill", "pdf-\u0445\u0435lper; rm $HOME")
    assert row["actions"] == {"runtime": "disable"}


def test_another_command_for_the_step_of_a_refused_one_is_judged_and_reported(
    commanded: Enrol,
) -> None:
    """Who tries a step again waits for the result of the new command."""
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    edge.report()
    first = edge.send(edge.portal.sign(edge.portal.command("release", "tool", "Bash")))
    assert [one["code"] for one in edge.report()] == ["no_evidence"]
    again = edge.send(
        edge.portal.sign(edge.portal.command("release", "tool", "Bash") | {"id": first["id"]})
    )
    [refused] = edge.report()
    assert (refused["n"], refused["code"]) == (again["n"], "no_evidence")
    assert edge.report() == []
    proven = edge.portal.decide(
        "release", edge.portal.intent("tool.release", "Bash"), id=first["id"]
    )
    edge.send(proven)
    [done] = edge.report()
    assert (done["n"], done["state"]) == (proven["command"]["n"], "done")
    assert edge.entries("tool", "Bash") == []


def test_what_nobody_signed_replaces_no_outcome(commanded: Enrol) -> None:
    edge = commanded("head")
    held = edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    edge.report()
    forged = edge.portal.restrict("hold", "tool", "Bash", id=held["id"])
    edge.send(forged | {"signature": edge.portal.restrict("hold", "tool", "Bash")["signature"]})
    assert edge.report() == []


def test_an_older_command_and_a_replayed_one_change_nothing(commanded: Enrol) -> None:
    edge = commanded("head")
    first = edge.portal.restrict("hold", "tool", "Bash")
    edge.send(first)
    edge.send(edge.portal.decide("release", edge.portal.intent("tool.release", "Bash")))
    assert edge.refusals() == ["done ", "done "]
    # A portal that was restored, or somebody who kept the answer, sends it once more.
    edge.receiver.commands = [first]
    older = edge.portal.sign({**first["command"], "id": str(uuid4())})
    edge.receiver.commands.append(older)
    with edge.outpost() as outpost:
        outpost._commands._intake.take(edge.receiver.commands)  # type: ignore[union-attr]
    assert edge.refusals() == ["done ", "refused older_command"], "the known one as it ended"
    assert edge.entries("tool", "Bash") == []


def test_another_program_in_place_of_the_command_line_is_not_run(commanded: Enrol) -> None:
    edge = commanded("head", "--agent=claudecode")
    program = Path(enrolled(edge.folder).cli_path)
    genuine, trace = program.read_text(), edge.home / "trace"
    program.write_text(f"#!/bin/sh\ntouch {trace}\n")
    edge.send(edge.portal.restrict("hold", "skill", "pdf"))
    edge.send(edge.portal.restrict("hold", "mcp", "github"))
    assert sorted(edge.refusals()) == ["done ", "refused cli_changed"]
    assert not trace.exists() and edge.entries("skill", "pdf") == []
    program.write_text(genuine)
    edge.send(edge.portal.restrict("hold", "skill", "pdf"))
    assert edge.refusals() == ["done "]


def _line_removed(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))


def _end_cut_off(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def _word_changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"exit":200', b'"exit":201', 1))


def _file_removed(path: Path) -> None:
    path.unlink()


def _head_removed(path: Path) -> None:
    path.with_name(HEAD).unlink()


@pytest.mark.parametrize(
    "edit", [_line_removed, _end_cut_off, _word_changed, _file_removed, _head_removed]
)
def test_next_to_an_edited_journal_holds_go_on_and_nothing_is_relaxed(
    commanded: Enrol, edit: Callable[[Path], None]
) -> None:
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    assert edge.refusals() == ["done "]
    edge.receiver.commands.clear()
    edit(edge.folder.path / LINES)
    edge.send(edge.portal.decide("release", edge.portal.intent("tool.release", "Bash")))
    edge.send(edge.portal.restrict("hold", "tool", "Read"))
    assert sorted(edge.refusals()) == ["done ", "refused journal_changed"]
    assert edge.entries("tool", "Bash") and edge.entries("tool", "Read")


def test_an_unfinished_line_is_no_edit(commanded: Enrol) -> None:
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    assert edge.refusals() == ["done "]
    with (edge.folder.path / LINES).open("ab") as stream:
        stream.write(b'{"previous":"ab')
    edge.send(edge.portal.decide("release", edge.portal.intent("tool.release", "Bash")))
    assert edge.refusals() == ["done "]


def test_an_outpost_without_pins_for_commands_asks_for_none(commanded: Enrol) -> None:
    edge = commanded("head")
    enrolment = edge.folder.read("enrolment.json")
    del enrolment["pins"]["hold_key"]
    edge.folder.write("enrolment.json", enrolment)
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    assert edge.report() == [] and edge.receiver.asked == []


def test_status_says_what_was_carried_out_and_what_was_refused(
    commanded: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    edge.send(edge.portal.sign(edge.portal.command("release", "tool", "Bash")))
    edge.report()
    monkeypatch.setattr(Path, "home", lambda: edge.home)
    shown = CliRunner().invoke(app, ["outpost", "status"]).output
    assert "hold tool Bash: done." in shown
    assert "release tool Bash: refused (no_evidence)." in " ".join(shown.split())
    said = json.loads(CliRunner().invoke(app, ["outpost", "status", "--json"]).output)
    assert [one["state"] for one in said["commands"]] == ["refused", "done"]


def test_reports_go_on_where_the_portal_knows_no_commands(commanded: Enrol) -> None:
    edge = commanded("head")
    with edge.outpost() as outpost:
        commands = outpost._commands
        assert commands is not None
        edge.receiver.hand_out = lambda *_: (404, {"code": "not_found"})  # type: ignore[method-assign]
        with pytest.raises(AtaError):
            commands.step()
        outpost.run_once()
    assert edge.receiver.reports


def test_an_outcome_without_a_look_at_the_entries_reports_none(commanded: Enrol) -> None:
    edge = commanded("head", "--agent=claudecode")
    edge.send(edge.portal.restrict("hold", "skill", "pdf"))
    assert edge.refusals() == ["done "]
    edge.send(edge.portal.decide("release", edge.portal.intent("skill.release", "pdf")))
    edge.send(edge.portal.sign(edge.portal.command("release", "skill", "pdf")))
    with edge.unreadable():
        found = {one["code"]: one["entries"] for one in edge.carry_out()}
    assert found == {"entries_unreadable": None, "no_evidence": None}
    assert edge.entries("skill", "pdf") and edge.run_ids("skill-enable") == []


def test_a_number_of_far_ahead_keeps_no_later_command_away(commanded: Enrol) -> None:
    edge = commanded("head")
    edge.send(edge.portal.restrict("hold", "tool", "Read", n=2**53 - 1))
    assert edge.refusals() == ["refused not_a_command"]
    edge.receiver.commands.clear()
    edge.send(edge.portal.restrict("hold", "tool", "Bash"))
    edge.send(edge.portal.restrict("hold", "tool", "Read"))
    assert edge.refusals() == ["done ", "done "] and edge.receiver.asked[-1] < 2**52
