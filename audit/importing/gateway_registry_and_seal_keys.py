"""Finding the key that a DefenseClaw instance seals its rows with."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from audit.importing.defenseclaw_seals import Key
from audit.importing.source_database import ImportRefused

KEY_FILE: Final = "redaction-correlation.key"


def find(database: Path, instance: str, given: Path | None = None) -> Key | None:
    """The key that was named, else the instance's `hmac_key_file`, else the one next to the file.

    Raises:
        ImportRefused: a key file was named or found that cannot be used.
    """
    path = given or _registered(instance) or _key_next_to(database)
    if path is None:
        return None
    try:
        return Key.of(path.read_bytes())
    except OSError as error:
        raise ImportRefused(f"The key file {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ImportRefused(f"{path} is no DefenseClaw key: {error}.") from None


def _key_next_to(database: Path) -> Path | None:
    path = database.resolve().with_name(KEY_FILE)
    return path if path.is_file() else None


def registries() -> tuple[Path, ...]:
    """The files that name the DefenseClaw instances, the configured one first.

    That of the DEMO gateways counts where no other is configured, or where `DEMO=1` asks for them.
    """
    configured: Path | None = settings.ENV.DEFENSECLAW_INSTANCES_FILE
    embedded = demo_registry()
    if configured is None:
        return () if embedded is None else (embedded,)
    if embedded is None or not settings.ENV.DEMO:
        return (configured,)
    return (configured, embedded)


def demo_registry() -> Path | None:
    """The file that `make up` writes for its DEMO gateways; None in production or without one."""
    embedded: Path = settings.VAR_DIR / "demo" / "instances.toml"
    return None if settings.PRODUCTION or not embedded.exists() else embedded


def registered() -> frozenset[str]:
    """Names of the gateways in those files, as far as they can be read."""
    blocks = (block for configured in registries() for block in _blocks(configured))
    return frozenset(str(block.get("name", "")) for block in blocks)


def _registered(instance: str) -> Path | None:
    return _first_file(instance, "hmac_key_file")


def database_of(instance: str) -> Path | None:
    """The audit database that a registered gateway has on this host; None without one."""
    return _first_file(instance, "audit_db")


def _first_file(instance: str, key: str) -> Path | None:
    for configured in registries():
        if (found := _file_in(configured, instance, key)) is not None:
            return found
    return None


def _file_in(configured: Path, instance: str, key: str) -> Path | None:
    for block in _blocks(configured):
        if block.get("name") == instance:
            named = block.get(key)
            path = configured.parent / named if isinstance(named, str) else None
            return path if path is not None and path.is_file() else None
    return None


def _blocks(configured: Path) -> list[dict[str, Any]]:
    try:
        blocks = tomllib.loads(configured.read_text()).get("instance", [])
    except (OSError, ValueError):
        return []  # the app that uses the gateways reports a broken file
    return [b for b in blocks if isinstance(b, dict)] if isinstance(blocks, list) else []
