"""Small files that must survive a crash: written whole or not at all, mode 0600, synced."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from pathlib import Path
from typing import IO, Any, Final

LOCK_WITHIN_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.02


def write_durably(path: Path, content: bytes, *, replace: bool = True) -> bool:
    """Write a file and sync it and its folder; returns False where `replace` is off and it exists.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        if replace:
            draft.replace(path)
        else:
            path.hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def lock(handle: IO[Any]) -> None:
    """Hold an open file alone until it is closed; a blocking flock(2) would wait without end.

    Raises:
        TimeoutError: another process held it for LOCK_WITHIN_S.
    """
    until = time.monotonic() + LOCK_WITHIN_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(
                    f"another process held {handle.name} for {LOCK_WITHIN_S:g} s; try again"
                ) from None
            time.sleep(_LOOK_EVERY_S)


def sync_folder(folder: Path) -> None:
    """Make renames, links and removals inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
