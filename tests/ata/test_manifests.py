"""`ata manifest`: declared, listed, shown, and read from the folders of skills and servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ata.folders import component_discovery, skill_and_mcp_file_parsers
from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn

GITHUB = {
    "kind": "mcp",
    "name": "github-mcp",
    "connections": [{"connection": "github", "scopes": ["read:user", "repo"]}],
    "env": {"github": "GITHUB_TOKEN"},
    "url": "",
}
IN_FORCE = {**GITHUB, "digest": "ab" * 32, "declared_at": "2026-11-25T10:00:00Z",
            "decision": "allow"}  # fmt: skip
DECLARED = Reply(201, {**IN_FORCE, "event_id": "e-1"})
WHERE = "/v1/manifests/mcp/github-mcp"

OPENCLAW = """---
name: github-pr
description: Review pull requests.
metadata:
  {
    "openclaw":
      { "emoji": "x", "requires": { "bins": ["gh"], "env": ["GITHUB_TOKEN", "ORG_NAME"] },
        "primaryEnv": "GITHUB_TOKEN" },
  }
---
# github-pr
"""
OURS = """---
name: standup
description: Posts the standup.
metadata:
  ata:
    connections:
      - connection: slack
        scopes: [chat:write, channels:read]
    env: {slack: SLACK_TOKEN}
