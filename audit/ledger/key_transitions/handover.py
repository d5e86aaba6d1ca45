"""Statements by which a log's key names the keys that sign beside or after it.

A statement is a signed note of ours (`ata.ledger-keys.v1`): origin, the size from which the new
keys sign, the keys in force until then, and all keys in force from then on. Each Ed25519 key in
force before has signed it. So whoever holds one of those follows to the new ones, without having
to believe the server that shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

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
    keys: dict[str, list[VerifierKey]] = {"old": [], "new": []}
    for line in lines[3:]:
        word, _, vkey = line.partition(" ")
        if word not in keys or (word == "old" and keys["new"]):
            raise NoteError("after the size come lines `old <vkey>`, then lines `new <vkey>`")
        key = note.parse_vkey(vkey)
        if key.name != lines[1] or key.key_type not in LOG_KEY_TYPES or str(key) != vkey:
            raise NoteError(f"{vkey[:80]} is not a key of the log {lines[1]}")
        keys[word].append(key)
    for some in keys.values():
        if not any(key.key_type == ED25519 for key in some) or len(set(some)) != len(some):
            raise NoteError("both sides name an Ed25519 key, and no key twice")
    return Handover(
        lines[1], parse_size(lines[2][len("from ") :]), tuple(keys["old"]), tuple(keys["new"])
    )


def follow(
    statements: Iterable[str], trusted: Iterable[str | VerifierKey]
) -> tuple[VerifierKey, ...]:
    """The trusted keys and those to which they lead, in any number of steps, under one name.

    `origins.trail` follows a log that changed its name too.

    Statements of which no old key is trusted lead nowhere and are passed over.

    Raises:
        NoteError: a malformed statement, or one that a trusted key is named to have signed and did
            not.
    """
    found = [note.parse_vkey(one) if isinstance(one, str) else one for one in trusted]
    waiting = [(text, parse(text)) for text in limited(statements)]
    while True:
        ready = [one for one in waiting if signing(one[1].old, found)]
        if not ready:
            return tuple(dict.fromkeys(found))
        for text, said in ready:
            note.verify(text, signing(said.old, found))
            found += said.new
        waiting = [one for one in waiting if one not in ready]


def limited(statements: Iterable[str]) -> list[str]:
    """The statements, each once.

    Raises:
        NoteError: they are more than MAX_STATEMENTS.
    """
    found = list(dict.fromkeys(statements))
    if len(found) > MAX_STATEMENTS:
        raise NoteError(f"more than {MAX_STATEMENTS:,} statements about keys are refused")
    return found


def signing(old: Iterable[VerifierKey], trusted: Iterable[VerifierKey]) -> list[VerifierKey]:
    """The trusted ones among the keys that a statement names as old, of those that sign it."""
    held = set(trusted)
    return [key for key in old if key.key_type == ED25519 and key in held]
