"""Follows a growing log: each leaf hash is fetched once and kept; each root is computed again.

What was seen is never fetched again to be believed: it is fetched again, tile by tile, to be
compared. So a leaf that changes later is named with its index, whatever was signed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ata.errors import AtaError
from ata.log.durable_files import append_durably, write_durably
from ata.log.entry_bundle_check import Bundles, EntryLies
from ata.log.renamed_log_continuity_check import contradiction, describe_move, kept_of, lay_aside
from ata.portal.http_connection import answering, check_url, open_client
from audit.ledger import checkpoint as checkpoints
from audit.ledger import merkle
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.key_transitions import log_renames
from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.merkle import EMPTY_ROOT, HASH_SIZE, fold
from audit.ledger.note import NoteError, VerifierKey
from audit.ledger.tiles import TILE_BYTES, WIDTH, tile_path, tile_width

if TYPE_CHECKING:
    import httpx

_MOST_BYTES: Final = 64 * 1024
_LEVELS: Final = 2  # tiles of higher levels begin at 16 million entries


class LogLies(Exception):
    """What the log shows is not what it showed, or not what it signed.

    Attributes:
        index: the entry where that shows; None where it is about the whole.
    """

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class NotSeenYet(Exception):
    """The log has signed a tree whose tiles could not be fetched yet."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look came to.

    Attributes:
        size: leaf hashes whose root was computed so far.
        new: how many of them are new.
        read: entries that were read and have these hashes; None where only hashes are followed.
    """

    size: int
    new: int
    read: int | None = None

    @property
    def behind(self) -> bool:
        """Whether entries are left to be read."""
        return self.read is not None and self.read < self.size


class Following:
    """The leaf hashes of one log, kept in `folder`; survives being killed at any time.

    Args:
        url: where the log is served (C2SP tlog-tiles), such as `https://portal/log`.
        folder: of the witness.
        keys: log keys that are trusted.
        fetch_entries: the bytes of an entry bundle, for who may read entries; with it a tree
            counts as seen once its entries were read too.
        moves: changes of the log's name that the operator has taken note of.

    Raises:
        AtaError: the address cannot be used.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        keys: Sequence[VerifierKey],
        fetch_entries: Callable[[str], bytes] | None = None,
        moves: Sequence[Move] = (),
    ) -> None:
        self._url = check_url(url, "The log").rstrip("/")
        self._keys, self._moves = tuple(keys), tuple(moves)
        self._folder = folder
        self._lock = threading.RLock()
        self._client = open_client(self._url)
        self._turn = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._leaves, self._root = bytearray(), EMPTY_ROOT
        self.origin = ""
        self._load()
        self._bundles = Bundles(folder, fetch_entries) if fetch_entries else None

    @property
    def size(self) -> int:
        """Entries whose leaf hashes were fetched and whose root was computed."""
        return len(self._leaves) // HASH_SIZE

    @property
    def alarm(self) -> LogLies | None:
        """The lie that was found, also by an earlier process; a person deletes its file."""
        try:
            alarm = json.loads(self._alarm_file.read_text())
        except FileNotFoundError:
            return None
        return LogLies(f"{alarm['message']}", alarm["index"])

    @property
    def _alarm_file(self) -> Path:
        return self._folder / "alarm.json"

    def look(self) -> Seen:
        """Fetch what is new, compute its root, and compare a tile that was seen before.

        With entries, reads on in them; a long log takes several looks.

        Raises:
            LogLies: it is kept as the alarm, and raised again at every look.
            AtaError: nobody answers, or the answer is not signed by a trusted key.
        """
        with self._lock:
            if (kept := self.alarm) is not None:
                raise kept
            try:
                before = self.size
                head, signed = self._head()
                self._grow(head, signed)
                self._compare_again()
                self._read_entries()
            except LogLies as lie:
                self._keep_alarm(lie)
                raise
            read = self._bundles.count if self._bundles else None
            return Seen(self.size, self.size - before, read)

    def confirm(self, head: Checkpoint) -> None:
        """Whether a checkpoint is the tree that was computed here.

        Raises:
            LogLies: it is another, or a lie was found before.
            NotSeenYet: its entries could not be fetched yet.
        """
        with self._lock:
            goes_on = self._goes_on_as(head.origin)
            if head.size > self.size or self._unread(head.size) or goes_on:
                try:
                    self.look()
                except AtaError as error:
                    raise NotSeenYet(f"The log cannot be read: {error.message}") from error
            if (kept := self.alarm) is not None:
                raise kept
            if self._goes_on_as(head.origin):
                raise NotSeenYet(f"The log is still served as {self.origin}.")
            if self.origin and head.origin != self.origin:
                return  # of a log that is witnessed without being followed
            if head.size > self.size:
                raise NotSeenYet(f"{self.size} of {head.size} entries are computed here.")
            if self._unread(head.size) and self._bundles:
                raise NotSeenYet(f"{self._bundles.count} of {head.size} entries are read here.")
            if self.root_at(head.size) != head.root:
                lie = LogLies(f"The first {head.size} entries have another root than it signed.")
                self._keep_alarm(lie)
                raise lie

    def root_at(self, size: int) -> bytes:
        """The root of the first so many entries, computed from what is kept."""
        if size == self.size:
            return self._root
        return merkle.root(self._hashes(0, size))

    def _unread(self, size: int) -> bool:
        return self._bundles is not None and self._bundles.count < size

    def _read_entries(self) -> None:
        if self._bundles is None:
            return
        try:
            self._bundles.read(self._leaves, self.size)
        except EntryLies as lie:
            raise LogLies(str(lie), lie.index) from lie

    def _load(self) -> None:
        try:
            signed = (self._folder / "followed.note").read_text()
            head = checkpoints.verify(signed, self._keys)
        except FileNotFoundError:
            return
        except NoteError as error:
            raise AtaError(
                f"What this witness followed before is not a log it trusts now: {error}.",
                code="other_log",
                fix="Name the key of that log, or another folder with --folder.",
            ) from error
        kept = (self._folder / "followed.leaves").read_bytes()[: head.size * HASH_SIZE]
        self._leaves, self.origin = bytearray(kept), head.origin
        self._root = merkle.root(self._hashes(0, self.size))
        if (self.size, self._root) != (head.size, head.root):
            raise AtaError(
                f"{self._folder / 'followed.leaves'} was damaged.",
                code="damaged",
                fix="Delete followed.leaves, followed.note and followed.entries: the log is "
                "fetched again, and its root must be the one last cosigned.",
            )

    def _hashes(self, first: int, end: int) -> list[bytes]:
        at = range(first * HASH_SIZE, end * HASH_SIZE, HASH_SIZE)
        return [bytes(self._leaves[one : one + HASH_SIZE]) for one in at]

    def _head(self) -> tuple[Checkpoint, str]:
        signed = self._get("checkpoint")
        try:
            head = checkpoints.verify(signed, self._keys)
        except NoteError as error:
            if moved := describe_move(lambda: self._get("keys"), self._keys, signed):
                raise AtaError(
                    f"{moved} It is not followed under that name.",
                    code="other_name",
                    fix=f"Once you know why, give what {self._url}/keys serves by --key-history.",
                ) from error
            raise AtaError(
                f"{self._url}/checkpoint is not signed by a log that is trusted here: {error}.",
                code="not_signed",
                fix="Compare the keys at /log/key with those given by --vkey or --policy.",
            ) from error
        if self.origin not in ("", head.origin):
            self._go_on_as(head.origin)
        return head, signed.decode()

    def _goes_on_as(self, name: str) -> bool:
        """Whether the followed log goes on under this name."""
        here = self.origin
        return bool(here and name != here and log_renames.path(self._moves, name, here))

    def _go_on_as(self, name: str) -> None:
        """Follow the log under its next name, with what goes on of that which was seen."""
        way = log_renames.path(self._moves, name, self.origin)
        if not way:
            raise AtaError(
                f"{self._url} serves {name}, not {self.origin}.",
                code="other_log",
                fix="Name the address of the log that was followed before.",
            )
        size = self.size
        for move in way:
            if against := contradiction(move, size, self.root_at):
                raise LogLies(against)
            size = kept_of(move, size)
        lay_aside(self._folder, self.origin)
        self._root = self.root_at(size)
        del self._leaves[size * HASH_SIZE :]
        self.origin = ""

    def _grow(self, head: Checkpoint, signed: str) -> None:
        size = self.size
        if head.size < size:
            raise LogLies(f"{size} entries were signed before, and now it shows {head.size}.")
        if head.size == size:
            if head.root != self._root:
                raise LogLies(f"It has signed two roots for {size} entries.")
        else:
            fetched = b"".join(
                self._new_part(n, head.size) for n in range(size // WIDTH, -(-head.size // WIDTH))
            )
            self._take(fetched, head)
        if head.size != size or not self.origin:
            append_durably(
                self._folder / "followed.leaves",
                size * HASH_SIZE,
                bytes(self._leaves[size * HASH_SIZE :]),
            )
            write_durably(self._folder / "followed.note", signed)
            self.origin = head.origin

    def _new_part(self, n: int, size: int) -> bytes:
        """The hashes of a tile that are new here; the others must be those that are kept."""
        tile = self._tile(0, n, tile_width(0, n, size))
        kept = bytes(self._leaves[n * TILE_BYTES : (n + 1) * TILE_BYTES])
        self._compare(tile[: len(kept)], kept, 0, n)
        return tile[len(kept) :]

    def _take(self, fetched: bytes, head: Checkpoint) -> None:
        before = self.size
        self._leaves += fetched
        if merkle.root(self._hashes(0, self.size)) != head.root:
            del self._leaves[before * HASH_SIZE :]
            raise LogLies(
                f"The tiles do not have the root that it signed for {head.size} entries: one from "
                f"{before} to {head.size - 1} is not the one that was signed.",
                before,
            )
        self._root = head.root

    def _compare_again(self) -> None:
        """Ask for one tile that was seen before, another each time, and hold it to what is kept."""
        seen = [
            (level, n)
            for level in range(_LEVELS)
            for n in range(-(-(self.size >> 8 * level) // WIDTH))
        ]
        if not seen:
            return
        level, n = seen[self._turn % len(seen)]
        self._turn += 1
        width = tile_width(level, n, self.size)
        first = n * WIDTH << 8 * level
        leaves = bytes(self._leaves[first * HASH_SIZE : (first + (width << 8 * level)) * HASH_SIZE])
        step = HASH_SIZE << 8 * level
        expected = b"".join(fold(leaves[at : at + step]) for at in range(0, len(leaves), step))
        self._compare(self._tile(level, n, width), expected, level, n)

    def _compare(self, tile: bytes, kept: bytes, level: int, n: int) -> None:
        if tile == kept:
            return
        pairs = range(0, len(kept), HASH_SIZE)
        at = next(
            one for one in pairs if tile[one : one + HASH_SIZE] != kept[one : one + HASH_SIZE]
        )
        index = (n * WIDTH + at // HASH_SIZE) << 8 * level
        if level == 0:
            raise LogLies(f"Entry {index} is another than it was: its leaf hash changed.", index)
        raise LogLies(f"Tile {level}/{n} lies about the entries from {index} on.", index)

    def _tile(self, level: int, n: int, width: int) -> bytes:
        body = self._get(tile_path(level, n, width))
        if len(body) != width * HASH_SIZE:
            raise LogLies(f"Tile {level}/{n} has {len(body)} bytes, not {width * HASH_SIZE}.")
        return body

    def _get(self, path: str) -> bytes:
        url = f"{self._url}/{path}"
        with answering("The log", self._url, "It is asked again."):
            response: httpx.Response = self._client.get(url, headers={"Accept": "*/*"})
        if response.status_code != 200 or len(response.content) > _MOST_BYTES:
            raise AtaError(
                f"{url} answered {response.status_code}.",
                code="unexpected_answer",
                fix="Check that the address is that of the log, such as https://portal/log.",
            )
        return response.content

    def _keep_alarm(self, lie: LogLies) -> None:
        if not self._alarm_file.exists():
            alarm = {"index": lie.index, "message": str(lie)}
            write_durably(self._alarm_file, json.dumps(alarm))
