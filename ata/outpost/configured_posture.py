"""What a gateway's configuration and its agents' hooks are, beyond single settings.

Destinations are named with kind and host, never with a path, a query or a token: those of webhooks
are secrets. Of hook scripts a digest is reported, of an agent's own settings only whether they call
them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

_MOST: Final = 50
_MOST_BYTES: Final = 2**20
_ADDRESSES: Final = ("endpoint", "url", "hec_endpoint", "listen")
_SCANNERS: Final = ("skill_scanner", "mcp_scanner")


def posture(content: dict[str, Any], data: Path) -> dict[str, Any]:
    """Destinations, scanners and hooks; what cannot be read is left out."""
    found: dict[str, Any] = {
        "destinations": sorted(
            _destinations(content), key=lambda one: (one["family"], one["name"])
        )[:_MOST],
        "scanners": _scanners(content, data),
    }
    hooks = _hooks(data)
    return found if hooks is None else found | {"hooks": hooks}


def _destinations(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Of all generations: `splunk` and `otel` (0.2.0), `audit_sinks`, `otel.destinations` and
    `webhooks` (0.8.4), `observability.destinations` (HEAD)."""
    splunk, otel = _mapping(content, "splunk"), _mapping(content, "otel")
    if splunk:
        yield _destination("destination", splunk, "splunk", "splunk_hec", default=False)
    if _text(otel.get("endpoint")):
        yield _destination("otel", otel, "otel", "otlp", default=False)
    for one in _listed(content.get("audit_sinks")):
        yield _destination("destination", one, default=False)
    for one in _listed(otel.get("destinations")):
        made = _destination("otel", one, kind="otlp", default=False)
        yield made | {"enabled": made["enabled"] and otel.get("enabled") is True}
    for one in _listed(content.get("webhooks")):
        name = _text(one.get("name")) or _text(one.get("type")) or "webhook"
        yield _destination("webhook", one, name, _text(one.get("type")), default=False)
    observability = _mapping(content, "observability")
    for one in _listed(observability.get("destinations")):
        yield _destination("destination", one, default=True)


def _destination(
    family: str, one: dict[str, Any], name: str = "", kind: str = "", *, default: bool
) -> dict[str, Any]:
    kind = kind or _text(one.get("kind"))
    inner = one | _mapping(one, kind)
    address = next((text for key in _ADDRESSES if (text := inner.get(key))), "")
    enabled = one.get("enabled", default)
    return {
        "family": family,
        "name": name or _text(one.get("name")) or "unnamed",
        "kind": kind,
        "host": _host(address),
        "enabled": enabled is True,
    }


def _host(address: Any) -> str:
    """`siem.example:8088` of an address; without anything that may be secret."""
    if not isinstance(address, str):
        return ""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return _text(f"{host}:{port}" if port else host)


def _scanners(content: dict[str, Any], data: Path) -> dict[str, bool]:
    """Whether each scanner's program is found by the name in the configuration: next to the
    command line of DefenseClaw or on the PATH of this outpost."""
    scanners = _mapping(content, "scanners")
    folders = [os.environ.get("PATH", os.defpath), str(data / ".venv/bin"), str(data / "bin")]
    cli = shutil.which("defenseclaw")
    if cli:
        its_folder = Path(cli).resolve().parent
        folders += [str(its_folder), str(its_folder / "venv/bin")]
    path = os.pathsep.join(folders)
    return {
        name.replace("_", "-"): shutil.which(
            _text(_mapping(scanners, name).get("binary")) or name.replace("_", "-"), path=path
        )
        is not None
        for name in _SCANNERS
    }


def _hooks(data: Path) -> dict[str, Any] | None:
    """Per agent: whether its settings call the hook scripts, and a digest of those scripts."""
    try:
        lock = json.loads(_bounded(data / "hook_contract_lock.json"))
    except (OSError, ValueError, RecursionError):
        return None
    agents = lock.get("connectors") if isinstance(lock, dict) else None
    if not isinstance(agents, dict):
        return None
    return {
        name: _hook(one)
        for name, one in list(agents.items())[:_MOST]
        if _text(name) == name and isinstance(one, dict)
    }


def _hook(one: dict[str, Any]) -> dict[str, Any]:
    locations = _mapping(one, "locations")
    scripts = sorted(_paths(locations.get("hook_script_paths")))
    settings = _paths(locations.get("hook_config_paths"))
    digests = one.get("hook_script_digests")
    names = set(digests) if isinstance(digests, dict) else set()
    called = [str(path) for path in scripts if path.name in names] or [str(p) for p in scripts]
    found = {
        "installed": any(_calls(path, called) for path in settings),
        "scripts": _digest(scripts),
    }
    fails = _text(one.get("hook_fail_mode"))
    return found | {"fail_mode": fails} if fails else found


def _calls(settings: Path, scripts: list[str]) -> bool:
    try:
        text = _bounded(settings).decode("utf-8", "replace")
    except OSError:
        return False
    return any(script in text for script in scripts)


def _digest(scripts: list[Path]) -> str:
    """Over names and contents; a script that is gone counts as such."""
    lines = []
    for path in scripts:
        try:
            content = hashlib.sha256(_bounded(path)).hexdigest()
        except OSError:
            content = "absent"
        lines.append(f"{path.name} {content}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _bounded(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_MOST_BYTES)


def _paths(listed: Any) -> list[Path]:
    found = listed if isinstance(listed, list) else []
    return [Path(one) for one in found[:_MOST] if isinstance(one, str) and "\0" not in one]


def _listed(value: Any) -> list[dict[str, Any]]:
    return [one for one in (value if isinstance(value, list) else []) if isinstance(one, dict)]


def _mapping(content: dict[str, Any], name: str) -> dict[str, Any]:
    found = content.get(name) if name else None
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    """A short line of plain characters; anything else is not sent."""
    plain = isinstance(value, str) and len(value) <= 100 and value.isascii() and value.isprintable()
    return value if plain else ""
