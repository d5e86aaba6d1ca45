"""A log that was renamed in place, as `ledger_adopt --new-origin` did until ADR 36.

The product renames no log any more, but reads and verifies those that were renamed. This writes
what the command wrote: `next-origin` whole, then the file of the origin, and the rest is put into
its places by `audit.keys.finish_rename`.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from dataclasses import asdict

from django.conf import settings

from audit import clock
from audit.db.durable_files import write_durably
from audit.keys import finish_rename, key_events, keyring, log_identity, prepared_rename, recovery
from audit.keys.prepared_rename import Succession
from audit.keys.recovery import Found
from audit.keys.recovery_records import Adoption, made_so_far
from audit.ledger import mldsa, note, tiles
from audit.ledger.key_transitions.origins import Tree
from audit.ledger.note import ED25519
from audit.sequencing import signed_state
from audit.sequencing.tree_store import read_tile
from tests.support.origin_statements import write_statement


def rename(name: str, reason: str, by: str) -> Adoption:
    """Let the log go on as `name` with what the database holds; called again it ends the rest."""
    finish_rename.complete()
    made = next(iter(made_so_far()[-1:]), None)
    if made is None or made.new_origin != name:
        made = _begin(name, recovery.find(), reason, by)
        finish_rename.complete()
    if settings.LEDGER_ORIGIN in ("", name):  # else the next start records it
        recovery.settle()
    return made


def change_origin(name: str) -> None:
    """The one step that made a prepared change true."""
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
    secret = {vkey: b64encode(seed).decode() for vkey, seed in seeds.items()}
    prepared = Succession(name, kept.size, until, statement, secret, asdict(made))
    write_durably(
        prepared_rename.path(log_identity.folder()), json.dumps(asdict(prepared)).encode()
    )
    change_origin(name)
    return made


def _signed_before(found: Found) -> list[Tree]:
    """Every tree that is known to have been signed under the present name."""
    known = [Tree(found.signed.size, found.signed.root)] if found.signed else []
    newest = signed_state.newest_checkpoint()
    if newest is not None and not signed_state.is_former(newest):
        known.append(Tree(newest.size, bytes(newest.root)))
    adopted = recovery.under_this_name()
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
