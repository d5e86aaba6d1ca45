"""The entries of a followed log, read bundle by bundle and held to the leaf hashes of the tree."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ata.errors import AtaError
from ata.log.durable_files import write_durably
from audit.ledger import merkle
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError
from audit.ledger.merkle import HASH_SIZE
from audit.ledger.tiles import MAX_ENTRY_BYTES, WIDTH, entries_path, read_bundle, tile_width

MOST_BYTES: Final = WIDTH * (MAX_ENTRY_BYTES + 2)
AT_ONE_LOOK: Final = 32
"""Bundles read before others get their turn: a witness answers between two looks."""


class EntryLies(Exception):
    """An entry is not the one that was signed, or none at all.

    Attributes:
        index: of the entry; None where it is about a whole bundle.
    """

    def __init__(self, message: str, index: int | None) -> None:
        super().__init__(message)
        self.index = index


class Bundles:
    """How many entries were read, kept in `folder`; survives being killed at any time.

    Args:
        folder: of the witness.
        fetch: the bytes at a path below the log's address (C2SP tlog-tiles).

    Raises:
        AtaError: `damaged`, when what was kept cannot be read.
    """

    def __init__(self, folder: Path, fetch: Callable[[str], bytes]) -> None:
        self._fetch = fetch
        self._file = folder / "followed.entries"
        self._again = 0
        self.count = self._kept()

    def read(self, leaves: bytes | bytearray, size: int) -> None:
        """Read on, at most `AT_ONE_LOOK` bundles; with nothing new, one of before.

        Args:
            leaves: leaf hashes of the tree, 32 bytes each, computed to the root that was signed.
            size: entries in it.

        Raises:
            EntryLies: an entry has another hash than its leaf, or is no `ata.event.v1`.
            AtaError: the entries cannot be had.
        """
        if self.count > size:  # the hashes were deleted and fetched anew
            self.count = 0
        if self.count == size:
            self._read_again(leaves, size)
        for _ in range(AT_ONE_LOOK):
            if self.count >= size:
                return
            n = self.count // WIDTH
            self._check(n, tile_width(0, n, size), leaves, self.count)
            self.count = min(size, (n + 1) * WIDTH)
            write_durably(self._file, json.dumps({"entries": self.count}))

    def _read_again(self, leaves: bytes | bytearray, size: int) -> None:
        whole = size // WIDTH  # of a partial one the newest part was read a moment ago
        if whole:
            self._check(self._again % whole, WIDTH, leaves, 0)
            self._again += 1

    def _check(self, n: int, width: int, leaves: bytes | bytearray, form_from: int) -> None:
        try:
            found = read_bundle(self._fetch(entries_path(n, width)))
        except ValueError as error:
            raise EntryLies(f"Entry bundle {n} cannot be read: {error}.", None) from error
        if len(found) != width:
            raise EntryLies(f"Entry bundle {n} has {len(found)} entries, not {width}.", None)
        for index, body in enumerate(found, n * WIDTH):
            if merkle.leaf_hash(body) != leaves[index * HASH_SIZE : (index + 1) * HASH_SIZE]:
                raise EntryLies(f"Entry {index} is not the one whose hash was signed.", index)
            if index >= form_from:
                _check_form(index, body)

    def _kept(self) -> int:
        try:
            kept = json.loads(self._file.read_text())["entries"]
        except FileNotFoundError:
            return 0
        except (ValueError, TypeError, KeyError):
            kept = None
        if not isinstance(kept, int) or kept < 0:
            raise AtaError(
                f"{self._file} was damaged.",
                code="damaged",
                fix="Delete it: the entries are read again from the first.",
            )
        return kept


def _check_form(index: int, body: bytes) -> None:
    try:
        entries.parse(body)
    except EntryError as error:
        raise EntryLies(f"Entry {index} is none of {entries.SCHEMA}: {error}.", index) from error
