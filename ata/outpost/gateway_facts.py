"""How a gateway is now: entries, names in quarantine, settings on a list, whether it is up."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import yaml

from ata.outpost import configured_posture
from ata.outpost.audit_database import AuditDatabase
from ata.outpost.reported_fields import cell

NAMES: Final = ("entries", "quarantine", "config", "health")
_MOST_ENTRIES: Final = 10_000
_MOST_BYTES: Final = 2**19
_MOST_NAMES: Final = 5_000
_MOST_CONFIG: Final = 2**20
_API_PORT: Final = 18970
_TOKEN: Final = "DEFENSECLAW_GATEWAY_TOKEN="  # noqa: S105 - the name of a variable
_SETTINGS: Final = (
    "config_version",
    "deployment_mode",
    "guardrail.enabled",
    "guardrail.mode",
    "guardrail.connector",
    "guardrail.scanner_mode",
    "guardrail.judge.enabled",
    "observability.local.retention_days",
    "gateway.watcher.enabled",
    "gateway.watcher.skill.take_action",
    "gateway.watcher.plugin.take_action",
    "gateway.watcher.mcp.take_action",
    "watch.auto_block",
)
"""Fields of `config.yaml` that a report repeats; others may hold paths and names of secrets."""


def entries(database: AuditDatabase) -> list[dict[str, Any]] | None:
    """The gateway's block and allow entries, whole; None where they are too many for a report.

    Raises:
        sqlite3.Error: the database cannot be read now.
    """
    found = [
        {name: cell(value) for name, value in one.items()}
        for one in database.entries(_MOST_ENTRIES + 1)
    ]
    if len(found) > _MOST_ENTRIES or len(json.dumps(found)) > _MOST_BYTES:
        return None
    return found


def quarantine(data: Path) -> list[str]:
    """What lies in quarantine, such as `skills/claudecode/pdf-helper`, without its files."""
    found: list[str] = []
    for kind in ("skills", "plugins"):
        for one in _folders(data / "quarantine" / kind):
            # 0.8.4 and HEAD have a folder for each agent; 0.2.0 has the component's itself.
            below = [] if _is_component(one) else _folders(one)
            found += [str(path.relative_to(data / "quarantine")) for path in below or [one]]
    plain = (str(cell(name)) for name in found)
    return sorted(plain)[:_MOST_NAMES]


def config(data: Path) -> dict[str, Any]:
    """The digest of `config.yaml`, and its settings on the list; empty where there is none."""
    try:
        with (data / "config.yaml").open("rb") as stream:
            raw = stream.read(_MOST_CONFIG + 1)
    except OSError:
        return {}
    said: dict[str, Any] = {"sha256": hashlib.sha256(raw).hexdigest()}
    content = _parsed(raw)
    if content is None:
        return said | {"unreadable": True}
    for name in _SETTINGS:
        if (value := _setting(content, name)) is not None:
            said[name] = value
    return said | _modes(content) | configured_posture.posture(content, data)


def health(data: Path) -> dict[str, Any]:
    """Whether the gateway answers on this host, and since when it runs. No token is sent."""
    import httpx

    try:
        answer = httpx.get(f"{address(data)}/health", timeout=2.0, trust_env=False)
        found = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError):
        return {"up": False}
    started = found.get("started_at") if isinstance(found, dict) else None
    since = {"started_at": started} if isinstance(started, str) and _is_time(started) else {}
    return {"up": answer.status_code == 200} | since


def address(data: Path) -> str:
    """Where the gateway's API listens on this host."""
    port = _setting(_read_config(data), "gateway.api_port")
    return f"http://127.0.0.1:{port if isinstance(port, int) else _API_PORT}"


def token(data: Path) -> str:
    """The gateway's own token; 0.2.0 has none."""
    try:
        lines = (data / ".env").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    found = (line.removeprefix(_TOKEN).strip() for line in lines if line.startswith(_TOKEN))
    return next((one for one in found if one.isascii() and one.isprintable()), "")


def home(data: Path) -> Path:
    """The home of the gateway's user, with the agents' folders."""
    return data.parent if data.name == ".defenseclaw" else Path.home()


def digest_of(value: Any) -> str:
    """By which it is noticed that something changed since the last report."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _is_time(text: str) -> bool:
    return len(text) <= 40 and text.isascii() and text.isprintable()


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(one for one in path.iterdir() if one.is_dir() and not one.is_symlink())
    except OSError:
        return []


def _is_component(folder: Path) -> bool:
    try:
        return any(not one.is_dir() for one in folder.iterdir())
    except OSError:
        return True


def _read_config(data: Path) -> dict[str, Any]:
    try:
        with (data / "config.yaml").open("rb") as stream:
            return _parsed(stream.read(_MOST_CONFIG + 1)) or {}
    except OSError:
        return {}


def _parsed(raw: bytes) -> dict[str, Any] | None:
    if len(raw) > _MOST_CONFIG:
        return None
    try:
        found = yaml.safe_load(raw)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _setting(content: dict[str, Any], name: str) -> Any:
    value: Any = content
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return _scalar(value)


def _modes(content: dict[str, Any]) -> dict[str, Any]:
    """The mode of each agent that has a separate one."""
    found = (content.get("guardrail") or {}) if isinstance(content.get("guardrail"), dict) else {}
    agents = found.get("connectors")
    if not isinstance(agents, dict):
        return {}
    modes = {
        name: mode
        for name, one in list(agents.items())[:50]
        if _scalar(name) == name
        and isinstance(one, dict)
        and (mode := _scalar(one.get("mode"))) is not None
    }
    return {"modes": modes}


def _scalar(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else None
    if isinstance(value, str) and len(value) <= 100 and value.isascii() and value.isprintable():
        return value
    return None
