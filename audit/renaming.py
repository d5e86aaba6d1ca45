"""Going on under another name in the same database: `ledger_adopt --new-origin`.

Where signed entries are lost, or a witness has seen another history, no witness follows the log
any more under its name. Under a new one no size was ever signed, so signing goes on at once. The
old keys vouch for the new ones and tell what was kept and what was lost (`audit.ledger.origins`);
the first entry of the new name is `ledger.adopted`. How a crash is survived: `audit.succession`.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import asdict

from django.conf import settings

from audit import (
    adoption,
    clock,
    heads,
    keychanges,
    keyring,
    keyrotation,
    locks,
    logkey,
    renamed,
    succession,
)
from audit.adopted import Adoption, made_so_far
from audit.adoption import AdoptionRefused, Found
from audit.ledger import mldsa, note, origins, tiles
from audit.ledger.merkle import ProofError
from audit.ledger.note import ED25519, NoteError
from audit.ledger.origins import Tree
from audit.succession import Succession
from audit.tree import read_tile


def rename(name: str, reason: str, by: str) -> Adoption:
    """Let the log go on as `name` with what the database holds.

    Called again after a crash it ends what was begun.

    Args:
        name: the new origin, a key name of C2SP signed-note.
        reason: why, in words.
        by: who ran it.

    Raises:
        AdoptionRefused: the sequencer is busy, nothing asks for it, the name cannot be used, or
            the database cannot be adopted.
        LedgerIdentityError, SequencerStopped: the keys or the state of the log are not in order.
    """
    with locks.sequencer_lock() as held:
        if not held:
            raise AdoptionRefused("The sequencer is busy; stop the worker and try again.")
        renamed.complete()
        made = next(iter(made_so_far()[-1:]), None)
        if made is None or made.new_origin != name or adoption.told_of(made):
            _check_name(name)
            made = _go_on(name, adoption.find(), reason, by)
        if settings.LEDGER_ORIGIN in ("", name):  # else the next start records it
            adoption.settle()
        return made


def _check_name(name: str) -> None:
    try:
        note.check_name(name)
        note.check_text(f"{name}\n")
    except NoteError as error:
        raise AdoptionRefused(f"{name!r} cannot be the name of a log: {error}.") from None
    if name in set(_names()):
        raise AdoptionRefused(
            f"This log is or was {name} already; sizes were signed under that name. Use a new one."
        )


def _names() -> Iterator[str]:
    """Every name that files or database tell of."""
    yield from keyring.read().names
    for data in keychanges.recorded("ledger.adopted"):
        yield from data.get("origin", {}).values()
    if (newest := heads.newest_checkpoint()) is not None:
        yield newest.note.partition("\n")[0]


def _go_on(name: str, found: Found, reason: str, by: str) -> Adoption:
    before = _signed_before(found)
    lost = [one for one in before if not _holds(found, one)]
    if not (lost or found.why or found.objection or adoption.under_this_name()):
        raise AdoptionRefused(
            "The database holds everything that was signed, and no witness objects: nothing asks "
            "for a new name."
        )
    if not before or not found.database.size:
        raise AdoptionRefused(
            "Nothing was signed yet, or the database is empty: begin a new log (docs/backup.md)."
        )
    try:
        for path in (logkey.key_file(), logkey.mldsa_file()):
            keyrotation.check_writable(path)
    except keyrotation.RotationRefused as refused:
        raise AdoptionRefused(str(refused)) from None
    keychanges.settle()
    last = max(lost or before, key=lambda one: one.size)
    kept = Tree(found.database.size, found.database.root)
    fresh = _fresh(name)
    statement = _statement(name, kept, last, fresh, held=not lost)
    made = Adoption(
        clock.rfc3339(clock.now()),
        kept.size,
        b64encode(kept.root).decode(),
        last.size,
        b64encode(last.root).decode(),
        reason,
        by,
        logkey.origin(),
        name,
        statement,
        found.objection,
    )
    until = max(one.size for one in before)
    seeds = {vkey: b64encode(seed).decode() for vkey, seed in fresh.items()}
    prepared = Succession(name, kept.size, until, statement, seeds, asdict(made))
    succession.write(logkey.folder(), prepared)
    logkey.change_origin(name)
    renamed.complete()
    return made


def _signed_before(found: Found) -> list[Tree]:
    """Every tree that is known to have been signed under the present name."""
    heads_known = [found.signed] if found.signed else []
    known = [Tree(one.size, one.root) for one in heads_known]
    newest = heads.newest_checkpoint()
    if newest is not None and not heads.is_former(newest):
        known.append(Tree(newest.size, bytes(newest.root)))
    return known + [
        Tree(one.signed_size, b64decode(one.signed_root)) for one in adoption.under_this_name()
    ]


def _holds(found: Found, one: Tree) -> bool:
    if one.size > found.database.size:
        return False
    try:
        return tiles.root(read_tile, one.size) == one.root
    except ProofError:
        return False


def _fresh(name: str) -> dict[str, bytes]:
    """New seeds by the verifier keys of the new name, Ed25519 first."""
    ed, ml = secrets.token_bytes(32), secrets.token_bytes(32)
    return {
        note.vkey(name, note.public_key(ed)): ed,
        mldsa.vkey(name, mldsa.public_key(ml)): ml,
    }


def _statement(name: str, kept: Tree, last: Tree, fresh: dict[str, bytes], *, held: bool) -> str:
    ring = keyring.read()
    signers = keyring.signers(ring)
    seeds = {str(one.key): one.seed for one in signers if one.key.key_type == ED25519}
    keys = ([one.vkey for one in ring.current], [*fresh])
    return origins.write((logkey.origin(), name), kept, last, keys, seeds | fresh, held=held)
