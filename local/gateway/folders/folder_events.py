"""Names that appear in a folder: by inotify on Linux, by comparison elsewhere."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_CREATED: Final = 0x100
_MOVED_HERE: Final = 0x80
_HEADER: Final = struct.Struct("iIII")
_CHUNK: Final = 64 * 1024
_COMPARISON_S: Final = 0.1


def watch(folders: Sequence[Path], pause_s: float) -> Iterator[list[Path]]:
    """Yield lists of paths that were created in or moved into `folders`, endlessly.

    An empty list comes after each `pause_s` without events. A folder that is renamed away and
    back appears again; a file written inside one does not.
    """
    if sys.platform == "linux":
        yield from _by_inotify(folders, pause_s)
    else:
        yield from _by_comparison(folders)


def _by_inotify(folders: Sequence[Path], pause_s: float) -> Iterator[list[Path]]:
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.inotify_init()
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify_init")
    watched = {
        library.inotify_add_watch(descriptor, os.fsencode(folder), _CREATED | _MOVED_HERE): folder
        for folder in folders
    }
    try:
        while True:
            ready, _, _ = select.select([descriptor], [], [], pause_s)
            yield list(_events(os.read(descriptor, _CHUNK), watched)) if ready else []
    finally:
        os.close(descriptor)


def _events(data: bytes, watched: dict[int, Path]) -> Iterator[Path]:
    position = 0
    while position < len(data):
        number, _, _, length = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        name = data[position : position + length].rstrip(b"\0")
        position += length
        if number in watched and name:
            yield watched[number] / os.fsdecode(name)


def _by_comparison(folders: Sequence[Path]) -> Iterator[list[Path]]:
    known = _listing(folders)
    while True:
        time.sleep(_COMPARISON_S)
        now = _listing(folders)
        yield [path for path, identity in now.items() if known.get(path) != identity]
        known = now


def _listing(folders: Sequence[Path]) -> dict[Path, tuple[int, float]]:
    """Return each entry with what changes when it is replaced or renamed, but not when edited."""
    found: dict[Path, tuple[int, float]] = {}
    for folder in folders:
        for path in folder.iterdir():
            status = path.lstat()
            renamed = status.st_ctime if status.st_ctime != status.st_mtime else 0.0
            found[path] = (status.st_ino, renamed)
    return found
