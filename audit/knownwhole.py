"""What was verified of the whole up to a size: the index of words, and the counts.

Both can be compared with all rows only, and grow with each event. What they held of the first
events is sealed together with the rows it was compared with: while those are the same, so must that
be, and only what came after is compared. As with `audit.known`, only speed hangs on this file.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from audit import clock, known, logkey
from audit.files import write_durably

_LABEL: Final = b"ata.verified.whole.v2"
_RECORD: Final = struct.Struct(">QQ32s32s32s32s")
_NOTHING: Final = bytes(32)  # digest of what was not compared


@dataclass(frozen=True, slots=True)
class Whole:
    """What held of the first `size` events; `size` is a multiple of `known.SPAN`.

    Attributes:
        rows: of a `Chain` over all stretches.
        words: digest of the index's postings (`indexcheck.held`); empty where it has none.
        counts: digest of the counts without what came later (`recount.digests`).
        index: seal of the index as it was (`indexbytes.seal`); empty where it held later events.
    """

    size: int
    rows: bytes
    words: bytes
    counts: bytes
    index: bytes = b""


class Chain:
    """Digests of stretches (`rawread.Stretch`), one after the other from the first on."""

    def __init__(self, known: Whole | None) -> None:
        self._known = known
        self._digest = hashlib.sha256()
        self._good = True
        self._there = 0
        self.met = False

    def take(self, digests: Sequence[bytes]) -> None:
        """Add those that follow; an empty one is of a stretch that does not hold."""
        for digest in digests:
            self._good = self._good and bool(digest)
            self._digest.update(digest)
            self._there += known.SPAN
            if self._known and self._there == self._known.size:
                self.met = self._good and self._digest.digest() == self._known.rows

    def upto(self, size: int) -> bytes:
        """Of the first `size` events; empty unless all of them, and no others, hold."""
        return self._digest.digest() if self._good and self._there == size else b""


def recall(since: int) -> Whole | None:
    """What is known of the whole, if it was verified at `since` (seconds since 1970) or later."""
    if not (key := known.key()):
        return None
    try:
        record = (logkey.folder() / "verified-whole").read_bytes()
    except OSError:
        return None
    said, seal = record[: _RECORD.size], record[_RECORD.size :]
    if len(said) < _RECORD.size or not hmac.compare_digest(seal, _seal(key, said)):
        return None
    at, size, rows, words, counts, index = _RECORD.unpack(said)
    if at < since:
        return None
    words, index = (b"" if found == _NOTHING else found for found in (words, index))
    return Whole(size, rows, words, counts, index)


def remember(whole: Whole) -> None:
    """Note what held just now."""
    if not (key := known.key()):
        return
    at = int(clock.now().timestamp())
    words, index = whole.words or _NOTHING, whole.index or _NOTHING
    said = _RECORD.pack(at, whole.size, whole.rows, words, whole.counts, index)
    try:
        write_durably(logkey.folder() / "verified-whole", said + _seal(key, said))
    except OSError:
        return  # a full or read-only disk costs speed, nothing else


def _seal(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, _LABEL + known.code() + said, "sha256")
