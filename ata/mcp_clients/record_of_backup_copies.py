"""Which copies of clients' files this command made: others may lie in a folder that was cloned."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def remember(copy: Path) -> None:
    """Note the copy, by its place and its content, in `~/.ata/mcp-copies`.

    Raises:
        OSError: it cannot be written.
    """
    record = _record()
    record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(number, "w", encoding="ascii") as lines:
        lines.write(_line(copy) + "\n")


def is_own(copy: Path) -> bool:
    """Whether it was noted, and is as it was then."""
    try:
        return _line(copy) in _record().read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return False


def _line(copy: Path) -> str:
    """A digest of place and content: neither can be read from it."""
    place = os.fsencode(copy.resolve())
    return hashlib.sha256(place + b"\0" + copy.read_bytes()).hexdigest()


def _record() -> Path:
    return Path.home() / ".ata" / "mcp-copies"
