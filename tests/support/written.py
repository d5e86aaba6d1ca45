"""What a running program wrote, read whole while it goes on writing."""

from __future__ import annotations

from pathlib import Path


def written(folder: Path, pattern: str = "*") -> dict[Path, bytes]:
    """The files below a folder with what is in them.

    A journal that goes while it is read went into a file that was read before: then all are read
    anew.
    """
    while True:
        try:
            return {path: path.read_bytes() for path in folder.rglob(pattern) if path.is_file()}
        except FileNotFoundError:
            continue
