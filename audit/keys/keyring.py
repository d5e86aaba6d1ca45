"""The keys of the log over time: which signs now, which signed when, and who says so.

The public history is `VAR_DIR/ledger/keys.json`: each key with the sizes of the first and the last
tree that it signs, and the statements by which old keys name new ones
(`audit.ledger.key_transitions.handover`). Each checkpoint is signed by every key in force, Ed25519
(C2SP type 0x01) and ML-DSA-44 (0x06), and is checked with the keys in force at its size under the
name that it has. A log that went on under another name (`audit.ledger.key_transitions.log_renames`)
has keys of each of its names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from audit.db.durable_files import write_durably
from audit.keys import log_identity
from audit.keys.log_identity import LedgerIdentityError
from audit.ledger import checkpoint as checkpoints
from audit.ledger import mldsa, note
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.key_transitions import handover, log_renames
from audit.ledger.key_transitions.log_renames import Move
from audit.ledger.note import ED25519, Note, NoteError, VerifierKey


class KeyReplaced(LedgerIdentityError):
    """A key file holds another key than the one that signs this log."""


@dataclass(frozen=True, slots=True)
class Period:
    """A key and the sizes of the trees it signs.

    Attributes:
        vkey: its verifier key.
        since: size of the first tree.
        until: size of the last one; None while it signs.
    """

    vkey: str
    since: int
    until: int | None = None

    @property
    def key(self) -> VerifierKey:
        """The key, parsed."""
        return _parsed(self.vkey)

    def may_sign(self, size: int) -> bool:
        """Whether a tree of this size can bear its signature."""
        return self.since <= size and (self.until is None or size <= self.until)

    def must_sign(self, size: int) -> bool:
        """Whether it has to; a tree at either end may have been signed before or after."""
        begun = self.since < size or self.since == 0
        return begun and (self.until is None or size < self.until)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of this log.

    Attributes:
        periods: in the order in which the keys began.
        statements: signed notes, oldest first.
        unrecorded: data of `ledger.key_changed` events that are still to be recorded.
    """

    periods: tuple[Period, ...]
    statements: tuple[str, ...] = ()
    unrecorded: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def current(self) -> tuple[Period, ...]:
        """Keys that sign now."""
        return tuple(one for one in self.periods if one.until is None)

    @property
    def names(self) -> tuple[str, ...]:
        """Origins of the log, the present one last."""
        return tuple(dict.fromkeys(one.key.name for one in self.periods))

    def of(self, name: str) -> tuple[Period, ...]:
        """Keys by which the log signs or signed under a name."""
        return tuple(one for one in self.periods if one.key.name == name)

    def verify(self, signed: str | Note) -> Checkpoint:
        """A checkpoint of ours, once every key in force at its size has signed it.

        Raises:
            NoteError: malformed, or not so signed.
        """
        parsed = signed if isinstance(signed, Note) else note.parse(signed)
        said = checkpoints.parse(parsed.text)
        size, mine = said.size, self.of(said.origin)
        if (end := self._ended_with(said.origin)) is not None and size > end:
            raise NoteError(
                f"it is of {said.origin}, as which this log goes on no more from {end} entries on"
            )
        head = checkpoints.verify(parsed, [p.key for p in mine if p.may_sign(size)])
        lines = {(one.name, one.key_id) for one in parsed.signatures}
        for period in mine:
            key = period.key
            if period.must_sign(size) and (key.name, key.key_id) not in lines:
                raise NoteError(
                    f"the {key.algorithm} key {key.key_id.hex()} is in force from size "
                    f"{period.since} on and has not signed it"
                )
        return head

    def _ended_with(self, name: str) -> int | None:
        """With how many entries the log took the name that followed; None of the present one."""
        later = self.names[self.names.index(name) + 1 :] if name in self.names else ()
        return self.of(later[0])[0].since if later else None

    def check(self) -> None:
        """Check that the first keys lead to all others.

        Raises:
            NoteError: a key for which no key before it has signed, or a modified statement.
        """
        first = [one.vkey for one in self.periods if one.since == 0]
        reached = set(log_renames.trail(self.statements, first).keys)
        for period in self.periods:
            if period.key not in reached:
                raise NoteError(
                    f"no earlier key of this log has signed for the key {period.key.key_id.hex()} "
                    f"({period.key.algorithm}), which is said to sign from size {period.since} on"
                )


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A key of the log that signs now; the seed is the secret."""

    key: VerifierKey
    seed: bytes

    def line(self, text: str, time: int) -> str:
        """Its signature line for the text of a checkpoint; `time` in POSIX seconds."""
        if self.key.key_type == ED25519:
            return note.parse(note.sign(text, self.key.name, self.seed)).signatures[0].line
        return mldsa.sign(text, self.key.name, self.seed, time)


def path() -> Path:
    """Where the history is."""
    return log_identity.folder() / "keys.json"


def read() -> Keyring:
    """The history; of a log that has none yet, its one key.

    Raises:
        LedgerIdentityError: the file is damaged or names another log.
    """
    name = log_identity.origin()
    if not path().exists():
        return Keyring((Period(log_identity.vkey(), 0),))
    ring = load()
    if ring.names[-1:] != (name,):
        raise LedgerIdentityError(
            f"{path()} is of the log {', '.join(sorted(ring.names))} and not of {name}; "
            "restore the file it began with"
        )
    return ring


def load() -> Keyring:
    """The history of keys that the file holds.

    Raises:
        LedgerIdentityError: the file is damaged.
    """
    try:
        document = json.loads(path().read_text())
        periods = tuple(Period(**one) for one in document["keys"])
        ring = Keyring(periods, tuple(document["statements"]), tuple(document["unrecorded"]))
        _ = ring.names  # each key can be read
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LedgerIdentityError(
            f"{path()} is damaged ({error}); restore it from a backup"
        ) from None
    return ring


def moves(ring: Keyring) -> list[Move]:
    """Changes of the log's name, oldest first.

    Raises:
        NoteError: a statement is malformed.
    """
    return [log_renames.parse(one) for one in ring.statements if log_renames.is_move(one)]


def began_with() -> Move | None:
    """The change of name by which the present one began; None of the first name.

    A history that cannot be read tells of none: `read` says what is wrong with it.
    """
    try:
        found = moves(load())
    except (LedgerIdentityError, NoteError):
        return None
    name = log_identity.kept_origin()
    return next((one for one in found if one.new_origin == name), None)


def write(ring: Keyring) -> None:
    """Replace the history, durably."""
    document = {
        "keys": [asdict(one) for one in ring.periods],
        "statements": ring.statements,
        "unrecorded": ring.unrecorded,
    }
    write_durably(path(), json.dumps(document, indent=1).encode())


def begin(signed: int | None) -> None:
    """See to it that the log has its keys and their history; called with the sequencer's lock.

    A log that signed before it had a history goes on with its key and gets an ML-DSA-44 key in
    addition, for which the old key signs.

    Args:
        signed: size of the largest tree that was signed; None before the first.

    Raises:
        LedgerIdentityError: a key is gone or unreadable.
    """
    if path().exists():
        return
    old = Period(log_identity.vkey(), 0)
    seed = log_identity.mldsa_seed(make=True)
    new = Period(vkey_of(log_identity.mldsa_file(), seed), signed or 0)
    if signed is None:
        write(Keyring((old, new)))
        return
    seeds = {old.vkey: log_identity.seed()}
    keys = [old.vkey, new.vkey]
    statement = handover.write(log_identity.origin(), signed, [old.vkey], keys, seeds)
    write(Keyring((old, new), (statement,), (change("began", signed, [new], statement),)))


def change(state: str, size: int, keys: Iterable[Period], statement: str = "") -> dict[str, Any]:
    """Data of a `ledger.key_changed` event: `began` or `ended`, at which size, which keys."""
    data = {"state": state, "size": size, "keys": [one.vkey for one in keys]}
    return data | ({"statement": statement} if statement else {})


def signers(ring: Keyring | None = None) -> list[Signer]:
    """The keys that sign now, with their seeds, Ed25519 first.

    Raises:
        LedgerIdentityError: a file is gone or unreadable.
        KeyReplaced: none of the files holds a key that has to sign.
    """
    held = dict(_held())
    found = []
    for period in (ring or read()).current:
        if period.vkey not in held:
            raise KeyReplaced(
                f"the {period.key.algorithm} key {period.key.key_id.hex()}, which signs this log "
                f"from size {period.since} on, is in no file of {log_identity.key_file().parent}; "
                "put the key back that this log began with"
            )
        found.append(Signer(period.key, held[period.vkey]))
    return sorted(found, key=lambda one: one.key.key_type)


def sign(keys: Iterable[Signer], size: int, root: bytes, now: datetime) -> str:
    """The checkpoint, signed by each of the keys.

    The caller has made sure, durably and before calling, never to sign two trees of one size.
    """
    text = checkpoints.format(log_identity.origin(), size, root)
    return f"{text}\n{''.join(one.line(text, int(now.timestamp())) for one in keys)}"


def vkeys() -> list[str]:
    """Verifier keys of the keys that sign now, Ed25519 first."""
    current = [one.vkey for one in read().current]
    return sorted(current, key=lambda one: _parsed(one).key_type)


def _held() -> Iterator[tuple[str, bytes]]:
    """Every seed that is on file, by its verifier key."""
    yield log_identity.vkey(), log_identity.seed()
    for path, following in log_identity.successions():
        for file in (path, following):
            if file.exists():
                seed = log_identity.read_seed(file)
                yield vkey_of(path, seed), seed


def next_vkeys(*, make: bool = False) -> list[str]:
    """Verifier keys of the seeds that wait to follow; generated if `make` is set."""
    found = []
    for path, following in log_identity.successions():
        if make:
            log_identity.generate(following)
        if following.exists():
            found.append(vkey_of(path, log_identity.read_seed(following)))
    return found


def vkey_of(path: Path, seed: bytes) -> str:
    """The verifier key of a seed of the kind that `path` holds."""
    if path != log_identity.mldsa_file():
        return note.vkey(log_identity.origin(), note.public_key(seed))
    return mldsa.vkey(log_identity.origin(), mldsa.public_key(seed))


@lru_cache(maxsize=64)
def _parsed(vkey: str) -> VerifierKey:
    return note.parse_vkey(vkey)
