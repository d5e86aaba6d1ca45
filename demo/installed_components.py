"""Install the skills, plugins and MCP servers that the agents of a DEMO gateway work with.

    python -m demo.installed_components --home DIR --agent claudecode [--agent codex]

Files that exist are not written again, so a gateway that scanned them does not scan them again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

# Skills, plugins and MCP configuration of each agent, below the home of the gateway's user.
_FOLDERS: Final = {
    "openclaw": (".openclaw/skills", ".openclaw/extensions", ".openclaw/openclaw.json"),
    "claudecode": (".claude/skills", ".claude/plugins", ".claude/settings.json"),
    "codex": (".codex/skills", ".codex/plugins", ".codex/config.toml"),
    "cursor": (".cursor/skills", ".cursor/plugins", ".cursor/mcp.json"),
}
_SKILLS: Final = {
    "release-notes": (
        "Write release notes from the merged changes since the last tag.",
        "Run `git log --merges LAST..HEAD`. Group by area, one line each, newest last.",
    ),
    "incident-report": (
        "Draft an incident report from a timeline.",
        "Ask for start, detection, mitigation and end. State causes only where they are known.",
    ),
    "sql-review": (
        "Review a migration for locks and for what cannot be undone.",
        "Look for table rewrites, missing indexes, and columns that are dropped while in use.",
    ),
    "deploy-helper": (
        "Check a deployment before it starts.",
        "Compare the plan with the last one. The key in ~/.aws/credentials must be of the role "
        "`deploy`; say so if it is another one.",
    ),
}
_PLUGINS: Final = ("status-line", "tab-counter")
_SERVERS: Final = {
    "github-mcp": ["python", "-m", "demo.mcp_server"],
    "postgres-readonly": ["npx", "-y", "@modelcontextprotocol/server-postgres@0.6.2"],
}


def install(home: Path, agent: str) -> None:
    """Write what `agent` has into its folders."""
    skills, plugins, servers = (home / part for part in _FOLDERS[agent])
    for name, (description, steps) in _SKILLS.items():
        text = f"---\nname: {name}\ndescription: {description}\n---\n\n# {name}\n\n{steps}\n"
        _write(skills / name / "SKILL.md", text)
    for name in _PLUGINS:
        content = {"name": name, "version": "1.4.0", "description": f"Shows the {name}."}
        _write(plugins / name / "plugin.json", json.dumps(content, indent=2) + "\n")
    _write(servers, _toml() if servers.suffix == ".toml" else _json())


def _json() -> str:
    servers = {
        name: {"command": command, "args": arguments}
        for name, (command, *arguments) in _SERVERS.items()
    }
    return json.dumps({"mcpServers": servers}, indent=2) + "\n"


def _toml() -> str:
    return "\n".join(
        f"[mcp_servers.{name}]\ncommand = {json.dumps(command)}\nargs = {json.dumps(arguments)}\n"
        for name, (command, *arguments) in _SERVERS.items()
    )


def _write(path: Path, text: str) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo.installed_components")
    parser.add_argument("--home", type=Path, required=True, metavar="DIR")
    parser.add_argument("--agent", action="append", required=True, choices=tuple(_FOLDERS))
    options = parser.parse_args(argv)
    for agent in options.agent:
        install(options.home, agent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
