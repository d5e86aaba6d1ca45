"""Changing the keys of the log: new ones sign next to the old ones for a while, then alone.

Each step is written durably before the next, so a run that was killed is simply repeated. Seeds:
`next-key` and `next-key.ml-dsa-44` in `VAR_DIR/ledger`, moved to their places at the end; the old
seeds are gone then, the old public keys stay in the history.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from audit.db import process_locks
from audit.db.durable_files import sync_folder, write_durably
from audit.keys import key_events, keyring, log_identity
from audit.keys.keyring import Keyring, Period
from audit.ledger import note
from audit.ledger.key_transitions import handover
from audit.ledger.note import ED25519
from audit.sequencing import signed_state

_PATIENCE_S = 30.0


class RotationRefused(Exception):
    """The keys cannot be changed now; the message says what to do first."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """Where a rotation stands.

    Attributes:
        old: keys that sign and are to end.
        new: keys that sign next to them and stay.
        since: size from which the new ones sign.
    """

    old: tuple[Period, ...]
    new: tuple[Period, ...]
    since: int


def under_way(ring: Keyring) -> Rotation | None:
    """The rotation that has begun and not ended; None where there is none."""
    newest = {one.key.key_type: one for one in ring.current}  # the last of each kind stays
    old = tuple(one for one in ring.current if one not in newest.values())
    if not old:
        return None
    return Rotation(old, tuple(newest.values()), max(one.since for one in newest.values()))


def start() -> Rotation:
    """Make new keys, have the old ones sign for them, and let both sign from now on.

    Raises:
        RotationRefused: one is under way, nothing was signed yet, the sequencer is busy, or the
            place of the key cannot be written.
        LedgerIdentityError, SequencerStopped: the keys or the state of the log are not in order.
    """
    with _alone():
        key_events.settle()
        ring, size = keyring.read(), signed_state.signed_size()
        if (going := under_way(ring)) is not None:
            raise RotationRefused(
                f"New keys sign next to the old ones from size {going.since} on; "
                "let it end first (ledger_rotate_key --finish)."
            )
        if not size:
            raise RotationRefused("Nothing has been signed yet, so no key needs a successor.")
        for path in (log_identity.key_file(), log_identity.mldsa_file()):
            check_writable(path)
        old = ring.current
        seeds = {str(one.key): one.seed for one in keyring.signers(ring)}
        new = tuple(Period(vkey, size) for vkey in keyring.next_vkeys(make=True))
        statement = handover.write(
            log_identity.origin(),
            size,
            [one.vkey for one in old],
            [one.vkey for one in (*old, *new)],
            {one: seed for one, seed in seeds.items() if note.parse_vkey(one).key_type == ED25519},
        )
        change = keyring.change("began", size, new, statement)
        keyring.write(Keyring((*ring.periods, *new), (*ring.statements, statement), (change,)))
        key_events.settle()
        return Rotation(old, new, size)


def finish() -> Rotation:
    """Let the new keys sign alone, once a checkpoint that bears both is published.

    Raises:
        RotationRefused: none is under way, no checkpoint bears both yet, or the sequencer is busy.
        LedgerIdentityError, SequencerStopped: the keys or the state of the log are not in order.
    """
    with _alone():
        key_events.settle()
        ring, size = keyring.read(), signed_state.signed_size()
        going, newest = under_way(ring), signed_state.newest_checkpoint()
        if going is None or size is None or newest is None:
            raise RotationRefused("No change of keys is under way.")
        lines = {one.key_id for one in note.parse(newest.note).signatures}
        if any(one.key.key_id not in lines for one in (*going.old, *going.new)):
            raise RotationRefused(
                "No checkpoint bears the old and the new signatures yet; let the worker sign one "
                "(or run manage.py sequence)."
            )
        ended = tuple(replace(one, until=size) for one in going.old)
        periods = [replace(one, until=size) if one in going.old else one for one in ring.periods]
        change = keyring.change("ended", size, ended)
        keyring.write(Keyring(tuple(periods), ring.statements, (*ring.unrecorded, change)))
        promote()
        key_events.settle()
        return replace(going, old=ended)


def promote() -> None:
    """Put new seeds in the place of those that ended; nothing to do while both sign."""
    current = {one.vkey for one in keyring.read().current}
    for path, following in log_identity.successions():
        if not following.exists():
            continue
        fresh = keyring.vkey_of(path, log_identity.read_seed(following))
        held = keyring.vkey_of(path, log_identity.read_seed(path)) if path.exists() else ""
        if fresh in current and held not in current - {fresh}:
            write_durably(path, following.read_bytes())
            following.unlink()
            sync_folder(following.parent)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the sequencer's lock; a worker that runs lets go of it many times a second."""
    try:
        with process_locks.wait_for("sequencer", _PATIENCE_S):
            yield
    except process_locks.Busy:
        raise RotationRefused("The sequencer is busy; try again.") from None


def check_writable(path: Path) -> None:
    """See that a new key can take the place of the old one.

    Raises:
        RotationRefused: it cannot be written.
    """
    place = path if path.exists() else path.parent
    if not os.access(place, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise RotationRefused(f"{path} cannot be written, and the new key has to go there.")
