"""The agents a gateway protects: their folders, hook routes and MCP configuration."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Agent:
    """One kind of agent. Folders are relative to the user's home."""

    name: str
    skills: str
    plugins: str
    hook_path: str
    hook_script: str
    output_key: str
    """Name of the part of a hook answer that the hook script hands to the agent."""
    mcp_file: str


AGENTS: Final[Mapping[str, Agent]] = {
    agent.name: agent
    for agent in (
        Agent(
            "openclaw", ".openclaw/skills", ".openclaw/extensions", "", "", "",
            ".openclaw/openclaw.json",
        ),
        Agent(
            "claudecode", ".claude/skills", ".claude/plugins", "/api/v1/claude-code/hook",
            "claude-code-hook.sh", "claude_code_output", ".claude/settings.json",
        ),
        Agent(
            "codex", ".codex/skills", ".codex/plugins", "/api/v1/codex/hook", "codex-hook.sh",
            "codex_output", ".codex/config.toml",
        ),
        Agent(
            "cursor", ".cursor/skills", ".cursor/plugins", "/api/v1/cursor/hook", "cursor-hook.sh",
            "hook_output", ".cursor/mcp.json",
        ),
        Agent(
            "geminicli", ".gemini/skills", ".gemini/extensions", "/api/v1/geminicli/hook",
            "geminicli-hook.sh", "hook_output", ".gemini/settings.json",
        ),
    )
}  # fmt: skip


def folder_of(home: Path, agent: str, kind: str) -> Path:
    """Return the folder in which an agent keeps its skills or plugins."""
    known = AGENTS[agent]
    return home / (known.plugins if kind == "plugin" else known.skills)


def copies_on_disk(
    home: Path, agents: Mapping[str, str], kind: str, name: str
) -> Iterator[tuple[str, Path]]:
    """Yield agent and path of each copy of a skill or plugin."""
    for agent in agents:
        path = folder_of(home, agent, kind) / name
        if path.is_dir():
            yield agent, path


def configured_servers(home: Path, agent: str) -> frozenset[str]:
    """Return the names of the MCP servers in an agent's configuration; none if unreadable."""
    path = home / AGENTS[agent].mcp_file
    try:
        text = path.read_text()
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text or "{}")
    except (OSError, ValueError):
        return frozenset()
    names: set[str] = set()
    for key in ("mcpServers", "mcp_servers"):
        servers = content.get(key)
        names |= set(servers) if isinstance(servers, dict) else set()
    return frozenset(names)


def add_server(home: Path, agent: str, name: str, command: str, url: str) -> None:
    """Write an MCP server into an agent's configuration, as `mcp set` does."""
    path = home / AGENTS[agent].mcp_file
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".toml":
        line = f"url = {json.dumps(url)}" if url else f"command = {json.dumps(command)}"
        with path.open("a") as file:
            file.write(f"\n[mcp_servers.{json.dumps(name)}]\n{line}\n")
        return
    content = json.loads(path.read_text() or "{}") if path.exists() else {}
    content.setdefault("mcpServers", {})[name] = {"url": url} if url else {"command": command}
    path.write_text(json.dumps(content, indent=2) + "\n")
