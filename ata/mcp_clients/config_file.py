"""One server in a client's file: read, put in or taken out, with a copy of what was there.

What is written is read again before it takes the file's place: it has to have this server as meant
and everything else as before, or nothing is written.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ata.clock import now
from ata.errors import AtaError
from ata.mcp_clients import record_of_backup_copies
from ata.mcp_clients.clients import is_run_by_ata
from ata.mcp_clients.toml_table import replaced_table

_INDENT: Final = re.compile(r"^([ \t]+)\S", re.MULTILINE)
_BACKUP: Final = ".ata-backup-"


class ConfigFile:
    """The file of a client at `path`, whose servers are under `key`; it need not exist."""

    def __init__(self, path: Path, key: str) -> None:
        self.path, self._key = path, key
        self._text = _read(path)
        self._value = self._parsed(self._text)

    def server(self, name: str) -> dict[str, object] | None:
        """The entry of that name."""
        found = self._servers(self._value).get(name)
        return dict(found) if isinstance(found, dict) else None

    def put(self, name: str, entry: Mapping[str, object]) -> Path | None:
        """Write the entry; where the file was is the copy of before. None where it is so already.

        Raises:
            AtaError: `config_unreadable`, `cannot_write`.
        """
        return self._changed(name, entry)

    def undo(self, name: str) -> Path | None:
        """Give the entry back what it was before `ata` ran it, or take it out where it was none.

        None where `ata` does not run it.

        Raises:
            AtaError: `config_unreadable`, `cannot_write`.
        """
        now_there = self.server(name)
        if now_there is None or not is_run_by_ata(now_there):
            return None
        copies = self.backups()
        own = [copy for copy in copies if record_of_backup_copies.is_own(copy)]
        for copy in reversed(own):
            before = ConfigFile(copy, self._key).server(name)
            if before is None or not is_run_by_ata(before):
                return self._changed(name, before)
        if len(own) < len(copies):
            raise self._unreadable("its copies were not made here, or were changed since")
        return self._changed(name, None)

    def backups(self) -> list[Path]:
        """The copies, the oldest first."""
        return sorted(self.path.parent.glob(f"{glob.escape(self.path.name)}{_BACKUP}*"))

    def text_of(self, name: str, entry: Mapping[str, object]) -> str:
        """The entry as it would stand in a file without others."""
        return entry_text(self.path, self._key, name, entry)

    def rendered(self, name: str, entry: Mapping[str, object] | None) -> str:
        """The whole file with the entry, or without it.

        Raises:
            AtaError: `config_unreadable`, where it cannot be changed without touching the rest.
        """
        if self.path.suffix == ".toml":
            text = replaced_table(self._text, f"{self._key}", name, entry)
        else:
            value = dict(self._value)
            servers = {**self._servers(value)}
            if entry is None:
                servers.pop(name, None)
            else:
                servers[name] = dict(entry)
            value[self._key] = servers
            indent = found[1] if (found := _INDENT.search(self._text)) else "  "
            text = json.dumps(value, indent=indent, ensure_ascii=False) + "\n"
        self._check(text, name, entry)
        return text

    def _changed(self, name: str, entry: Mapping[str, object] | None) -> Path | None:
        if self.server(name) == (dict(entry) if entry is not None else None):
            return None
        self._take_changes_of_others(name)
        text = self.rendered(name, entry)
        stamp = datetime.fromtimestamp(now(), UTC).strftime("%Y%m%dT%H%M%S%f")
        copy = self.path.with_name(f"{self.path.name}{_BACKUP}{stamp}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                shutil.copy2(self.path, copy)
                record_of_backup_copies.remember(copy)
            _replace(self.path, text)
        except OSError as error:
            raise AtaError(
                f"{self.path} was not written: {error.strerror}.",
                code="cannot_write",
                fix="Leave out --write, and put the entry in yourself.",
            ) from error
        self._text, self._value = text, self._parsed(text)
        return copy if copy.exists() else self.path

    def _take_changes_of_others(self, name: str) -> None:
        """Read again what the client may have written since, which is not to be lost.

        Raises:
            AtaError: `config_unreadable`, where this server was changed.
        """
        latest = ConfigFile(self.path, self._key)
        if latest.server(name) != self.server(name):
            raise self._unreadable(f"{name} was changed meanwhile")
        self._text, self._value = latest._text, latest._value

    def _check(self, text: str, name: str, entry: Mapping[str, object] | None) -> None:
        """Everything but this server has to be as before, and UTF-8 (half a surrogate is not)."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise self._unreadable(error.reason) from None
        after = self._parsed(text)
        servers = self._servers(after)
        wanted = dict(self._servers(self._value))
        wanted.pop(name, None)
        if entry is not None:
            wanted[name] = dict(entry)
        rest = {key: value for key, value in after.items() if key != self._key}
        before = {key: value for key, value in self._value.items() if key != self._key}
        if servers != wanted or rest != before:
            raise self._unreadable("it is written in a way that cannot be changed safely")

    def _parsed(self, text: str) -> dict[str, object]:
        if not text.strip():
            return {}
        try:
            is_toml = self.path.name.count(".toml")
            value = tomllib.loads(text) if is_toml else json.loads(text, object_pairs_hook=_members)
        except ValueError as error:
            raise self._unreadable(str(error)) from None
        except RecursionError:
            raise self._unreadable("it is nested too deeply") from None
        if not isinstance(value, dict):
            raise self._unreadable("it is no object")
        self._servers(value)
        return value

    def _servers(self, value: Mapping[str, object]) -> dict[str, object]:
        servers = value.get(self._key, {})
        if not isinstance(servers, dict):
            raise self._unreadable(f"{self._key} is no object")
        return servers

    def _unreadable(self, why: str) -> AtaError:
        return AtaError(
            f"{self.path} was not changed: {why}.",
            code="config_unreadable",
            fix="Leave out --write, and put the entry in yourself.",
        )


def entry_text(path: Path, key: str, name: str, entry: Mapping[str, object]) -> str:
    """The entry as a file at `path` has it that has no other; nothing is read."""
    empty = object.__new__(ConfigFile)
    empty.path, empty._key, empty._text, empty._value = path, key, "", {}
    return empty.rendered(name, entry)


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON, each member of which is there once: the others would be lost."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has a member twice")
    return members


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "") or "it is not UTF-8"
        raise AtaError(f"{path} cannot be read: {why}.", code="config_unreadable") from error


def _replace(path: Path, text: str) -> None:
    """Write next to the file and rename; a link stays a link, and the mode is kept."""
    target = path.resolve()
    number, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        if target.exists():
            shutil.copymode(target, temporary)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
