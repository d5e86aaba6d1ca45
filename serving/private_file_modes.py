"""Files of a service that only its own user may read.

The embedded database holds sessions, which are bearer values, and personal values; SQLite gives
`-wal` and `-shm` the mode of the database.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def keep_private(folder: Path, *, whole: bool = True) -> int:
    """Make what is in a folder private, and what this process makes from now on.

    Links are not followed, and what belongs to another user stays as it is.

    Args:
        folder: need not exist.
        whole: look into folders inside it too.

    Returns:
        how many modes were changed.
    """
    os.umask(_OTHERS)
    return sum(_take_from_others(path) for path in _paths(folder, whole))


def _paths(folder: Path, whole: bool) -> Iterator[Path]:
    yield folder
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))
        if not whole:
            return


def _take_from_others(path: Path) -> bool:
    with suppress(OSError):  # it is gone, or somebody else's
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & _OTHERS:
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
            return True
    return False
