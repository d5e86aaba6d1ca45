"""The user folder of a stand-in: data folder, configuration, token, agents' folders, CLI."""

from __future__ import annotations

import json
import secrets
import stat
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from local.gateway.agents import AGENTS, folder_of
from local.gateway.settings import Settings

TOKEN_NAME: Final = "DEFENSECLAW_GATEWAY_TOKEN"  # noqa: S105 - the name of a variable
_REPOSITORY: Final = Path(__file__).resolve().parent.parent.parent
_PRIVATE: Final = stat.S_IRWXU


class Home:
    """Paths below one user folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / ".defenseclaw"
        self.database = self.data / "audit.db"
        self.quarantine = self.data / "quarantine"
        self.config = self.data / "config.yaml"
        self.workspace = self.folder / "workspace"
        """Working directory of the gateway; its relative skill folder is watched too."""

    def has_policies(self) -> bool:
        """Whether rego policies lie where 0.2.0 looks for them (a plain init puts them deeper)."""
        return any((self.data / "policies").glob("*.rego"))

    def token(self) -> str:
        """Return the gateway token from `.env`, or "" where there is none."""
        try:
            lines = (self.data / ".env").read_text().splitlines()
        except OSError:
            return ""
        pairs = (line.partition("=") for line in lines)
        return next((value.strip() for name, _, value in pairs if name.strip() == TOKEN_NAME), "")


def prepare(home: Home, settings: Settings) -> None:
    """Make everything that is there once a gateway was set up and started."""
    home.folder.mkdir(parents=True, exist_ok=True)
    home.data.mkdir(exist_ok=True)
    generation = settings.generation
    if generation.needs_token:
        home.data.chmod(_PRIVATE)
    settings.save(home.folder)
    _write_config(home, settings)
    _make_token(home, settings)
    for kind in ("skills", "plugins"):
        (home.quarantine / kind).mkdir(parents=True, exist_ok=True)
    for agent in settings.agents:
        folder_of(home.folder, agent, "skill").mkdir(parents=True, exist_ok=True)
        folder_of(home.folder, agent, "plugin").mkdir(parents=True, exist_ok=True)
    home.workspace.mkdir(exist_ok=True)
    if settings.primary == "codex":
        # The gateway makes this folder and then takes it for a plugin.
        (folder_of(home.folder, "codex", "plugin") / "cache").mkdir(exist_ok=True)
    if not generation.entries_per_agent:
        _install_bundled_skill(home, settings)
    _write_command_line(home)
    for agent in settings.agents:
        _write_hook_script(home, settings, agent)


def _write_config(home: Home, settings: Settings) -> None:
    generation = settings.generation
    connectors = {agent: {"mode": mode} for agent, mode in settings.agents.items()}
    switch = {"take_action": settings.take_action}
    config: dict[str, Any] = {
        "data_dir": str(home.data),
        "audit_db": str(home.database),
        "quarantine_dir": str(home.quarantine),
        "gateway": {
            "host": "127.0.0.1",
            "port": 18789,
            "api_port": settings.port,
            "watcher": {"enabled": True, "skill": switch, "plugin": dict(switch)},
        },
        "guardrail": {"enabled": True, "mode": settings.guardrail_mode},
    }
    if generation.entries_per_agent:
        config["guardrail"] |= {"connector": settings.primary, "connectors": connectors}
    else:
        config["watch"] = {"auto_block": True, "debounce_ms": 500}
        config["splunk"] = {"enabled": False, "hec_token_env": ""}
    if generation.seals_rows:
        config = {"config_version": 8, **config}
    if settings.managed:
        config["deployment_mode"] = "managed_enterprise"
    kept = _existing(home.config)
    if (kept.get("guardrail") or {}).get("enabled") is False:
        config["guardrail"]["enabled"] = False
    for name in ("audit_sinks", "splunk", "observability", "webhooks", "skill_actions"):
        if name in kept:
            config[name] = kept[name]
    text = yaml.safe_dump(config, sort_keys=False)
    home.config.touch(mode=0o600 if generation.needs_token else 0o644)
    home.config.write_text(text)


def _existing(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except OSError:
        return {}
    return content if isinstance(content, dict) else {}


def read_config(home: Home) -> dict[str, Any]:
    """Return `config.yaml` as it is now."""
    return _existing(home.config)


def _make_token(home: Home, settings: Settings) -> None:
    """Write the token at the first start, as 0.8.4 and HEAD do; 0.2.0 knows none."""
    if not settings.generation.needs_token or home.token():
        return
    path = home.data / ".env"
    path.touch(mode=0o600)
    path.chmod(0o600)
    with path.open("a") as file:
        file.write(f"{TOKEN_NAME}={secrets.token_hex(32)}\n")


def _install_bundled_skill(home: Home, settings: Settings) -> None:
    folder = folder_of(home.folder, settings.primary, "skill") / "codeguard"
    folder.mkdir(exist_ok=True)
    text = "---\nname: codeguard\ndescription: Secure coding rules.\n---\n"
    (folder / "SKILL.md").write_text(text)


def _write_command_line(home: Home) -> None:
    """Write `bin/defenseclaw`, which runs our command line against this home."""
    path = home.folder / "bin" / "defenseclaw"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "#!/bin/sh\n"
        f'PYTHONPATH="{_REPOSITORY}" exec "{sys.executable}" -m local.gateway.cli '
        f'--home "{home.folder}" -- "$@"\n'
    )
    path.chmod(0o755)


def _write_hook_script(home: Home, settings: Settings, agent: str) -> None:
    """Write an agent's hook script and, where it has one, name it in the agent's settings."""
    known = AGENTS[agent]
    if not known.hook_script:
        return
    path = home.data / "hooks" / known.hook_script
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "#!/bin/sh\n"
        f'PYTHONPATH="{_REPOSITORY}" exec "{sys.executable}" -m local.gateway.hook_client '
        f'--home "{home.folder}" --agent {agent}\n'
    )
    path.chmod(0o700)
    if agent == "claudecode":
        _name_hook_in_settings(home, path)


def _name_hook_in_settings(home: Home, script: Path) -> None:
    path = home.folder / ".claude" / "settings.json"
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        content = {}
    hook = [{"matcher": "*", "hooks": [{"type": "command", "command": str(script)}]}]
    events = ("PreToolUse", "PermissionRequest", "UserPromptExpansion", "UserPromptSubmit")
    content["hooks"] = {**content.get("hooks", {}), **dict.fromkeys(events, hook)}
    path.write_text(json.dumps(content, indent=2) + "\n")


def tighten_modes(home: Home, settings: Settings) -> None:
    """Reset file modes as HEAD does at each start: folder 0700, database files 0600."""
    if not settings.generation.seals_rows:
        return
    home.data.chmod(_PRIVATE)
    for suffix in ("", "-wal", "-shm"):
        path = home.database.with_name(home.database.name + suffix)
        if path.exists():
            path.chmod(0o600)
