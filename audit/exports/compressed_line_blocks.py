"""Events as lines of a file, a block at a time, packed so that reading them costs next to nothing.

What an event says never changes once it has its place in the log, except by erasure and by its
levels. The log level rises for all events at once, so it is left out of the packed lines and put
in when they are read.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Final

import zstandard

from audit.exports.formats import FORMATS, shown
from audit.ledger.format.table_cells import Event

# Bytes that occur in no UTF-8 text (RFC 3629 §1).
_LEVEL: Final = b"\xff"
_BETWEEN: Final = b"\xfe"


def pack(events: Sequence[Event], formats: Iterable[str]) -> dict[str, bytes]:
    """The lines of public events in each format, compressed, without their log levels.

    Raises:
        ValueError: a line does not name the level exactly once.
    """
    gap = secrets.token_hex(12)  # nobody can write it into an event
    ready = [shown({**event, "log": gap}) for event in events]
    return {format: _pack(ready, format, gap.encode()) for format in formats}


def _pack(events: Sequence[Event], format: str, gap: bytes) -> bytes:
    line = FORMATS[format].line
    lines = [line(event) for event in events]
    if any(line.count(gap) != 1 for line in lines):
        raise ValueError(f"a line of format {format} does not name the log level once")
    return zstandard.ZstdCompressor(level=1).compress(_BETWEEN.join(lines).replace(gap, _LEVEL))


def unpack(body: bytes) -> bytes:
    """What `Lines` are made of.

    Raises:
        zstandard.ZstdError: it was not packed here.
    """
    return zstandard.ZstdDecompressor().decompress(body)


class Lines:
    """The lines of one block, by place."""

    __slots__ = ("_body", "_lines")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._lines: list[bytes] | None = None

    def all(self, level: str, *, backwards: bool) -> bytes:
        """Every line; all of them have the log level `level`."""
        if not backwards:
            return self._body.replace(_BETWEEN, b"").replace(_LEVEL, level.encode())
        return b"".join(reversed(self._split())).replace(_LEVEL, level.encode())

    def some(self, places: Iterable[int], level: str) -> bytes:
        """The lines at these places in their order; all of them have the log level `level`."""
        lines = self._split()
        return b"".join([lines[place] for place in places]).replace(_LEVEL, level.encode())

    def _split(self) -> list[bytes]:
        if self._lines is None:
            self._lines = self._body.split(_BETWEEN)
        return self._lines