---
"""
REGISTRY = {
    "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    "name": "io.github.acme/jira-mcp",
    "packages": [
        {
            "registryType": "npm",
            "identifier": "@acme/jira-mcp",
            "environmentVariables": [
                {"name": "JIRA_API_TOKEN", "isRequired": True, "isSecret": True},
                {"name": "JIRA_URL", "isRequired": True},
            ],
        }
    ],
    "remotes": [{"type": "streamable-http", "url": "https://mcp.acme.example/jira?key=s3cret"}],
}
BUNDLE = {
    "manifest_version": "0.3",
    "name": "notes",
    "server": {
        "type": "node",
        "mcp_config": {"env": {"NOTION_TOKEN": "${user_config.key}", "MODE": "fast"}},
    },
    "user_config": {"key": {"type": "string", "sensitive": True}},
}
CLIENT = {
    "mcpServers": {
        "github": {"command": "npx", "env": {"GITHUB_PERSONAL_ACCESS_TOKEN": "ghp_s3cret"}},
        "docs": {
            "url": "https://u:s3cret@mcp.example/sse",
            "headers": {"Authorization": "Bearer s3cret"},
        },
    }
}


def folder(tmp_path: Path, **files: object) -> Path:
    """A folder with files by name; `__` stands for a dot."""
    place = tmp_path / "component"
    place.mkdir()
    for name, body in files.items():
        text = body if isinstance(body, str) else json.dumps(body)
        (place / name.replace("__", ".")).write_text(text)
    return place


def only(place: Path) -> tuple[str, str, dict[str, object], dict[str, object], list[str]]:
    """Kind, name, what is declared, the same with guesses, and what is missing."""
    (one,) = component_discovery.read(place).components
    sure = one.declaration()
    return one.kind, one.name, sure, one.declaration(guesses=True), one.missing(sure)


def test_what_a_skill_declares_in_our_form_is_taken_as_declared(tmp_path: Path) -> None:
    kind, name, sure, _, missing = only(folder(tmp_path, SKILL__md=OURS))
    assert (kind, name, missing) == ("skill", "standup", [])
    assert sure == {
        "connections": [{"connection": "slack", "scopes": ["chat:write", "channels:read"]}],
        "env": {"slack": "SLACK_TOKEN"},
        "url": "",
    }


def test_variables_of_an_openclaw_skill_only_suggest_their_connection(tmp_path: Path) -> None:
    kind, name, sure, guessed, missing = only(folder(tmp_path, SKILL__md=OPENCLAW))
    assert (kind, name) == ("skill", "github-pr")
    assert sure == {"connections": [], "env": {}, "url": ""}
    assert guessed == {
        "connections": [{"connection": "github", "scopes": []}],
        "env": {"github": "GITHUB_TOKEN"},
        "url": "",
    }
    assert any(words.startswith("ORG_NAME") for words in missing)
    assert any("No connection is declared" in words for words in missing)


def test_a_registry_entry_names_variables_and_an_address_without_its_secrets(
    tmp_path: Path,
) -> None:
    kind, name, sure, guessed, _ = only(folder(tmp_path, server__json=REGISTRY))
    assert (kind, name) == ("mcp", "jira-mcp")
    assert sure["url"] == "https://mcp.acme.example/jira"
    assert guessed["env"] == {"atlassian": "JIRA_API_TOKEN"}


def test_a_bundle_names_the_variable_that_a_sensitive_value_goes_into(tmp_path: Path) -> None:
    kind, name, _, guessed, _ = only(folder(tmp_path, manifest__json=BUNDLE))
    assert (kind, name, guessed["env"]) == ("mcp", "notes", {"notion": "NOTION_TOKEN"})


def test_a_clients_list_is_one_component_each_and_no_value_of_it_is_kept(tmp_path: Path) -> None:
    read = component_discovery.read(folder(tmp_path, __mcp__json=CLIENT))
    assert [(one.kind, one.name) for one in read.components] == [("mcp", "github"), ("mcp", "docs")]
    assert "s3cret" not in repr(read)
    assert read.components[1].declaration()["url"] == "https://mcp.example/sse"
    assert "sends its own Authorization header" in read.components[1].notes[0]


def test_files_of_one_component_are_put_together(tmp_path: Path) -> None:
    node = {
        "name": "@acme/gmail-mcp",
        "dependencies": {"@modelcontextprotocol/sdk": "1"},
        "ata": {"connections": [{"connection": "google-oauth2", "scopes": ["openid"]}]},
    }
    source = 'SCOPES = ["https://www.googleapis.com/auth/gmail.send"]\n'
    kind, name, sure, guessed, _ = only(folder(tmp_path, package__json=node, main__py=source))
    assert (kind, name) == ("mcp", "gmail-mcp")
    assert sure["connections"] == [{"connection": "google-oauth2", "scopes": ["openid"]}]
    assert guessed["connections"] == [
        {
            "connection": "google-oauth2",
            "scopes": ["openid", "https://www.googleapis.com/auth/gmail.send"],
        }
    ]


def test_a_python_project_declares_under_its_own_table(tmp_path: Path) -> None:
    text = (
        '[project]\nname = "cal-mcp"\ndependencies = ["mcp>=1.2"]\n[tool.ata]\n'
        'connections = [{connection = "google-oauth2", scopes = ["openid"]}]\n'
    )
    kind, name, sure, _, _ = only(folder(tmp_path, pyproject__toml=text))
    assert (kind, name) == ("mcp", "cal-mcp")
    assert sure["connections"] == [{"connection": "google-oauth2", "scopes": ["openid"]}]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("server.json", "{", "not JSON"),
        ("server.json", "[" * 100_000, "not JSON"),
        ("SKILL.md", "---\nname: [x\n---\n", "front matter is not YAML"),
        ("SKILL.md", "---\nname: x\n", "front matter has no end"),
        ("pyproject.toml", "= 1", "not TOML"),
        ("ata.manifest.json", '{"kind": "x"}', "needs a kind"),
        ("server.json", "{" + " " * 1_000_001 + "}", "more than 1,000,000 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_why(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    place = tmp_path / "odd"
    place.mkdir()
    (place / name).write_text(text)
    read = component_discovery.read(place)
    assert read.components == ()
    assert why in read.unread[0]
    assert read.unread[0].startswith(name)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    place = folder(tmp_path)
    (tmp_path / "elsewhere.json").write_text(json.dumps(REGISTRY))
    (place / "server.json").symlink_to(tmp_path / "elsewhere.json")
    assert component_discovery.read(place).unread == (
        "server.json: it is a link to somewhere else",
    )


def test_a_yaml_that_builds_objects_is_refused() -> None:
    with pytest.raises(skill_and_mcp_file_parsers.Unreadable):
        list(
            skill_and_mcp_file_parsers.skill(
                "---\nname: !!python/object/apply:os.getcwd []\n---\n", "SKILL.md", "x"
            )
        )


def test_reading_shows_what_is_sure_guessed_and_missing_and_declares_nothing(
    signed_in: Ata, portal: StandIn, tmp_path: Path
) -> None:
    place = folder(tmp_path, SKILL__md=OPENCLAW.replace("github-pr", "github\u202epr"))
    done = signed_in("manifest", "read", str(place))
    assert done.returncode == 0, done.stderr
    assert "guessed   env GITHUB_TOKEN of github" in done.stdout
    assert "missing" in done.stdout and "no connection" in done.stdout
    assert "--with-guesses takes them in" in done.stdout
    assert "\u202e" not in done.stdout
    assert not portal.seen("PUT", "/v1/manifests/skill/github-pr")
    told = json.loads(signed_in("manifest", "read", str(place), "--json").stdout)
    assert told["manifest"]["connections"] == []
    assert {fact["how"] for fact in told["facts"]} == {"declared", "guessed"}


def test_what_was_read_is_declared_only_by_a_person_or_with_yes(
    signed_in: Ata, portal: StandIn, tmp_path: Path
) -> None:
    portal.on("PUT", WHERE, DECLARED)
    place = folder(tmp_path, ata__manifest__json=GITHUB)
    unasked = signed_in("manifest", "read", str(place), "--declare")
    assert unasked.returncode == 2
    assert "Nothing was declared" in unasked.stderr
    assert not portal.seen("PUT", WHERE)
    done = signed_in("manifest", "read", str(place), "--declare", "--yes")
    assert done.returncode == 0, done.stderr
    [sent] = portal.seen("PUT", WHERE)
    assert sent.json == {name: GITHUB[name] for name in ("connections", "env", "url")}
    assert "Declared mcp github-mcp." in done.stdout


def test_a_manifest_is_declared_from_a_file_or_standard_input(
    signed_in: Ata, portal: StandIn, tmp_path: Path
) -> None:
    portal.on("PUT", WHERE, DECLARED)
    file = tmp_path / "m.json"
    file.write_text(json.dumps(GITHUB))
    assert "Event e-1" in signed_in("manifest", "declare", str(file)).stdout
    piped = signed_in("manifest", "declare", "-", stdin=json.dumps(GITHUB))
    assert piped.returncode == 0, piped.stderr
    assert len(portal.seen("PUT", WHERE)) == 2
    for text in ("{", "[]", '{"name": "x"}'):
        file.write_text(text)
        assert signed_in("manifest", "declare", str(file)).returncode == 2
    assert signed_in("manifest", "declare", str(tmp_path / "none.json")).returncode == 2


def test_manifests_are_listed_and_shown(signed_in: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/manifests", Reply(200, {"items": [IN_FORCE]}))
    portal.on("GET", WHERE, Reply(200, IN_FORCE))
    listed = signed_in("manifest", "list").stdout
    assert "mcp github-mcp" in listed and "allow" in listed
    shown = signed_in("manifest", "show", "mcp", "github-mcp").stdout.splitlines()
    assert shown == ["github: read:user, repo, in GITHUB_TOKEN", "decision: allow"]
    assert json.loads(signed_in("manifest", "show", "mcp", "github-mcp", "--json").stdout) == (
        IN_FORCE
    )
    assert signed_in("manifest", "show", "sword", "x").returncode == 2


def test_a_folder_without_any_component_says_what_to_do(signed_in: Ata, tmp_path: Path) -> None:
    done = signed_in("manifest", "read", str(folder(tmp_path)))
    assert done.returncode == 1
    assert "names no skill and no MCP server" in done.stderr
    assert "ata.manifest.json" in done.stderr
    assert signed_in("manifest", "read", str(tmp_path / "none")).returncode == 1


def test_a_declaration_that_gains_something_waits_for_its_approval(
    signed_in: Ata, portal: StandIn
) -> None:
    asked = {"approval_id": "a9", "binding_message": "12-34", "poll_url": "/v1/approvals/a9"}
    portal.on("PUT", WHERE, Reply(202, asked))
    portal.on("GET", "/v1/approvals/a9", Reply(200, {"status": "closed", "outcome": "denied"}))
    declared = signed_in("manifest", "declare", "-", "--new", stdin=json.dumps(GITHUB))
    assert declared.returncode == 3, declared.stderr
    [sent] = portal.seen("PUT", WHERE)
    assert sent.query == {"new": ["true"]}
    left = signed_in("manifest", "declare", "-", "--no-wait", stdin=json.dumps(GITHUB))
    assert left.returncode == 0 and "ata approvals wait a9" in left.stdout


def test_a_manifest_is_removed_or_its_removal_waits(signed_in: Ata, portal: StandIn) -> None:
    portal.on("DELETE", WHERE, Reply(200, {"kind": "mcp", "name": "github-mcp", "event_id": "e-2"}))
    assert "Removed mcp github-mcp." in signed_in("manifest", "remove", "mcp", "github-mcp").stdout
    portal.on("DELETE", WHERE, Reply(202, {"approval_id": "a9", "poll_url": "/v1/approvals/a9"}))
    portal.on("GET", "/v1/approvals/a9", Reply(200, {"status": "closed", "outcome": "approved"}))
    assert signed_in("manifest", "remove", "mcp", "github-mcp").returncode == 0
    assert portal.seen("GET", "/v1/approvals/a9")
