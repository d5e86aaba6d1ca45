"""`ata mcp config`: the form of each client, what is written, what stays, and the way back."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.ata.ata_process import Ata
from tests.ata.mcp_agent import MANIFEST
from tests.ata.portal_stand_in import Reply, Request, StandIn

CMD = ("--", "npx", "-y", "server-github")
OTHER = {"command": "uvx", "args": ["other"], "env": {"KEY": "kept"}}
FILES = {
    "claude-desktop": (".config/Claude/claude_desktop_config.json", "mcpServers"),
    "claude-code": (".mcp.json", "mcpServers"),
    "codex": (".codex/config.toml", "mcp_servers"),
    "cursor": (".cursor/mcp.json", "mcpServers"),
    "vscode": (".vscode/mcp.json", "servers"),
}


@pytest.fixture
def here(signed_in: Ata, portal: StandIn, monkeypatch: pytest.MonkeyPatch) -> Ata:
    """In the home folder of somebody on Linux whose server is declared."""
    portal.on("GET", "/v1/manifests/mcp/github", Reply(200, MANIFEST))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(signed_in.home))
    monkeypatch.delenv("CODEX_HOME", raising=False)
    monkeypatch.chdir(signed_in.home)
    return signed_in


def read(path: Path) -> Any:
    text = path.read_text()
    return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)


def test_printing_changes_nothing(here: Ata) -> None:
    for client in FILES:
        done = here.here("mcp", "config", "github", "--client", client, *CMD)
        assert done.exit_code == 0, done.output
        assert FILES[client][0].rpartition("/")[2] in done.stdout.splitlines()[0]
    assert sorted(path.name for path in here.home.iterdir()) == [".ata"]


@pytest.mark.parametrize("client", FILES)
def test_each_client_gets_its_form_and_keeps_its_other_servers(here: Ata, client: str) -> None:
    place, key = FILES[client]
    path = here.home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".toml":
        path.write_text(
            'model = "o"  # mine\n[mcp_servers.other]\ncommand = "uvx"\nargs = ["other"]\n'
            '[mcp_servers.other.env]\nKEY = "kept"\n'
        )
    else:
        path.write_text(json.dumps({"theme": "dark", key: {"other": OTHER}}, indent=4))
    path.chmod(0o600)
    before = path.read_text()
    words = ("mcp", "config", "github", "--client", client)
    told = json.loads(here.here(*words, "--write", "--json", *CMD).stdout)
    servers = read(path)[key]
    assert servers["other"] == OTHER
    args = servers["github"]["args"]
    assert args[-9:] == ["mcp", "run", "github", "--agent", client, *CMD]
    assert servers["github"].get("type") == (
        "stdio" if client in {"claude-code", "vscode"} else None
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert Path(told["backup"]).read_text() == before

    again = json.loads(here.here(*words, "--write", "--json").stdout)
    assert again["status"] == "unchanged"
    assert len(list(path.parent.glob("*.ata-backup-*"))) == 1

    assert json.loads(here.here(*words, "--undo", "--json").stdout)["status"] == "undone"
    assert read(path)[key] == {"other": OTHER}
    assert json.loads(here.here(*words, "--undo", "--json").stdout)["status"] == "unchanged"


@pytest.mark.parametrize("client", ["codex", "cursor"])
def test_a_server_that_is_there_is_wrapped_and_given_back(here: Ata, client: str) -> None:
    place, key = FILES[client]
    path = here.home / place
    path.parent.mkdir()
    entry = {"command": "npx", "args": ["server-github"], "env": {"DEBUG": "1"}}
    if client == "codex":
        path.write_text(
            '[mcp_servers.github]\ncommand = "npx"\nargs = ["server-github"]\n'
            '[mcp_servers.github.env]\nDEBUG = "1"\n\n[tui]\nnotifications = true\n'
        )
    else:
        path.write_text(json.dumps({key: {"github": entry}}))
    words = ("mcp", "config", "github", "--client", client)
    assert here.here(*words, "--write").exit_code == 0
    changed = read(path)[key]["github"]
    assert changed["args"][-2:] == ["npx", "server-github"] and changed["env"] == {"DEBUG": "1"}
    assert here.here(*words, "--undo").exit_code == 0
    assert read(path)[key]["github"] == entry


@pytest.mark.parametrize(
    ("place", "client", "text"),
    [
        (".cursor/mcp.json", "cursor", '{"mcpServers": {}, // mine\n}'),
        (".cursor/mcp.json", "cursor", '{"mcpServers": []}'),
        (".cursor/mcp.json", "cursor", "[]"),
        (".cursor/mcp.json", "cursor", '{"mcpServers": {"a": {}}, "mcpServers": {"b": {}}}'),
        (".cursor/mcp.json", "cursor", '{"theme": "\\ud83d", "mcpServers": {}}'),
        (".cursor/mcp.json", "cursor", "[" * 200_000),
        (".codex/config.toml", "codex", "mcp_servers = {other = {command = 'x'}}"),
        (".codex/config.toml", "codex", "[mcp_servers]\ngithub = {command = 'x'}"),
        (".codex/config.toml", "codex", 'a = """\n[mcp_servers.github]\n"""\n'),
        (".codex/config.toml", "codex", "a = \n"),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_as_it_is(
    here: Ata, place: str, client: str, text: str
) -> None:
    path = here.home / place
    path.parent.mkdir()
    path.write_text(text)
    done = here.here("mcp", "config", "github", "--client", client, "--write", *CMD)
    assert (done.exit_code, path.read_text()) == (1, text), done.output
    assert "was not changed" in done.stderr and "put the entry in yourself" in done.stderr


def test_a_server_that_the_client_adds_meanwhile_is_kept(here: Ata, portal: StandIn) -> None:
    path = here.home / ".cursor/mcp.json"
    path.parent.mkdir()
    path.write_text('{"mcpServers": {}}')

    def meanwhile(_request: Request) -> Reply:
        path.write_text(json.dumps({"mcpServers": {"other": OTHER}}))
        return Reply(200, MANIFEST)

    portal.on("GET", "/v1/manifests/mcp/github", meanwhile)
    words = ("mcp", "config", "github", "--client", "cursor", "--write", *CMD)
    assert here.here(*words).exit_code == 0
    assert set(read(path)["mcpServers"]) == {"other", "github"}


def test_the_same_server_changed_meanwhile_is_left_as_it_is(here: Ata, portal: StandIn) -> None:
    path = here.home / ".cursor/mcp.json"
    path.parent.mkdir()
    path.write_text('{"mcpServers": {}}')

    def meanwhile(_request: Request) -> Reply:
        path.write_text(json.dumps({"mcpServers": {"github": OTHER}}))
        return Reply(200, MANIFEST)

    portal.on("GET", "/v1/manifests/mcp/github", meanwhile)
    words = ("mcp", "config", "github", "--client", "cursor", "--write", *CMD)
    done = here.here(*words)
    assert done.exit_code == 1 and "github was changed meanwhile" in done.stderr
    assert read(path)["mcpServers"] == {"github": OTHER}


def test_a_file_with_brackets_in_its_name_gets_its_server_back(here: Ata) -> None:
    path = here.home / "a[1].json"
    path.write_text(json.dumps({"mcpServers": {"github": OTHER}}))
    words = ("mcp", "config", "github", "--client", "cursor", "--file", str(path))
    assert here.here(*words, "--write", *CMD).exit_code == 0
    assert here.here(*words, "--undo").exit_code == 0
    assert read(path)["mcpServers"] == {"github": OTHER}


CLONED = {"command": "npx", "args": ["evil"], "env": {"NODE_OPTIONS": "--require=./evil.js"}}


def test_the_command_of_a_file_that_came_with_a_folder_is_confirmed(here: Ata) -> None:
    path = here.home / ".mcp.json"
    text = json.dumps({"mcpServers": {"github": CLONED}})
    path.write_text(text)
    words = ("mcp", "config", "github", "--client", "claude-code", "--write")
    piped = here.here(*words)
    assert piped.exit_code == 2 and "npx evil" in piped.stderr
    refused = here.on_a_terminal(*words, typed="n\n")
    assert "npx evil" in refused and "env (NODE_OPTIONS)" in refused
    assert path.read_text() == text
    assert "It runs: npx evil" in here.on_a_terminal(*words, typed="y\n")
    assert read(path)["mcpServers"]["github"]["args"][-2:] == ["npx", "evil"]


def test_a_copy_that_came_with_a_folder_is_not_put_back(here: Ata) -> None:
    path = here.home / ".mcp.json"
    planted = here.home / ".mcp.json.ata-backup-9"
    planted.write_text(json.dumps({"mcpServers": {"github": CLONED}}))
    words = ("mcp", "config", "github", "--client", "claude-code")
    assert here.here(*words, "--write", *CMD).exit_code == 0
    done = here.here(*words, "--undo")
    assert done.exit_code == 1 and "its copies were not made here" in done.stderr
    planted.unlink()
    assert here.here(*words, "--undo").exit_code == 0
    assert read(path)["mcpServers"] == {}

    path.write_text(json.dumps({"mcpServers": {"github": OTHER}}))
    assert here.here(*words, "--write", *CMD).exit_code == 0
    planted.write_text(json.dumps({"mcpServers": {"github": CLONED}}))
    assert here.here(*words, "--undo").exit_code == 0
    assert read(path)["mcpServers"] == {"github": OTHER}


def test_what_would_keep_it_from_working_is_said(here: Ata, portal: StandIn) -> None:
    path = here.home / ".cursor/mcp.json"
    path.parent.mkdir()
    variable = "GITHUB_TOKEN"
    entry = {"command": "npx", "args": ["x"], "env": {variable: "a-token"}}
    path.write_text(json.dumps({"mcpServers": {"github": entry}}))
    words = ("mcp", "config", "github", "--client", "cursor")
    assert f"{variable} stands in the file in clear" in here.here(*words).stderr
    portal.on(
        "GET", "/v1/manifests/mcp/github", Reply(200, {**MANIFEST, "url": "https://mcp.example"})
    )
    assert "`ata mcp proxy`" in here.here(*words).stderr
    portal.on("GET", "/v1/manifests/mcp/github", Reply(404, {"code": "not_found"}))
    assert "`ata manifest declare FILE`" in here.here(*words).stderr


def test_without_a_command_it_says_how_to_give_one(here: Ata) -> None:
    done = here.here("mcp", "config", "github", "--client", "cursor")
    assert done.exit_code == 2
    assert "-- npx -y PACKAGE" in done.stderr
    both = here.here("mcp", "config", "github", "--client", "cursor", "--write", "--undo")
    assert both.exit_code == 2
