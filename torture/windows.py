"""Critical windows from outside: wake up at the moment a file changes (inotify(7))."""

from __future__ import annotations

import ctypes
import os
import select
from pathlib import Path

_MODIFY, _CREATE, _MOVED_TO, _CLOSE_WRITE = 0x2, 0x100, 0x80, 0x8
_WANTED = _MODIFY | _CREATE | _MOVED_TO | _CLOSE_WRITE


def wait_for_write(places: list[Path], seconds: float) -> bool:
    """Until something is written to one of these files or into one of these folders."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0:
        return False
    try:
        for place in places:
            libc.inotify_add_watch(descriptor, os.fsencode(place), _WANTED)
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return bool(ready)
    finally:
        os.close(descriptor)


def places(var_dir: Path, name: str) -> list[Path]:
    """The files and folders of a window: ledger, evidence, exports or database."""
    match name:
        case "ledger":  # between the last-signed state and its checkpoint
            return [var_dir / "ledger"]
        case "evidence":  # between a body and the commit that names it
            root = var_dir / "evidence"
            return [root, *root.glob("*")] if root.exists() else []
        case "exports":
            return [var_dir / "exports"]
        case _:  # in the middle of writing a transaction
            return [var_dir / "portal.sqlite3-wal"]
