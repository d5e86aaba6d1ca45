"""The clients that `ata mcp config` knows: their files, and the form of a server in them.

Claude Desktop: modelcontextprotocol.io "Connect to local MCP servers". Claude Code:
code.claude.com "MCP installation scopes", project scope. Codex: developers.openai.com/codex/mcp.
Cursor: cursor.com/docs "Model Context Protocol". VS Code: code.visualstudio.com "MCP configuration
reference". Read in November 2026.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final


class Client(StrEnum):
    """An MCP client."""

    CLAUDE_DESKTOP = "claude-desktop"
    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    CURSOR = "cursor"
    VSCODE = "vscode"


@dataclass(frozen=True, slots=True)
class Form:
    """How a client writes servers down."""

    title: str
    key: str
    """The member that has the servers by name."""
    typed: bool
    """Whether an entry says `"type": "stdio"`."""
    after: str
    """What makes the client read its file again."""
    places: tuple[str, ...]
    """Where its file is, for people: the last part is the name of the file."""


FORMS: Final = {
    Client.CLAUDE_DESKTOP: Form(
        "Claude Desktop",
        "mcpServers",
        False,
        "Quit Claude Desktop and start it again.",
        (
            "~/Library/Application Support/Claude/claude_desktop_config.json",
            "%APPDATA%/Claude/claude_desktop_config.json",
        ),
    ),
    Client.CLAUDE_CODE: Form(
        "Claude Code",
        "mcpServers",
        True,
        "Start `claude` in this folder again and approve the server.",
        (".mcp.json",),
    ),
    Client.CODEX: Form(
        "Codex",
        "mcp_servers",
        False,
        "Start `codex` again; /mcp lists the server.",
        ("~/.codex/config.toml",),
    ),
    Client.CURSOR: Form(
        "Cursor",
        "mcpServers",
        False,
        "Switch the server on in Cursor's MCP settings.",
        ("~/.cursor/mcp.json",),
    ),
    Client.VSCODE: Form(
        "VS Code",
        "servers",
        True,
        "Run MCP: List Servers in VS Code and start it.",
        (".vscode/mcp.json",),
    ),
}


OF_A_FOLDER: Final = frozenset({Client.CLAUDE_CODE, Client.VSCODE})
"""Clients whose file comes with a folder, which somebody else may have written."""


def path_of(client: Client, home: Path, folder: Path) -> Path:
    """The client's file: of the user, but for Claude Code and VS Code, which have one a folder."""
    if client is Client.CLAUDE_DESKTOP:
        return _settings(home) / "Claude" / "claude_desktop_config.json"
    if client is Client.CLAUDE_CODE:
        return folder / ".mcp.json"
    if client is Client.CODEX:
        return Path(os.environ.get("CODEX_HOME") or home / ".codex") / "config.toml"
    if client is Client.CURSOR:
        return home / ".cursor" / "mcp.json"
    return folder / ".vscode" / "mcp.json"


def _settings(home: Path) -> Path:
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    return home / ".config"


def entry(
    client: Client,
    name: str,
    command: Sequence[str],
    before: Mapping[str, object] | None = None,
    ata: Sequence[str] = (),
) -> dict[str, object]:
    """The entry of a server that `ata` runs; other fields of `before` are kept.

    `ata` is how this command line is started: without it, as it was started here.
    """
    program, *first = ata or _ata()
    args = [*first, "mcp", "run", name, "--agent", client.value, "--", *command]
    kept = {key: value for key, value in (before or {}).items() if key not in OURS}
    typed = {"type": "stdio"} if FORMS[client].typed else {}
    return {**typed, "command": program, "args": args, **kept}


OURS: Final = frozenset({"type", "command", "args"})
"""What `ata` sets in an entry."""


def command_in(entry: Mapping[str, object]) -> list[str]:
    """The command that an entry starts; of one that `ata` runs already, the server's own."""
    words = _words(entry)
    at = _run_at(words)
    return words[words.index("--", at) + 1 :] if at else words


def is_run_by_ata(entry: Mapping[str, object]) -> bool:
    """Whether the entry starts `ata mcp run NAME … -- CMD…`."""
    return _run_at(_words(entry)) > 0


def _words(entry: Mapping[str, object]) -> list[str]:
    program, args = entry.get("command"), entry.get("args", [])
    if not isinstance(program, str) or not isinstance(args, list):
        return []
    return [program, *map(str, args)]


def _run_at(words: Sequence[str]) -> int:
    """Where `mcp run` stands: behind `ata`, or behind `python -m ata`; 0 where it does not."""
    for at in (1, 3):
        if list(words[at : at + 2]) == ["mcp", "run"] and "--" in words[at:]:
            return at
    return 0


def _ata() -> list[str]:
    """How a program without a shell's PATH starts this command line."""
    found = Path(sys.argv[0])
    if found.name == "__main__.py":
        return [sys.executable, "-m", "ata"]
    return [shutil.which(str(found)) or str(found.absolute())]
