"""A folder read as components: at most a few hundred small files, no link followed out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ata.errors import AtaError, usage_error
from ata.folders.connection_and_scope_guesses import scopes_in
from ata.folders.declared_and_guessed_facts import Component, Fact
from ata.folders.skill_and_mcp_file_parsers import READERS, Unreadable

MOST_BYTES: Final = 1_000_000
MOST_FILES: Final = 400
_SKIPPED: Final = frozenset(
    {".git", "node_modules", ".venv", "venv", "__pycache__", "dist", "build"}
)
_SOURCES: Final = frozenset(
    {".py", ".js", ".mjs", ".ts", ".go", ".rs", ".md", ".sh", ".yaml", ".yml"}
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder holds. `unread` says which files could not be read, and why."""

    components: tuple[Component, ...]
    unread: tuple[str, ...]


def read(folder: Path) -> Reading:
    """The components that a folder declares, or one that its files only suggest.

    Raises:
        AtaError: `usage`, when it is no folder that can be read.
    """
    try:
        root = folder.resolve(strict=True)
        if not root.is_dir():
            raise usage_error(f"{folder} is not a folder.", "Name the folder of a skill or server.")
        found, unread = _components(root)
        guesses = list(_guessed_scopes(root))
    except OSError as error:
        raise AtaError(
            f"{folder} cannot be read: {error.strerror}.", code="unreadable", fix="Check the path."
        ) from None
    if len(found) == 1:
        found = [found[0].plus(guesses)]
    elif guesses:
        unread.append("The folder has several components: scopes in its texts are of none of them.")
    return Reading(tuple(found), tuple(unread))


def _components(root: Path) -> tuple[list[Component], list[str]]:
    found: dict[tuple[str, str], Component] = {}
    unread: list[str] = []
    for name, reader in READERS.items():
        text = _text(root, root / name, unread)
        if text is None:
            continue
        try:
            for one in reader(text, name, root.name):
                _add(found, one)
        except Unreadable as error:
            unread.append(f"{name}: {error}")
    return list(found.values()), unread


def _add(found: dict[tuple[str, str], Component], one: Component) -> None:
    """One component a folder, but for lists of servers: what other files say joins the first."""
    single = not one.source.endswith(("mcp.json", "claude_desktop_config.json"))
    first = next(iter(found.values()), None)
    if single and first is not None:
        found[first.kind, first.name] = first.plus(one.facts, one.notes)
    elif known := found.get((one.kind, one.name)):
        found[one.kind, one.name] = known.plus(one.facts, one.notes)
    else:
        found[one.kind, one.name] = one


def _text(root: Path, path: Path, unread: list[str]) -> str | None:
    if not path.is_file():
        return None
    if not path.resolve().is_relative_to(root):
        unread.append(f"{path.name}: it is a link to somewhere else")
        return None
    if path.stat().st_size > MOST_BYTES:
        unread.append(f"{path.name}: more than {MOST_BYTES:,} bytes")
        return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        unread.append(f"{path.name}: not UTF-8")
        return None


def _guessed_scopes(root: Path) -> Iterator[Fact]:
    seen: set[str] = set()
    for path in _sources(root):
        text = _text(root, path, [])
        for fact in scopes_in(text or "", str(path.relative_to(root))):
            if fact.value not in seen:
                seen.add(fact.value)
                yield fact


def _sources(root: Path) -> Iterator[Path]:
    count = 0
    for parent, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - _SKIPPED)
        for name in sorted(files):
            if Path(name).suffix in _SOURCES:
                count += 1
                if count > MOST_FILES:
                    return
                yield Path(parent) / name
