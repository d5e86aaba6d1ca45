"""A secret in a file that may change while we run (`NAME_FILE`, DESIGN 2.2).

To rotate a client secret at the provider, write the new one into the file; the next use reads
it. The one before is let go of, so that memory holds one value and no history.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_MOST_BYTES: Final = 64_000
type _Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Read:
    stamp: _Stamp
    text: str = field(repr=False)


class SecretFile:
    """The text of `path` without surrounding white space. Thread-safe; never prints what it holds.

    Raises:
        OSError, UnicodeDecodeError: at the start, the file cannot be read. Later the last value
            that could be read stays in force, and the log says so once.
    """

    def __init__(self, name: str, path: Path) -> None:
        self._name, self._path = name, path
        self._lock = threading.Lock()
        self._trouble = ""
        self._held = self._read()

    def __repr__(self) -> str:
        return f"SecretFile({self._name})"

    def value(self) -> str:
        """What the file holds now: it is looked at each time, and read when it changed."""
        try:
            changed = _stamp(self._path.stat()) != self._held.stamp
        except OSError:
            changed = True
        return self._again() if changed else self._held.text

    def newer(self, refused: str) -> str | None:
        """Another value than the one that was refused, if the file holds one by now.

        A file may change without a trace in its times or size; a refusal is reason to read it.
        """
        text = self._again()
        return None if text == refused else text

    def _again(self) -> str:
        with self._lock:
            try:
                found = self._read()
                trouble = "" if found.text else "it is empty"
            except OSError as error:
                trouble = error.strerror or "it cannot be read"
            except UnicodeDecodeError:
                trouble = "it is not UTF-8"
            if trouble:
                if trouble != self._trouble:
                    log.warning("secret.kept name=%s reason=%s", self._name, trouble)
            else:
                if found.text != self._held.text:
                    log.info("secret.changed name=%s", self._name)
                self._held = found
            self._trouble = trouble
            return self._held.text

    def _read(self) -> _Read:
        with self._path.open("rb") as opened:
            stamp = _stamp(os.fstat(opened.fileno()))
            return _Read(stamp, opened.read(_MOST_BYTES).decode().strip())


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
