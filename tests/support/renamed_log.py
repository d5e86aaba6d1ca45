"""A log that was renamed in place, as `ledger_adopt --new-origin` did until ADR 36.

The product renames no log any more, but reads and verifies those that were renamed. This writes
what the command left: origin, seeds, the history of the keys and the adoption.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from dataclasses import replace

from django.conf import settings

from audit import clock
from audit.db.durable_files import write_durably
from audit.keys import key_events, keyring, log_identity, restored_database_adoption
from audit.keys.keyring import Keyring, Period
from audit.keys.restored_database_adoption import Adoption, Found, made_so_far
from audit.ledger import mldsa, note, tiles
from audit.ledger.key_transitions.log_renames import Tree
from audit.ledger.note import ED25519
from audit.models import WitnessState
from audit.sequencing import signed_state
from audit.sequencing.stored_tree_queries import read_tile
from audit.witnesses import signing_stop
from tests.support.origin_statements import write_statement


def rename(name: str, reason: str, by: str) -> Adoption:
    """Let the log go on as `name` with what the database holds."""
    made = _begin(name, restored_database_adoption.find(), reason, by)
    if settings.LEDGER_ORIGIN in ("", name):  # else the next start records it
        restored_database_adoption.settle()
    return made


def change_origin(name: str) -> None:
    """Put another name into the file of the origin."""
    write_durably(log_identity.folder() / "origin", f"{name}\n".encode())


def _begin(name: str, found: Found, reason: str, by: str) -> Adoption:
    before = _signed_before(found)
    lost = [one for one in before if not _holds(found, one)]
    key_events.settle()
    last = max(lost or before, key=lambda one: one.size)
    kept = Tree(found.database.size, found.database.root)
    seeds = _fresh(name)
    statement = _statement(name, kept, last, seeds, held=not lost)
    made = Adoption(
        clock.rfc3339(clock.now()),
        kept.size,
        b64encode(kept.root).decode(),
        last.size,
        b64encode(last.root).decode(),
        reason,
        by,
        log_identity.origin(),
        name,
        statement,
        found.objection,
    )
    until = max(one.size for one in before)
    ring = keyring.read()
    ended = [p if p.until is not None else replace(p, until=until) for p in ring.periods]
    begun = [Period(vkey, kept.size) for vkey in seeds]
    for (place, following), seed in zip(log_identity.successions(), seeds.values(), strict=True):
        write_durably(place, b64encode(seed) + b"\n")
        following.unlink(missing_ok=True)  # of a change of keys under the old name
    restored_database_adoption.write([*made_so_far(), made])
    keyring.write(Keyring((*ended, *begun), (*ring.statements, statement), ring.unrecorded))
    change_origin(name)
    # What witnesses said, they said of the old name.
    WitnessState.objects.update(
        state=WitnessState.State.NEW, detail="", size=0, failures=0, due=None, since=None
    )
    signing_stop.forget()
    return made


def _signed_before(found: Found) -> list[Tree]:
    """Every tree that is known to have been signed under the present name."""
    known = [Tree(found.signed.size, found.signed.root)] if found.signed else []
    newest = signed_state.newest_checkpoint()
    if newest is not None and not signed_state.is_former(newest):
        known.append(Tree(newest.size, bytes(newest.root)))
    adopted = restored_database_adoption.under_this_name()
    return known + [Tree(one.signed_size, b64decode(one.signed_root)) for one in adopted]


def _holds(found: Found, one: Tree) -> bool:
    return one.size <= found.database.size and tiles.root(read_tile, one.size) == one.root


def _fresh(name: str) -> dict[str, bytes]:
    """New seeds by the verifier keys of the new name, Ed25519 first."""
    ed, ml = secrets.token_bytes(32), secrets.token_bytes(32)
    return {
        note.vkey(name, note.public_key(ed)): ed,
        mldsa.vkey(name, mldsa.public_key(ml)): ml,
    }


def _statement(name: str, kept: Tree, last: Tree, fresh: dict[str, bytes], *, held: bool) -> str:
    ring = keyring.read()
    signers = [one for one in keyring.signers(ring) if one.key.key_type == ED25519]
    seeds = {str(one.key): one.seed for one in signers} | fresh
    keys = ([one.vkey for one in ring.current], [*fresh])
    return write_statement((log_identity.origin(), name), kept, last, keys, seeds, held=held)
