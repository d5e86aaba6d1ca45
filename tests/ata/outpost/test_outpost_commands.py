"""`ata outpost` as it is typed: what it says of itself, and the files that start it."""

from __future__ import annotations

import json
import plistlib
import socket
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ata.cli import app
from ata.outpost import service_files
from ata.outpost.state_folder import StateFolder
from tests.ata.outpost.gateway_rows import Rows
from tests.ata.outpost.report_receiver import Receiver


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def test_it_is_enrolled_run_and_shown_by_commands(
    rows: Rows, receiver: Receiver, home: Path
) -> None:
    said = ("--portal", receiver.url, "--instance", "edge-9")
    enrolled = CliRunner().invoke(app, ["outpost", "enrol", "CODE", *said])
    assert enrolled.exit_code == 0, enrolled.output
    assert "Digest of what it pinned:" in enrolled.output
    rows.act()
    ran = CliRunner().invoke(app, ["outpost", "run", "--once"])
    assert ran.exit_code == 0 and "Everything new is reported." in ran.output
    shown = json.loads(CliRunner().invoke(app, ["outpost", "status", "--json"]).output)
    assert shown["pins_digest"] in enrolled.output
    assert (shown["waiting_reports"], shown["problem"]) == (0, "")
    assert shown["acknowledged_reports"] == len(receiver.reports) > 0
    key = (home / ".ata" / "outpost" / "key").read_bytes()
    assert key.hex() not in enrolled.output + ran.output


def test_an_unattended_host_enrols_under_its_own_name(
    rows: Rows, receiver: Receiver, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "build-7")
    said = ["outpost", "enrol", "-", "--portal", receiver.url, "--json"]
    for other, given in (([], "\n"), (["--instance", ""], "CODE\n")):  # no code, no name
        refused = CliRunner().invoke(app, said + other, input=given)
        assert refused.exit_code == 2 and "is empty" in refused.output
    enrolled = CliRunner().invoke(app, said, input="CODE\n")
    assert enrolled.exit_code == 0, enrolled.output
    assert json.loads(enrolled.output)["instance"] == "build-7"
    again = CliRunner().invoke(app, said, input="CODE\n")
    assert again.exit_code == 1 and "already_enrolled" in again.output


@pytest.mark.parametrize("command", ["run", "status", "install"])
def test_what_is_not_enrolled_says_how_to(command: str, home: Path) -> None:
    done = CliRunner().invoke(app, ["outpost", command])
    assert done.exit_code == 1 and "ata outpost enrol" in done.output
    assert not StateFolder().path.exists()


def test_help_says_what_it_acts_on() -> None:
    shown = CliRunner().invoke(app, ["outpost", "--help"]).output
    assert "carry out the portal's decisions" in " ".join(shown.split())
    shown = CliRunner().invoke(app, ["outpost", "run", "--help"]).output
    assert "what relaxes only with a person's own signature" in " ".join(shown.split())


def test_install_prints_a_unit_that_stops_once_it_is_revoked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "executable", '/opt/my "tools"/100%/python')
    shown = CliRunner().invoke(app, ["outpost", "install", "--print"])
    assert f"# {home}/.config/systemd/user/ata-outpost.service" in shown.output
    assert 'ExecStart="/opt/my \\"tools\\"/100%%/python" "-m" "ata"' in shown.output
    assert "RestartPreventExitStatus=3" in shown.output
    assert not (home / ".config").exists()


def test_on_macos_it_is_a_launchd_agent(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    found = service_files.service()
    assert found.path == home / "Library" / "LaunchAgents" / "ata.outpost.plist"
    content = plistlib.loads(found.text.encode())
    assert content["ProgramArguments"][1:] == ["-m", "ata", "outpost", "run"]


def test_install_starts_and_uninstall_removes(
    home: Path, monkeypatch: pytest.MonkeyPatch, rows: Rows, receiver: Receiver
) -> None:
    said = ("--portal", receiver.url, "--instance", "edge-9")
    CliRunner().invoke(app, ["outpost", "enrol", "CODE", *said])
    programs, asked = home / "bin", home / "asked"
    programs.mkdir()
    (programs / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setattr(sys, "platform", "linux")
    unit = home / ".config" / "systemd" / "user" / "ata-outpost.service"
    assert CliRunner().invoke(app, ["outpost", "install"]).exit_code == 0
    assert unit.exists() and "--user restart ata-outpost.service" in asked.read_text()
    assert CliRunner().invoke(app, ["outpost", "uninstall"]).exit_code == 0
    assert not unit.exists() and "disable --now" in asked.read_text()
    again = CliRunner().invoke(app, ["outpost", "uninstall"])
    assert again.exit_code == 0 and "No service is installed" in again.output
