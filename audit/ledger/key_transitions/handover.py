"""Statements by which a log's key names the keys that sign next to or after it.

A statement is a signed note of ours (`ata.ledger-keys.v1`): origin, the size from which the new
keys sign, the keys in force until then, and all keys in force from then on. Each Ed25519 key in
force before has signed it. So the holder of one of those follows to the new ones, without having
to believe the server that shows them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from audit.ledger import note
from audit.ledger.checkpoint import LOG_KEY_TYPES, parse_size
from audit.ledger.note import ED25519, NoteError, VerifierKey

SCHEMA: Final = "ata.ledger-keys.v1"
MAX_STATEMENTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Handover:
    """A parsed statement; its word counts once `follow` has accepted it.

    Attributes:
        origin: the log.
        size: number of entries of the first tree that the new keys sign.
        old: keys in force before.
        new: keys in force from then on; old ones among them go on signing.
    """

    origin: str
    size: int
    old: tuple[VerifierKey, ...]
    new: tuple[VerifierKey, ...]


def write(
    origin: str, size: int, old: Sequence[str], new: Sequence[str], seeds: Mapping[str, bytes]
) -> str:
    """Return the signed statement.

    Args:
        origin: the log.
        size: from which size on the new keys sign.
        old: verifier keys in force before.
        new: verifier keys in force from then on.
        seeds: Ed25519 seed of each old Ed25519 key, by its verifier key.

    Raises:
        NoteError: a key that is no key of this log, or an old key without its seed.
    """
    lines = [SCHEMA, origin, f"from {size}", *(f"old {one}" for one in old)]
    text = "\n".join([*lines, *(f"new {one}" for one in new)]) + "\n"
    said = parse(text)
    signing = [str(key) for key in said.old if key.key_type == ED25519]
    if missing := [one for one in signing if one not in seeds]:
        raise NoteError(f"the seed of {missing[0]} is needed")
    signed = [note.parse(note.sign(text, origin, seeds[one])) for one in signing]
    return str(note.Note(text, tuple(line for one in signed for line in one.signatures)))


def parse(text: str) -> Handover:
    """Read a statement, or its text alone, verifying nothing.

    Raises:
        NoteError: saying what is malformed.
    """
    body = text if "\n\n" not in text else note.parse(text).text
    lines = body.removesuffix("\n").split("\n")
    if len(lines) < 5 or lines[0] != SCHEMA or not lines[2].startswith("from "):
        raise NoteError(f"it is no statement {SCHEMA}: origin, `from` and a size, keys")
    old, new = keys_of(lines[3:], {"old": lines[1], "new": lines[1]})
    return Handover(lines[1], parse_size(lines[2][len("from ") :]), old, new)


def keys_of(
    lines: Iterable[str], names: Mapping[str, str]
) -> tuple[tuple[VerifierKey, ...], tuple[VerifierKey, ...]]:
    """The keys before and after, by the lines of a statement that name them.

    Args:
        names: the log's, of `old` and of `new` keys.

    Raises:
        NoteError: a line of another form, a key of another log, no Ed25519 key or one key twice on
            a side.
    """
    keys: dict[str, list[VerifierKey]] = {"old": [], "new": []}
    for line in lines:
        word, _, vkey = line.partition(" ")
        if word not in keys or (word == "old" and keys["new"]):
            raise NoteError("keys stand in lines `old <vkey>`, then in lines `new <vkey>`")
        key = note.parse_vkey(vkey)
        if key.name != names[word] or key.key_type not in LOG_KEY_TYPES or str(key) != vkey:
            raise NoteError(f"{vkey[:80]} is not a key of the log {names[word]}")
        keys[word].append(key)
    for some in keys.values():
        if not any(key.key_type == ED25519 for key in some) or len(set(some)) != len(some):
            raise NoteError("both sides name an Ed25519 key, and no key twice")
    return tuple(keys["old"]), tuple(keys["new"])


def follow(
    statements: Iterable[str], trusted: Iterable[str | VerifierKey]
) -> tuple[VerifierKey, ...]:
    """The trusted keys and those to which they lead, in any number of steps, under one name.

    `origins.trail` follows a log that changed its name too.

    Statements of which no old key is trusted lead nowhere and are passed over.

    Raises:
        NoteError: a malformed statement, or one that a key which it names as old has not signed.
    """
    found = read_keys(trusted)
    renew(Waiting((text, parse(text)) for text in limited(statements)), found, list(found))
    return tuple(found)


def read_keys(trusted: Iterable[str | VerifierKey]) -> dict[VerifierKey, None]:
    """The keys, each once, in their order.

    Raises:
        NoteError: one is malformed.
    """
    return dict.fromkeys(note.parse_vkey(one) if isinstance(one, str) else one for one in trusted)


class _Says(Protocol):
    @property
    def old(self) -> tuple[VerifierKey, ...]: ...


class Waiting[T: _Says]:
    """Statements with their text, each returned once: when one of its old keys is trusted."""

    def __init__(self, pairs: Iterable[tuple[str, T]]) -> None:
        self._pairs = list(pairs)
        self._taken: set[int] = set()
        self._by_key: defaultdict[VerifierKey, list[int]] = defaultdict(list)
        for at, (_, said) in enumerate(self._pairs):
            for key in said.old:
                if key.key_type == ED25519:
                    self._by_key[key].append(at)

    def take(self, keys: Iterable[VerifierKey]) -> list[tuple[str, T]]:
        """Those that these keys, which were not trusted before, have to have signed."""
        found = {at for key in keys for at in self._by_key.pop(key, ())} - self._taken
        self._taken |= found
        return [self._pairs[at] for at in sorted(found)]


def renew(
    waiting: Waiting[Handover], trusted: dict[VerifierKey, None], fresh: Sequence[VerifierKey]
) -> list[VerifierKey]:
    """Add to the trusted keys all to which they lead; returns the added ones.

    Args:
        fresh: the keys among them that no call was made with before.

    Raises:
        NoteError: as `follow`.
    """
    added: list[VerifierKey] = []
    while ready := waiting.take(fresh):
        fresh = []
        for text, said in ready:
            check_signed(text, said.old)
            trusted |= dict.fromkeys(said.new)
            fresh += said.new
        added += fresh
    return added


def limited(statements: Iterable[str]) -> list[str]:
    """The statements, each once.

    Raises:
        NoteError: they are more than MAX_STATEMENTS.
    """
    found = list(dict.fromkeys(statements))
    if len(found) > MAX_STATEMENTS:
        raise NoteError(f"more than {MAX_STATEMENTS:,} statements about keys are refused")
    return found


def check_signed(text: str, keys: Iterable[VerifierKey]) -> None:
    """Hold a statement to the signatures of these keys, of which Ed25519 ones sign.

    Raises:
        NoteError: one of them has not signed it.
    """
    said = note.parse(text)
    by = {(one.name, one.key_id): one for one in reversed(said.signatures)}
    for key in keys:
        if key.key_type != ED25519:
            continue
        if (signature := by.get((key.name, key.key_id))) is None:
            raise NoteError(f"{key} has not signed the statement that names it")
        note.check_signature(said.text, signature, key)
