"""The files of an evidence pack, recognised by their content and grouped by proof.

Files may come in any order, loose or in ZIP archives: proofs (C2SP tlog-proof), entries (exact
bytes), openings (`{"openings": [{"path", "subject", "salt" (hex), "value"}]}`) and evidence bodies,
which are found by the SHA-256 that the entry names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ata.errors import usage_error
from ata.verify.bounded_zip_reader import MAX_UNPACKED, is_archive, member_names, read_members

if TYPE_CHECKING:
    from audit.ledger.format.commitment import Opening

MAX_FILE = 64 * 1024 * 1024
"""Longest file that is read, in bytes."""
MAX_JSON_PARTS = 500_000
"""Most values of a file that is read as JSON; entries and openings have far fewer."""
_ARCHIVE_HEAD = b"PK\3\4"
_PROOF_HEADS = (b"c2sp.org/tlog-proof@", b"index ")
_ENTRY_SUFFIXES = ("", ".entry", ".json", ".entry.json")


@dataclass(frozen=True, slots=True)
class Item:
    """One file: how it is called and its bytes."""

    name: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """A proof, the entry it is for, and the openings that belong to that entry."""

    proof: Item
    entry: Item
    openings: tuple[Opening, ...]


@dataclass(slots=True)
class Pack:
    """All files, sorted by kind."""

    proofs: list[Item] = field(default_factory=list)
    entries: list[Item] = field(default_factory=list)
    openings: list[Item] = field(default_factory=list)
    bodies: list[Item] = field(default_factory=list)
    unpacked: int = 0

    def add(self, item: Item) -> None:
        """Put a file, or the members of an archive, where they belong.

        Raises:
            AtaError: usage, when an archive cannot be unpacked, or contains another.
        """
        if not is_archive(item.body):
            if item.body.startswith(_ARCHIVE_HEAD):
                raise usage_error(
                    f"{item.name} cannot be read. The end of this ZIP archive is missing.",
                    "Download it again: the download was broken off.",
                )
            self._sort(item)
            return
        for name, body in read_members(item.name, item.body, MAX_UNPACKED - self.unpacked):
            member = Item(f"{item.name}/{name}", body)
            if is_archive(body):
                raise usage_error(
                    f"{member.name} is an archive inside an archive.",
                    "Unpack the outer archive and verify the inner one.",
                )
            self.unpacked += len(body)
            self._sort(member)

    def evidence(self) -> dict[str, bytes]:
        """Evidence bodies by their hex SHA-256; a final line feed may have been added to one."""
        found: dict[str, bytes] = {}
        for item in self.bodies:
            for body in _readings(item):
                found[hashlib.sha256(body).hexdigest()] = body
        return found

    def pairs(self) -> list[Pair]:
        """Each proof with its entry.

        Raises:
            AtaError: usage, when there is no proof or an entry cannot be recognised.
        """
        if not self.proofs:
            raise usage_error(
                "None of the files is a proof.",
                "Download one from /v1/audit/events/ID/proof; it ends in .tlog-proof.",
            )
        entries, openings = _by_stem(self.entries), _by_stem(self.openings)
        pairs = []
        for proof in self.proofs:
            entry = self._entry_of(proof, entries)
            pairs.append(Pair(proof, entry, self._openings_of(entry, openings)))
        return pairs

    def unused(self, pairs: Sequence[Pair], *, judged: bool) -> list[str]:
        """Names of files that no check of these pairs reads, in the order in which they came.

        Args:
            judged: whether evidence is judged, that is with keys of issuers or passkeys.
        """
        openings = _by_stem(self.openings)
        read = {pair.entry.name for pair in pairs}
        read |= {item.name for pair in pairs if (item := self._openings_file(pair.entry, openings))}
        if judged:
            digests = {digest for pair in pairs for digest in _evidence_of(pair.entry)}
            read |= {item.name for item in self.bodies if digests & _digests(item)}
        return [
            item.name
            for items in (self.entries, self.openings, self.bodies)
            for item in items
            if item.name not in read
        ]

    def _sort(self, item: Item) -> None:
        if item.body.startswith(_PROOF_HEADS):
            self.proofs.append(item)
            return
        value = _json(item.body)
        if isinstance(value, dict) and value.get("schema") and "salt" in value:
            self.entries.append(item)
        elif isinstance(value, dict) and isinstance(value.get("openings"), list):
            self.openings.append(item)
        else:
            self.bodies.append(item)

    def _entry_of(self, proof: Item, entries: Mapping[str, list[Item]]) -> Item:
        if len(self.proofs) == len(self.entries) == 1:
            return self.entries[0]
        stem = _stem(proof.name)
        named = entries.get(stem, [])
        if len(named) == 1:
            return named[0]
        raise usage_error(
            f"No entry belongs to {proof.name}.",
            f"Name it {stem}.entry and add it, or verify one proof with --entry FILE; "
            "/v1/audit/events/ID/entry gives its exact bytes.",
        )

    def _openings_of(self, entry: Item, openings: Mapping[str, list[Item]]) -> tuple[Opening, ...]:
        item = self._openings_file(entry, openings)
        return _openings(item) if item else ()

    def _openings_file(self, entry: Item, openings: Mapping[str, list[Item]]) -> Item | None:
        if len(self.openings) == len(self.entries) == 1:
            return self.openings[0]
        named = openings.get(_stem(entry.name), [])
        return named[0] if len(named) == 1 else None


def evidence_packs(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The files that are evidence packs (`ata.pack.v1`), in whatever form, and the others.

    Raises:
        AtaError: usage, when a file cannot be read or is too long.
    """
    packs = [path for path in files if _is_pack(path)]
    return packs, [path for path in files if path not in packs]


def _is_pack(path: Path) -> bool:
    from audit.ledger.packs.archive import has_member_of_a_pack, looks_like

    body = read_file(path)
    return looks_like(body) or has_member_of_a_pack(member_names(str(path), body))


def read_pack(files: Sequence[Path], entry: Path | None) -> Pack:
    """Read the files; an entry that lies next to its proof is found without being named.

    Raises:
        AtaError: usage, when a file cannot be read or is too long.
    """
    pack = Pack()
    for path in files:
        pack.add(Item(str(path), read_file(path)))
    if entry is not None:
        pack.entries = [Item(str(entry), read_file(entry))]
    elif not pack.entries:
        for proof in pack.proofs:
            entry_file = _entry_file(Path(proof.name))
            if entry_file is not None:
                pack.entries.append(Item(str(entry_file), read_file(entry_file)))
    return pack


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        AtaError: usage, when it cannot be read or is longer than `MAX_FILE`.
    """
    try:
        with path.open("rb") as stream:
            body = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise usage_error(f"{path} cannot be read: {error.strerror}.") from error
    if len(body) > MAX_FILE:
        raise usage_error(f"{path} is longer than {MAX_FILE:,} bytes.")
    return body


def _entry_file(proof: Path) -> Path | None:
    base = proof.with_suffix("") if proof.suffix else proof
    candidates = (base.with_name(base.name + suffix) for suffix in _ENTRY_SUFFIXES)
    return next((path for path in candidates if path != proof and path.is_file()), None)


def _readings(item: Item) -> tuple[bytes, bytes]:
    return item.body, item.body.rstrip(b"\r\n")


def _digests(item: Item) -> set[str]:
    return {hashlib.sha256(body).hexdigest() for body in _readings(item)}


def _evidence_of(entry: Item) -> set[str]:
    """Digests that an entry names as its evidence; none where it names them in no way we know."""
    value = _json(entry.body)
    named = value.get("evidence") if isinstance(value, dict) else None
    found = named if isinstance(named, list) else []
    return {str(one.get("digest")) for one in found if isinstance(one, dict)}


def _openings(item: Item) -> tuple[Opening, ...]:
    from audit.ledger.format.commitment import Opening

    value = _json(item.body)
    assert isinstance(value, dict)
    try:
        return tuple(
            Opening(
                path=str(one["path"]),
                subject=str(one.get("subject") or ""),
                salt=bytes.fromhex(one["salt"]),
                value=one["value"],
            )
            for one in value["openings"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise usage_error(
            f"The openings in {item.name} cannot be read.",
            'Each is {"path", "subject", "salt" in hex, "value"}.',
        ) from error


def _json(body: bytes) -> object:
    """The value; None for what is no JSON, or would take far more memory than it is long."""
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MAX_JSON_PARTS:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _by_stem(items: Sequence[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(_stem(item.name), []).append(item)
    return found


def _stem(name: str) -> str:
    return PurePath(name).name.split(".")[0]
